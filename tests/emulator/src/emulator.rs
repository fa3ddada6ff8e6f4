//! Starting, looking into and stopping a hub.

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::Value;

use crate::access::{Access, PolicyKey};
use crate::device::Device;
use crate::fault::{Fault, Route, When};
use crate::hub::{Hub, lock};
use crate::issuer::Issuer;
use crate::server::{Request, Server};
use crate::tls::{Certificate, Tls};

/// What tokens are made for: a name that no real hub can have.
const HOST_NAME: &str = "emulator.localhost";
/// The concurrent jobs of the tier S1.
const CONCURRENT_JOBS: usize = 1;

/// How long a job stays in each of its states.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// Before it is scheduled.
    pub queued: Duration,
    /// Before it runs, when its start time has come.
    pub scheduled: Duration,
    /// While it goes through its devices.
    pub running: Duration,
}

impl Default for Pace {
    /// A job of 300 milliseconds.
    fn default() -> Self {
        let [queued, scheduled, running] = [50, 50, 200].map(Duration::from_millis);
        Self { queued, scheduled, running }
    }
}

/// Sets up an [`Emulator`].
#[derive(Clone, Debug)]
pub struct EmulatorBuilder {
    host_name: String,
    certificate: Option<Certificate>,
    devices: Vec<Device>,
    pace: Pace,
    concurrent_jobs: usize,
}

impl EmulatorBuilder {
    /// Gives the hub this name: tokens must be for it, and a certificate is made for it.
    #[must_use]
    pub fn host_name(mut self, host_name: impl Into<String>) -> Self {
        self.host_name = host_name.into();
        self
    }

    /// Serves over TLS, with a certificate of an authority that is made for this hub.
    #[must_use]
    pub fn tls(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
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

    /// Sets how many jobs may be active at once: 1 on free and S1, 5 on S2, 10 on S3.
    #[must_use]
    pub fn concurrent_jobs(mut self, count: usize) -> Self {
        self.concurrent_jobs = count;
        self
    }

    /// Starts the hub on a free port of the loopback interface.
    ///
    /// # Panics
    ///
    /// There is no free port, or no file can be written for the authority's certificate.
    #[allow(clippy::expect_used, reason = "a test without a server is over")]
    pub async fn start(self) -> Emulator {
        let tls = self.certificate.map(|certificate| {
            Tls::new(certificate, &self.host_name).expect("a certificate for the hub's host name")
        });
        let access = Access::new(self.host_name);
        let hub = Arc::new(Hub::new(access, self.devices, self.pace, self.concurrent_jobs));
        let server = Server::start(hub.clone(), tls).await.expect("a free port on the loopback interface");
        Emulator { hub, server }
    }
}

/// A hub that runs until it is dropped.
///
/// Dropping it ends every connection and job. When a device's method handler has panicked, dropping
/// it panics with that panic, so that a test fails with the cause.
pub struct Emulator {
    hub: Arc<Hub>,
    server: Server,
}

impl Emulator {
    /// Starts a hub without devices and with the defaults of [`builder`](Self::builder).
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Sets up a hub: no devices, jobs of 300 milliseconds, the concurrent jobs of S1.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder {
            host_name: HOST_NAME.to_owned(),
            certificate: None,
            devices: Vec::new(),
            pace: Pace::default(),
            concurrent_jobs: CONCURRENT_JOBS,
        }
    }

    /// The URL that stands in for `https://` and the host name.
    pub fn endpoint(&self) -> String {
        let scheme = if self.server.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.server.address)
    }

    /// The hub's name. It is for tokens and certificates only: requests go to
    /// [`endpoint`](Self::endpoint).
    pub fn host_name(&self) -> &str {
        &self.hub.access.host_name
    }

    /// The file with the certificate, in PEM, of the authority that clients must trust; `None` without
    /// TLS. It is there for as long as the hub is.
    pub fn authority_path(&self) -> Option<&Path> {
        self.server.tls.as_deref().map(Tls::authority_path)
    }

    /// The connection string of a policy that may do everything, with its primary key. It names the hub
    /// but not where it is: a client must be told the [`endpoint`](Self::endpoint) too.
    pub fn connection_string(&self) -> String {
        self.connection_string_with(PolicyKey::Primary)
    }

    /// The connection string of that policy with either of its keys.
    pub fn connection_string_with(&self, key: PolicyKey) -> String {
        self.hub.access.connection_string(key)
    }

    /// Makes a key of the policy anew: tokens that were signed with the one before are refused.
    pub fn regenerate_key(&self, key: PolicyKey) {
        self.hub.access.regenerate(key);
    }

    /// Who issues the bearer tokens that this hub takes.
    pub fn issuer(&self) -> Issuer {
        self.hub.access.issuer.clone()
    }

    /// What arrived, in order.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.server.requests).clone()
    }

    /// Lets something go wrong. Of several faults that are due, the one asked for first happens.
    pub fn inject(&self, route: Route, when: When, fault: Fault) {
        self.hub.faults.add(route, when, fault);
    }

    /// Puts the hub's clock ahead of the machine's, or behind it.
    pub fn set_clock_offset(&self, offset: TimeDelta) {
        self.hub.set_clock_offset(offset);
    }

    /// Loses a job, as a hub does after 30 days.
    pub fn forget_job(&self, id: &str) {
        self.hub.state().forget(id);
    }

    /// The twin of a device as it stands; `None` when there is no such device.
    pub fn twin(&self, device_id: &str) -> Option<Value> {
        self.hub.state().devices.get(device_id).map(Device::twin)
    }

    /// Adds a device to the running hub, or replaces the one of its id.
    pub fn add_device(&self, device: Device) {
        self.hub.state().devices.insert(device.id().to_owned(), device);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(panic) = self.hub.stop()
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}
