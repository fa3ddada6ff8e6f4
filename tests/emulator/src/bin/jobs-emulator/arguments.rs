//! The flags of a hub.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
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
    pub(crate) control_key: Option<String>,
    pub(crate) fleet: Fleet,
    pub(crate) tier: Tier,
    pub(crate) units: u32,
    pub(crate) throttling: Throttling,
    pub(crate) pace: Pace,
    pub(crate) clock: Option<DateTime<Utc>>,
    pub(crate) is_paused: bool,
    pub(crate) seed: Option<u64>,
    pub(crate) record: usize,
    pub(crate) strict_api_version: Option<String>,
    pub(crate) behavior: HubBehavior,
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) ends_with_stdin: bool,
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

/// What a hub rejects because there is too much of it.
#[derive(Clone, Debug)]
pub(crate) struct Throttling {
    pub(crate) throttle: Throttle,
    /// How many jobs may be active at once; `None` for as many as the tier allows.
    pub(crate) concurrent_jobs: Option<usize>,
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
        .argument::<String>("ADDRESS")
        .parse(read("host", "must be an address, such as 127.0.0.1"))
        .fallback(IpAddr::from([127, 0, 0, 1]));
    let port = long("port")
        .help("Port to listen at: 8443 by default, 0 for any that is free")
        .argument::<String>("PORT")
        .parse(number("port", 0..=u16::MAX))
        .fallback(8443);
    let http = long("http").help("Serve without TLS on the same port, beside TLS").switch();
    let hub_name = long("hub-name")
        .help("Host name of the hub, for tokens and the certificate: emulator.localhost by default")
        .argument::<String>("NAME")
        .fallback("emulator.localhost".into());
    let key = long("key")
        .help("Primary key of the policy iothubowner, in Base64, in place of the published one")
        .argument::<String>("BASE64")
        .parse(|text| BASE64.decode(text).map_err(|error| format!("--key is not Base64: {error}")))
        .guard(|key| !key.is_empty(), "--key must not be empty")
        .fallback(PUBLISHED_KEY.to_vec());
    let control_key = long("control-key")
        .help("Let callers on other machines control the hub, with this password of basic authentication")
        .argument::<String>("KEY")
        .guard(|key| !key.is_empty(), "--control-key must not be empty")
        .optional();
    let tier = long("tier")
        .help("Tier of the hub: free, b1, b2, b3, s1, s2 or s3; s1 by default")
        .argument::<String>("TIER")
        .parse(read("tier", "must be free, b1, b2, b3, s1, s2 or s3"))
        .fallback(Tier::S1);
    let units = long("units")
        .help("Units of the hub: 1 by default")
        .argument::<String>("N")
        .parse(number("units", 0..=u32::MAX))
        .fallback(1);
    let throttling = throttling();
    let pace = long("pace")
        .help("Milliseconds that a job is queued, scheduled and running: 50,50,200 by default")
        .argument::<String>("MS,MS,MS")
        .parse(parse_pace)
        .fallback(Pace::default());
    let clock = long("clock")
        .help("Time at which the hub's clock starts, such as 2030-01-01T00:00:00Z: now by default")
        .argument::<String>("TIME")
        .parse(read("clock", "must be a time, such as 2030-01-01T00:00:00Z"))
        .optional();
    let is_paused =
        long("paused").help("Let the hub's clock stand still until it is set or advanced").switch();
    let seed = long("seed")
        .help("Seed of the delays of devices: random by default")
        .argument::<String>("N")
        .parse(number("seed", 0..=u64::MAX))
        .optional();
    let record = long("record")
        .help("Record the newest N requests, for /_emulator/requests: none by default")
        .argument::<String>("N")
        .parse(number("record", 0..=usize::MAX))
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
    let ends_with_stdin = long("end-with-stdin")
        .help("End when the standard input is closed, as when its parent ends")
        .switch();
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
        control_key,
        fleet,
        tier,
        units,
        throttling,
        pace,
        clock,
        is_paused,
        seed,
        record,
        strict_api_version,
        behavior,
        ready_file,
        ends_with_stdin,
        verbose,
    })
}

fn throttling() -> impl Parser<Throttling> {
    let is_on = long("throttle")
        .help("Meter requests, devices and active jobs by the limits of tier and units: on by default")
        .argument::<String>("on|off")
        .parse(|text| match text.as_str() {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err("--throttle must be on or off"),
        })
        .fallback(true);
    let burst = long("burst")
        .help("Burst of the meters, as the seconds in which their rate brings as much: 60 by default")
        .argument::<String>("SECONDS")
        .parse(number("burst", 0..=u32::MAX))
        .optional();
    let queue = long("queue")
        .help("Queue of the meters, as the longest wait in seconds: 40 by default")
        .argument::<String>("SECONDS")
        .parse(number("queue", 0..=u32::MAX))
        .optional();
    let concurrent_jobs = long("concurrent-jobs")
        .help("Active jobs at a time: by default as many as the tier allows, any number with --throttle off")
        .argument::<String>("N")
        .parse(number("concurrent-jobs", 1..=usize::MAX))
        .optional();
    construct!(is_on, burst, queue, concurrent_jobs).parse(|(is_on, burst, queue, concurrent_jobs)| {
        if !is_on && (burst.is_some() || queue.is_some()) {
            return Err("--burst and --queue have no effect with --throttle off");
        }
        if !is_on {
            let concurrent_jobs = concurrent_jobs.or(Some(usize::MAX));
            return Ok(Throttling { throttle: Throttle::off(), concurrent_jobs });
        }
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let throttle = burst.map(seconds).into_iter().fold(Throttle::documented(), Throttle::burst);
        let throttle = queue.map(seconds).into_iter().fold(throttle, Throttle::queue);
        Ok(Throttling { throttle, concurrent_jobs })
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
                behavior.set(name, value).map_err(|reason| format!("--behavior: {reason}"))?;
            }
            Ok::<_, String>(behavior)
        })
}

fn certificate() -> impl Parser<CertificateFiles> {
    let certificate =
        long("cert").help("Serve with this certificate chain, in PEM").argument::<PathBuf>("FILE").optional();
    let key = long("cert-key")
        .help("Private key of the certificate, in PEM")
        .argument::<PathBuf>("FILE")
        .optional();
    let authority = long("ca-out")
        .help("Keep the authority of the hub's certificate in this file, and its key beside it")
        .argument::<PathBuf>("FILE")
        .optional();
    construct!(certificate, key, authority).parse(|files| match files {
        (None, None, None) => Ok(CertificateFiles::Temporary),
        (None, None, Some(path)) => Ok(CertificateFiles::Authority(path)),
        (Some(certificate), Some(key), None) => Ok(CertificateFiles::Given { certificate, key }),
        (Some(_), None, _) => Err("--cert needs --cert-key"),
        (None, Some(_), _) => Err("--cert-key needs --cert"),
        (Some(_), Some(_), Some(_)) => Err("--ca-out has no effect with --cert"),
    })
}

fn fleet() -> impl Parser<Fleet> {
    let generated = long("devices")
        .help("Start with N devices, device-0000001 and so on: none by default")
        .argument::<String>("N")
        .parse(number("devices", 0..=10_000_000))
        .map(Fleet::Generated);
    let file = long("fleet")
        .help("Start with the devices of this file")
        .argument::<PathBuf>("FILE")
        .map(Fleet::File);
    construct!([generated, file]).fallback(Fleet::Generated(0))
}

/// Reads the value of a flag, which `rule` describes; the message about a mistake names the flag.
fn read<T: FromStr>(flag: &'static str, rule: &'static str) -> impl Fn(String) -> Result<T, String> {
    move |text| text.parse().map_err(|_| format!("--{flag} {rule}"))
}

/// Reads the number of a flag.
fn number<T: FromStr + PartialOrd + Display>(
    flag: &'static str,
    range: RangeInclusive<T>,
) -> impl Fn(String) -> Result<T, String> {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            format!("--{flag} must be a whole number from {} to {}", range.start(), range.end())
        })
    }
}

fn parse_pace(text: String) -> Result<Pace, &'static str> {
    let parts: Result<Vec<u64>, _> = text.split(',').map(str::parse).collect();
    match parts.as_deref() {
        Ok([queued, scheduled, running]) => {
            let [queued, scheduled, running] = [*queued, *scheduled, *running].map(Duration::from_millis);
            Ok(Pace { queued, scheduled, running })
        }
        _ => Err("--pace must be three numbers of milliseconds, such as 50,50,200"),
    }
}
