//! What the tests share: a client of an emulator, and waiting for a job.

use std::time::Duration;

use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus, Twin};
use jobs_api::{Client, ClientBuilder, RetryPolicy};
use jobs_emulator::{Device, Emulator, Pace};
use serde_json::json;

#[cfg(feature = "entra")]
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
#[cfg(feature = "entra")]
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn client(emulator: &Emulator) -> Client {
    builder(emulator).build().unwrap()
}

pub(crate) fn builder(emulator: &Emulator) -> ClientBuilder {
    let builder = ClientBuilder::from_connection_string(&emulator.connection_string()).unwrap();
    builder.endpoint(emulator.endpoint())
}

/// A hub on which jobs take no time, with one device.
pub(crate) async fn quick_hub() -> Emulator {
    let pace = Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::ZERO };
    Emulator::builder().pace(pace).device(Device::new("pump-1")).start().await
}

/// A hub on which a job stays in the state that this gives an hour to.
pub(crate) async fn slow_hub(slow: impl FnOnce(&mut Pace) -> &mut Duration) -> Emulator {
    let mut pace = Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::ZERO };
    *slow(&mut pace) = Duration::from_secs(3600);
    Emulator::builder().pace(pace).device(Device::new("pump-1")).start().await
}

pub(crate) fn reboot() -> JobRequest {
    JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "*")
}

pub(crate) fn set_interval() -> JobRequest {
    JobRequest::twin_update(Twin::patch().with_desired(json!({ "interval": 30 })), "*")
}

/// Reads the job until it is in one of these states.
pub(crate) async fn wait_for(client: &Client, id: &str, wanted: &[JobStatus]) -> JobResponse {
    let poll = async {
        loop {
            let job = client.get_scheduled_job(id).await.unwrap();
            if job.status.as_ref().is_some_and(|status| wanted.contains(status)) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, poll).await.unwrap()
}

pub(crate) async fn wait_for_end(client: &Client, id: &str) -> JobResponse {
    wait_for(client, id, &[JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled]).await
}

/// Retries as the default does, without losing time.
pub(crate) fn eager() -> RetryPolicy {
    RetryPolicy::default().with_base(Duration::from_millis(1))
}

pub(crate) fn eager_client(hub: &Emulator) -> Client {
    builder(hub).retry(eager()).build().unwrap()
}

/// The methods that reached the hub, in order.
pub(crate) fn arrived(hub: &Emulator) -> String {
    hub.requests().iter().map(|request| request.method.as_str()).collect::<Vec<_>>().join(" ")
}

/// Tokio's clock, standing still until it is moved: for tests that begin with it paused.
///
/// While this lives the clock does not run ahead by itself when everybody waits for the network.
pub(crate) struct FrozenClock {
    /// Dropped with the rest, which ends the blocking task.
    _alive: std::sync::mpsc::Sender<()>,
}

impl FrozenClock {
    pub(crate) fn new() -> Self {
        let (_alive, gone) = std::sync::mpsc::channel();
        // A paused clock runs ahead only while no blocking task is under way.
        tokio::task::spawn_blocking(move || gone.recv());
        Self { _alive }
    }

    /// Lets everybody go on until this is so, and until all wait for the clock again.
    pub(crate) async fn until(&self, condition: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !condition() {
            assert!(start.elapsed() < PATIENCE, "it did not come about");
            self.settle().await;
        }
        self.advance(Duration::ZERO).await;
    }

    /// Moves the clock, and lets those go on whose wait is over.
    pub(crate) async fn advance(&self, time: Duration) {
        tokio::time::advance(time).await;
        for _ in 0..20 {
            self.settle().await;
        }
    }

    /// Moves the clock second by second until this is so.
    pub(crate) async fn advance_until(&self, condition: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !condition() {
            assert!(start.elapsed() < PATIENCE, "it did not come about");
            self.advance(Duration::from_secs(1)).await;
        }
    }

    async fn settle(&self) {
        std::thread::sleep(Duration::from_millis(1));
        tokio::task::yield_now().await;
    }
}
