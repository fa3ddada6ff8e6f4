//! A running hub.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::auth::{Issuer, Policy, PolicyKey};
use crate::fault::{Fault, FaultTarget, When};
use crate::fleet::Device;
use crate::hub::Hub;
use crate::request::Request;
use crate::server::Server;
use crate::tls::Tls;

const CLOCK_RANGE: &str = "the clock must stay within the years 1970 to 9000";

/// A hub that runs until it is dropped.
///
/// Dropping it ends every connection and job. When a device's method handler has panicked, dropping it
/// panics with that panic, so that a test fails with the cause.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use jobs_emulator::{Device, Emulator};
/// use serde_json::json;
///
/// let emulator = Emulator::builder()
///     .device(Device::new("pump-1").with_tags(json!({ "building": "43" })))
///     .device(Device::new("pump-2").offline())
///     .start()
///     .await;
/// println!("{} with {}", emulator.endpoint(), emulator.connection_string());
/// # }
/// ```
pub struct Emulator {
    hub: Arc<Hub>,
    server: Server,
}

impl Emulator {
    pub(crate) fn new(hub: Arc<Hub>, server: Server) -> Self {
        Self { hub, server }
    }

    /// Returns the URL that takes the place of `https://` and the host name.
    pub fn endpoint(&self) -> String {
        let scheme = if self.server.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.server.address)
    }

    /// Returns the address that the hub listens at.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Returns the hub's name, which is for tokens and certificates only: requests go to
    /// [`endpoint`](Self::endpoint).
    pub fn host_name(&self) -> &str {
        &self.hub.authorizer.host_name
    }

    /// Returns the file with the certificate, in PEM, of the authority that clients must trust.
    ///
    /// `None` without TLS, and with a certificate from a file. Unless the authority is kept, its file is
    /// deleted with the emulator.
    pub fn authority_path(&self) -> Option<&Path> {
        self.server.tls.as_deref().and_then(Tls::authority_path)
    }

    /// Returns a connection string of the policy `iothubowner`, which has every right.
    ///
    /// It holds the hub's name, not its address: a client needs the [`endpoint`](Self::endpoint) too.
    /// [`local_connection_string`](Self::local_connection_string) holds the address instead.
    pub fn connection_string(&self) -> String {
        self.connection_string_with(PolicyKey::Primary)
    }

    /// Returns the connection string of `iothubowner` with either of its keys.
    pub fn connection_string_with(&self, key: PolicyKey) -> String {
        self.policy_connection_string(Policy::Owner, key)
    }

    /// Returns the connection string of a policy with either of its keys.
    pub fn policy_connection_string(&self, policy: Policy, key: PolicyKey) -> String {
        self.hub.authorizer.connection_string(self.host_name(), policy, key)
    }

    /// Returns a connection string of a policy that leads to the hub by itself, over TLS: its `HostName` is
    /// [`local_host`](Self::local_host).
    pub fn local_connection_string(&self, policy: Policy) -> String {
        self.hub.authorizer.connection_string(&self.local_host(), policy, PolicyKey::Primary)
    }

    /// Returns the host by which callers on this machine reach the hub: `localhost:PORT`, or the address that it
    /// listens at if that is another one. The port is left out if it is 443.
    pub fn local_host(&self) -> String {
        let host = match self.server.address.ip() {
            ip if ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST => "localhost".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        match self.server.address.port() {
            443 => host,
            port => format!("{host}:{port}"),
        }
    }

    /// Regenerates a key of `iothubowner`: tokens signed with the previous one are refused.
    pub fn regenerate_key(&self, key: PolicyKey) {
        self.hub.authorizer.regenerate(Policy::Owner, key);
    }

    /// Returns the issuer of the bearer tokens that this hub accepts.
    pub fn issuer(&self) -> Issuer {
        self.hub.authorizer.issuer.clone()
    }

    /// Returns the requests that arrived, in order: the newest 10,000 unless the builder says otherwise.
    pub fn requests(&self) -> Vec<Request> {
        self.hub.recorder.requests()
    }

    /// Injects a fault. Of several faults that are due, the one injected first happens.
    pub fn inject(&self, target: impl Into<FaultTarget>, when: When, fault: Fault) {
        self.hub.faults.add(target.into(), when, fault);
    }

    /// Removes all injected faults.
    pub fn clear_faults(&self) {
        self.hub.faults.clear();
    }

    /// Returns the hub's time.
    pub fn now(&self) -> DateTime<Utc> {
        self.hub.now()
    }

    /// Puts the hub's clock ahead of the machine's, or behind it. What is then due happens soon after.
    ///
    /// # Panics
    ///
    /// The offset leaves the years 1970 to 9000.
    pub fn set_clock_offset(&self, offset: TimeDelta) {
        assert!(self.hub.clock.set_offset(offset), "{CLOCK_RANGE}");
        self.hub.changed.notify_one();
    }

    /// Advances the hub's clock, and waits until everything has happened that is due by then.
    ///
    /// Each event happens at its own time: jobs start, run and end as if the time had passed.
    ///
    /// # Panics
    ///
    /// The time leaves the years 1970 to 9000.
    pub async fn advance_clock(&self, time: Duration) {
        let is_advanced = TimeDelta::from_std(time).is_ok_and(|time| self.hub.clock.advance(time));
        assert!(is_advanced, "{CLOCK_RANGE}");
        self.hub.settle().await;
    }

    /// Forgets a job, as a hub does 30 days after its end.
    pub fn forget_job(&self, id: &str) {
        self.hub.change(|schedule, now| schedule.forget(id, now));
    }

    /// Returns the twin of a device as a query does, without empty tags; `None` when there is no such device.
    pub fn twin(&self, device_id: &str) -> Option<Value> {
        self.hub.schedule().registry().get(device_id).map(Device::twin)
    }

    /// Adds a device to the running hub, or replaces the one with its id.
    pub fn add_device(&self, device: Device) {
        self.hub
            .change(|schedule, now| schedule.change_devices(now, |registry| registry.insert(device, now)));
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.stop();
        if let Some(panic) = self.hub.take_panic()
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
