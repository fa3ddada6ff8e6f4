//! Setting up a hub.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::auth::Authorizer;
use crate::behavior::HubBehavior;
use crate::clock::Clock;
use crate::emulator::Emulator;
use crate::fleet::{Device, Registry};
use crate::hub::{Hub, HubSettings};
use crate::jobs::{Schedule, ScheduleSettings};
use crate::limits::{FREE_TIER_DEVICES, RECORDED_REQUESTS};
use crate::pace::Pace;
use crate::request::Recorder;
use crate::server::Server;
use crate::start_error::StartError;
use crate::throttle::{Meters, Throttle};
use crate::tier::Tier;
#[cfg(feature = "tls")]
use crate::tls::Certificate;
use crate::tls::{Tls, TlsSource};

/// Host name of a hub that is given none: one that no real hub can have.
const HOST_NAME: &str = "emulator.localhost";

impl Emulator {
    /// Starts a hub without devices and with the defaults of [`builder`](Self::builder).
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Sets up a hub: no devices, jobs of 300 milliseconds, one active job, no throttling.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }
}

/// Sets up an [`Emulator`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use jobs_emulator::{Emulator, Throttle, Tier, generate_fleet};
///
/// let emulator = Emulator::builder()
///     .devices(generate_fleet(1000))
///     .tier(Tier::S2)
///     .throttle(Throttle::documented())
///     .start()
///     .await;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct EmulatorBuilder {
    host_name: String,
    address: SocketAddr,
    tls: Option<TlsSource>,
    is_plain_allowed: bool,
    devices: Vec<Device>,
    pace: Pace,
    tier: Tier,
    units: u32,
    throttle: Throttle,
    concurrent_jobs: Option<usize>,
    clock: Option<DateTime<Utc>>,
    is_clock_paused: bool,
    seed: Option<u64>,
    owner_key: Option<Key<Vec<u8>>>,
    control_key: Option<Key<String>>,
    recorded_requests: usize,
    strict_api_version: Option<String>,
    behavior: HubBehavior,
}

impl EmulatorBuilder {
    /// Sets the hub's name, for tokens and certificates; `emulator.localhost` by default.
    #[must_use]
    pub fn host_name(mut self, host_name: impl Into<String>) -> Self {
        self.host_name = host_name.into();
        self
    }

    /// Listens at this address instead of a free port of the loopback interface. Port 0 is a free port.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Adds a device.
    #[must_use]
    pub fn device(mut self, device: Device) -> Self {
        self.devices.push(device);
        self
    }

    /// Adds devices.
    #[must_use]
    pub fn devices(mut self, devices: impl IntoIterator<Item = Device>) -> Self {
        self.devices.extend(devices);
        self
    }

    /// Sets how long a job stays in each of its states.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Sets the tier; S1 by default.
    #[must_use]
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = tier;
        self
    }

    /// Sets how many units the hub has; 1 by default.
    #[must_use]
    pub fn units(mut self, units: u32) -> Self {
        self.units = units;
        self
    }

    /// Sets the throttling; off by default, so that a test is not slowed down.
    #[must_use]
    pub fn throttle(mut self, throttle: Throttle) -> Self {
        self.throttle = throttle;
        self
    }

    /// Sets how many jobs may be active at once, instead of what the tier allows: 1 on free and S1, 5 on
    /// S2, 10 on S3.
    #[must_use]
    pub fn concurrent_jobs(mut self, count: usize) -> Self {
        self.concurrent_jobs = Some(count);
        self
    }

    /// Starts the hub's clock at this time, of the years 1970 to 9000, instead of the machine's.
    #[must_use]
    pub fn clock(mut self, start: DateTime<Utc>) -> Self {
        self.clock = Some(start);
        self
    }

    /// Starts the hub's clock paused: it moves only when it is set or advanced.
    #[must_use]
    pub fn pause_clock(mut self) -> Self {
        self.is_clock_paused = true;
        self
    }

    /// Seeds the delays of devices; random by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Sets the primary key of the policy `iothubowner`; random by default. The other keys are made from it.
    #[must_use]
    pub fn owner_key(mut self, key: impl Into<Vec<u8>>) -> Self {
        self.owner_key = Some(Key(key.into()));
        self
    }

    /// Lets callers on other machines control the emulator under `/_emulator/`, with this key as the password of
    /// basic authentication. Callers on the same machine need none.
    #[must_use]
    pub fn control_key(mut self, key: impl Into<String>) -> Self {
        self.control_key = Some(Key(key.into()));
        self
    }

    /// Records the newest so many requests; 10,000 by default, 0 for none.
    #[must_use]
    pub fn record_requests(mut self, count: usize) -> Self {
        self.recorded_requests = count;
        self
    }

    /// Accepts this `api-version` only, instead of all that clients in use send.
    #[must_use]
    pub fn strict_api_version(mut self, version: impl Into<String>) -> Self {
        self.strict_api_version = Some(version.into());
        self
    }

    /// Sets how the hub behaves where sources differ, and how far its reads lag.
    #[must_use]
    pub fn behavior(mut self, behavior: HubBehavior) -> Self {
        self.behavior = behavior;
        self
    }

    /// Starts the hub.
    ///
    /// # Panics
    ///
    /// The hub does not start; see [`try_start`](Self::try_start).
    #[allow(clippy::panic, reason = "a test without a server is over")]
    pub async fn start(self) -> Emulator {
        match self.try_start().await {
            Ok(emulator) => emulator,
            Err(error) => {
                panic!("the emulator does not start: {error}: {:?}", std::error::Error::source(&error))
            }
        }
    }

    /// Starts the hub.
    ///
    /// # Errors
    ///
    /// The address is in use, a file for TLS is unusable, the tier does not allow the devices or units, or
    /// the clock is out of its range.
    pub async fn try_start(self) -> Result<Emulator, StartError> {
        let clock = Clock::new(self.clock, self.is_clock_paused).ok_or(StartError::Clock)?;
        let clock = Arc::new(clock);
        let tls = self
            .tls
            .as_ref()
            .map(|source| Tls::new(source, &self.host_name, self.address.ip()))
            .transpose()?;
        let registry = Registry::new(self.devices, clock.now());
        check_tier(self.tier, self.units, registry.len())?;
        let (meters, device_operations) = Meters::new(&self.throttle, self.tier, self.units);
        let schedule_settings = ScheduleSettings {
            pace: self.pace,
            concurrent_jobs: self.concurrent_jobs.unwrap_or_else(|| self.tier.concurrent_jobs()),
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..)),
            behavior: self.behavior,
        };
        let schedule = Schedule::new(registry, schedule_settings, device_operations);
        let settings = HubSettings {
            tier: self.tier,
            strict_api_version: self.strict_api_version,
            behavior: self.behavior,
            control_key: self.control_key.map(|Key(key)| key),
        };
        let owner_key = self.owner_key.map(|Key(key)| key);
        let authorizer = Authorizer::new(self.host_name, owner_key, clock.clone(), self.behavior.token_clock);
        let recorder = Recorder::new(self.recorded_requests);
        let hub = Arc::new(Hub::new(settings, authorizer, clock, meters, schedule, recorder));
        let server = Server::start(hub.clone(), self.address, tls, self.is_plain_allowed).await;
        let server = server.map_err(|source| StartError::Address { address: self.address, source })?;
        Ok(Emulator::new(hub, server))
    }
}

#[cfg(feature = "tls")]
impl EmulatorBuilder {
    /// Serves over TLS, with a certificate of an authority made for this hub.
    #[must_use]
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.tls = Some(TlsSource::Private(certificate));
        self
    }

    /// Serves over TLS, with a certificate of the authority in this file.
    ///
    /// The authority is made, with its key beside it (`ca.key.pem` for `ca.pem`), if the file does not
    /// exist, and used again if it does: clients trust it across restarts.
    #[must_use]
    pub fn tls_authority(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls = Some(TlsSource::Kept(path.into()));
        self
    }

    /// Serves over TLS, with the certificate chain and the key in these files, in PEM.
    #[must_use]
    pub fn tls_files(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.tls = Some(TlsSource::Files { certificate: certificate.into(), key: key.into() });
        self
    }

    /// Serves without TLS on the same port, beside TLS.
    #[must_use]
    pub fn plain_beside_tls(mut self) -> Self {
        self.is_plain_allowed = true;
        self
    }
}

impl Default for EmulatorBuilder {
    fn default() -> Self {
        Self {
            host_name: HOST_NAME.to_owned(),
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            tls: None,
            is_plain_allowed: false,
            devices: Vec::new(),
            pace: Pace::default(),
            tier: Tier::S1,
            units: 1,
            throttle: Throttle::off(),
            concurrent_jobs: None,
            clock: None,
            is_clock_paused: false,
            seed: None,
            owner_key: None,
            control_key: None,
            recorded_requests: RECORDED_REQUESTS,
            strict_api_version: None,
            behavior: HubBehavior::default(),
        }
    }
}

/// A key, which `Debug` does not show.
#[derive(Clone)]
struct Key<T>(T);

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

fn check_tier(tier: Tier, units: u32, devices: usize) -> Result<(), StartError> {
    match (tier, units) {
        (_, 0) => Err(StartError::Tier("a hub has at least one unit".into())),
        (Tier::Free, 2..) => Err(StartError::Tier("a hub in the free tier has one unit".into())),
        (Tier::Free, _) if devices > FREE_TIER_DEVICES => Err(StartError::Tier(format!(
            "a hub in the free tier has at most {FREE_TIER_DEVICES} devices, not {devices}"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_key() {
        let text = format!("{:?}", Emulator::builder().owner_key(b"secret".to_vec()));
        assert!(text.contains("Key(…)") && !text.contains("115"), "{text}");
    }
}
