//! The flags of a hub.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bpaf::{Parser, construct, long};
use chrono::{DateTime, Utc};
use jobs_emulator::{HubBehavior, Pace, Throttle, Tier};

/// Primary key of the policy `iothubowner` unless `--key` replaces it. It is published: not a secret.
const PUBLISHED_KEY: &[u8] = b"jobs-emulator: not a secret key!";

/// Flags of a hub. They hold a key, so they are not for `Debug`.
#[derive(Clone)]
pub(crate) struct Arguments {
    pub(crate) host: IpAddr,
    pub(crate) port: u16,
    pub(crate) http: bool,
    pub(crate) hub_name: String,
    pub(crate) certificate: CertificateFiles,
    pub(crate) key: Vec<u8>,
    pub(crate) fleet: Fleet,
    pub(crate) tier: Tier,
    pub(crate) units: u32,
    pub(crate) throttle: Throttle,
    pub(crate) pace: Pace,
    pub(crate) clock: Option<DateTime<Utc>>,
    pub(crate) seed: Option<u64>,
    pub(crate) record: usize,
    pub(crate) strict_api_version: Option<String>,
    pub(crate) behavior: HubBehavior,
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) verbose: bool,
}

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub(crate) enum CertificateFiles {
    /// An authority that is gone when the program ends.
    Temporary,
    /// An authority that is kept in this file.
    Authority(PathBuf),
    Given {
        certificate: PathBuf,
        key: PathBuf,
    },
}

/// The devices of the hub.
#[derive(Clone, Debug)]
pub(crate) enum Fleet {
    Generated(usize),
    File(PathBuf),
}

/// Parses the flags of a hub.
pub(crate) fn arguments() -> impl Parser<Arguments> {
    let host = long("host")
        .help("Address to listen at: 127.0.0.1 by default, 0.0.0.0 for all")
        .argument::<IpAddr>("ADDRESS")
        .fallback(IpAddr::from([127, 0, 0, 1]));
    let port = long("port")
        .help("Port to listen at: 8443 by default, 0 for any that is free")
        .argument::<u16>("PORT")
        .fallback(8443);
    let http = long("http").help("Serve without TLS on the same port, beside TLS").switch();
    let hub_name = long("hub-name")
        .help("Host name of the hub, for tokens and the certificate: emulator.localhost by default")
        .argument::<String>("NAME")
        .fallback("emulator.localhost".into());
    let key = long("key")
        .help("Primary key of the policy iothubowner, in Base64, in place of the published one")
        .argument::<String>("BASE64")
        .parse(|text| BASE64.decode(text).map_err(|error| format!("not Base64: {error}")))
        .guard(|key| !key.is_empty(), "must not be empty")
        .fallback(PUBLISHED_KEY.to_vec());
    let tier = long("tier")
        .help("Tier of the hub: free, b1, b2, b3, s1, s2 or s3; s1 by default")
        .argument::<Tier>("TIER")
        .fallback(Tier::S1);
    let units = long("units").help("Units of the hub: 1 by default").argument::<u32>("N").fallback(1);
    let throttle = throttle();
    let pace = long("pace")
        .help("Milliseconds that a job is queued, scheduled and running: 50,50,200 by default")
        .argument::<String>("MS,MS,MS")
        .parse(parse_pace)
        .fallback(Pace::default());
    let clock = long("clock")
        .help("Time at which the hub's clock starts, such as 2030-01-01T00:00:00Z: now by default")
        .argument::<DateTime<Utc>>("TIME")
        .optional();
    let seed =
        long("seed").help("Seed of the delays of devices: random by default").argument::<u64>("N").optional();
    let record = long("record")
        .help("Record the newest N requests, for /_emulator/requests: none by default")
        .argument::<usize>("N")
        .fallback(0);
    let strict_api_version = long("strict-api-version")
        .help("Accept this api-version only: by default all from 2018-06-30 to 2024-03-31 that clients send")
        .argument::<String>("VERSION")
        .optional();
    let behavior = behavior();
    let ready_file = long("ready-file")
        .help("Write the line that tells that the hub is ready to this file as well")
        .argument::<PathBuf>("FILE")
        .optional();
    let verbose = long("verbose").short('v').help("Log one line a request").switch();
    let certificate = certificate();
    let fleet = fleet();
    construct!(Arguments {
        host,
        port,
        http,
        hub_name,
        certificate,
        key,
        fleet,
        tier,
        units,
        throttle,
        pace,
        clock,
        seed,
        record,
        strict_api_version,
        behavior,
        ready_file,
        verbose,
    })
}

fn throttle() -> impl Parser<Throttle> {
    let is_on = long("throttle")
        .help("Meter requests and devices by the limits of tier and units: on by default")
        .argument::<String>("on|off")
        .parse(|text| match text.as_str() {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err("must be on or off"),
        })
        .fallback(true);
    let burst = long("burst")
        .help("Burst of the meters, as the seconds in which their rate brings as much: 60 by default")
        .argument::<u32>("SECONDS")
        .optional();
    let queue = long("queue")
        .help("Queue of the meters, as the longest wait in seconds: 30 by default")
        .argument::<u32>("SECONDS")
        .optional();
    construct!(is_on, burst, queue).map(|(is_on, burst, queue)| {
        let mut throttle = if is_on { Throttle::documented() } else { Throttle::off() };
        if let Some(burst) = burst {
            throttle = throttle.burst(Duration::from_secs(burst.into()));
        }
        if let Some(queue) = queue {
            throttle = throttle.queue(Duration::from_secs(queue.into()));
        }
        throttle
    })
}

fn behavior() -> impl Parser<HubBehavior> {
    long("behavior")
        .help("Behave otherwise than most hubs seen, such as create-lag=5: see the README for the settings")
        .argument::<String>("NAME=VALUE")
        .many()
        .parse(|settings| {
            let mut behavior = HubBehavior::default();
            for setting in settings {
                let (name, value) = setting.split_once('=').unwrap_or((&setting, ""));
                behavior.set(name, value)?;
            }
            Ok::<_, String>(behavior)
        })
}

fn certificate() -> impl Parser<CertificateFiles> {
    let certificate =
        long("cert").help("Serve with this certificate chain, in PEM").argument::<PathBuf>("FILE");
    let key = long("cert-key").help("Private key of the certificate, in PEM").argument::<PathBuf>("FILE");
    let given = construct!(CertificateFiles::Given { certificate, key });
    let authority = long("ca-out")
        .help("Keep the authority of the hub's certificate in this file, and its key beside it")
        .argument::<PathBuf>("FILE")
        .map(CertificateFiles::Authority);
    construct!([given, authority]).fallback(CertificateFiles::Temporary)
}

fn fleet() -> impl Parser<Fleet> {
    let generated = long("devices")
        .help("Start with N devices, device-0000001 and so on: none by default")
        .argument::<usize>("N")
        .guard(|count| *count <= 10_000_000, "must be at most 10000000")
        .map(Fleet::Generated);
    let file = long("fleet")
        .help("Start with the devices of this file")
        .argument::<PathBuf>("FILE")
        .map(Fleet::File);
    construct!([generated, file]).fallback(Fleet::Generated(0))
}

fn parse_pace(text: String) -> Result<Pace, String> {
    let parts: Result<Vec<u64>, _> = text.split(',').map(str::parse).collect();
    match parts.as_deref() {
        Ok([queued, scheduled, running]) => {
            let [queued, scheduled, running] = [*queued, *scheduled, *running].map(Duration::from_millis);
            Ok(Pace { queued, scheduled, running })
        }
        _ => Err("must be three numbers of milliseconds, such as 50,50,200".into()),
    }
}
