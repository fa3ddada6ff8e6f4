//! Shared by the tests: hubs, clients, requests, polling and a clock under the test's control.

use std::time::Duration;

use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus, Twin};
use jobs_api::{Client, ClientBuilder, RetryPolicy};
use jobs_emulator::{Device, Emulator, Pace};
use serde_json::json;

#[cfg(feature = "entra")]
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
#[cfg(feature = "entra")]
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// Bounds every wait; far longer than any of them takes.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns a client of the hub with its connection string.
pub(crate) fn client(emulator: &Emulator) -> Client {
    builder(emulator).build().unwrap()
}

/// Returns a builder of a client of the hub, with its connection string and endpoint.
pub(crate) fn builder(emulator: &Emulator) -> ClientBuilder {
    let builder = ClientBuilder::from_connection_string(&emulator.connection_string()).unwrap();
    builder.endpoint(emulator.endpoint())
}

/// Starts a hub with one device, on which jobs complete at once.
pub(crate) async fn quick_hub() -> Emulator {
    let pace = Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::ZERO };
    Emulator::builder().pace(pace).device(Device::new("pump-1")).start().await
}

/// Starts a hub with one device, on which jobs spend an hour in the state that `slow` selects.
pub(crate) async fn slow_hub(slow: impl FnOnce(&mut Pace) -> &mut Duration) -> Emulator {
    let mut pace = Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::ZERO };
    *slow(&mut pace) = Duration::from_secs(3600);
    Emulator::builder().pace(pace).device(Device::new("pump-1")).start().await
}

/// Returns a request that calls the method `reboot` on every device.
pub(crate) fn reboot() -> JobRequest {
    JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "*")
}

/// Returns a request that updates the twin of every device.
pub(crate) fn set_interval() -> JobRequest {
    JobRequest::twin_update(Twin::patch().with_desired(json!({ "interval": 30 })), "*")
}

/// Polls the job until it is in one of the `wanted` states.
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
    tokio::time::timeout(TEST_TIMEOUT, poll).await.unwrap()
}

/// Polls the job until it has ended.
pub(crate) async fn wait_for_end(client: &Client, id: &str) -> JobResponse {
    wait_for(client, id, &[JobStatus::Completed, JobStatus::Failed, JobStatus::Cancelled]).await
}

/// Returns the default retry policy with a back-off of milliseconds.
pub(crate) fn fast_retries() -> RetryPolicy {
    RetryPolicy::default().with_base(Duration::from_millis(1))
}

/// Returns a client of the hub that retries after milliseconds.
pub(crate) fn fast_retry_client(hub: &Emulator) -> Client {
    builder(hub).retry(fast_retries()).build().unwrap()
}

/// Returns the HTTP methods of the requests that reached the hub, in order.
pub(crate) fn received_methods(hub: &Emulator) -> String {
    hub.requests().iter().map(|request| request.method.as_str()).collect::<Vec<_>>().join(" ")
}

/// Tokio's clock under the test's control, for tests that start with the clock paused.
///
/// While this value lives, Tokio does not advance the paused clock when all tasks wait for the network.
pub(crate) struct FrozenClock {
    /// Dropping it ends the blocking task.
    _alive: std::sync::mpsc::Sender<()>,
}

impl FrozenClock {
    pub(crate) fn new() -> Self {
        let (_alive, closed) = std::sync::mpsc::channel();
        // Tokio advances a paused clock only while no blocking task is running.
        tokio::task::spawn_blocking(move || closed.recv());
        Self { _alive }
    }

    /// Lets tasks run until `condition` holds and all of them wait for the clock again.
    pub(crate) async fn run_until(&self, condition: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !condition() {
            assert!(start.elapsed() < TEST_TIMEOUT, "the condition was not met in time");
            self.let_tasks_run().await;
        }
        self.advance(Duration::ZERO).await;
    }

    /// Advances the clock and lets the tasks run whose timers have fired.
    pub(crate) async fn advance(&self, time: Duration) {
        tokio::time::advance(time).await;
        for _ in 0..20 {
            self.let_tasks_run().await;
        }
    }

    /// Advances the clock second by second until `condition` holds.
    pub(crate) async fn advance_until(&self, condition: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !condition() {
            assert!(start.elapsed() < TEST_TIMEOUT, "the condition was not met in time");
            self.advance(Duration::from_secs(1)).await;
        }
    }

    async fn let_tasks_run(&self) {
        std::thread::sleep(Duration::from_millis(1));
        tokio::task::yield_now().await;
    }
}
