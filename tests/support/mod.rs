//! Shared by the tests: hubs, clients, requests and polling; credential providers, clock; capture of logs, spans and metrics.

pub(crate) mod capture;
pub(crate) mod clock;
pub(crate) mod identity;
pub(crate) mod meter;
pub(crate) mod span;

use std::time::Duration;

use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus, Twin};
use jobs_api::{Client, ClientBuilder, ConnectionString, Credential, RetryPolicy};
use jobs_emulator::{Device, Emulator, HubBehavior, Pace, TokenClock, Unreachable};

use serde_json::Value;

use self::clock::TEST_TIMEOUT;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// The pace of a hub on which jobs complete at once.
pub(crate) const AT_ONCE: Pace =
    Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::ZERO };

/// Returns the API version of the spec.
pub(crate) fn api_version() -> String {
    let spec: Value = serde_json::from_str(include_str!("../../spec/openapi.json")).unwrap();
    spec["info"]["version"].as_str().unwrap().to_owned()
}

/// Returns a client of the hub with its connection string.
pub(crate) fn client(hub: &Emulator) -> Client {
    builder(hub).build().unwrap()
}

/// Returns a builder of a client of the hub, with its connection string and endpoint.
pub(crate) fn builder(hub: &Emulator) -> ClientBuilder {
    let builder = ClientBuilder::from_connection_string(&hub.connection_string()).unwrap();
    builder.endpoint(hub.endpoint())
}

/// Returns a builder of a client of the hub with another credential than that of its connection string.
pub(crate) fn builder_with(hub: &Emulator, credential: Credential) -> ClientBuilder {
    let connection: ConnectionString = hub.connection_string().parse().unwrap();
    Client::builder(connection.host_name(), credential).endpoint(hub.endpoint())
}

/// The behavior of a hub on which methods fail on offline devices without waiting for the time limit.
pub(crate) fn offline_fails_at_once() -> HubBehavior {
    HubBehavior { unreachable_devices: Unreachable::FailAtOnce, ..HubBehavior::default() }
}

/// The behavior of a hub on which jobs hold no slot until they start.
pub(crate) fn later_jobs_hold_no_slot() -> HubBehavior {
    HubBehavior { scheduled_jobs_hold_slots: false, ..HubBehavior::default() }
}

/// Starts a hub with one device, on which jobs complete at once.
pub(crate) async fn quick_hub() -> Emulator {
    Emulator::builder().pace(AT_ONCE).device(Device::new("pump-1")).start().await
}

/// Starts a hub as [`quick_hub`], on which tokens expire by its own clock, whatever the machine's is.
pub(crate) async fn own_clock_hub() -> Emulator {
    let behavior = HubBehavior { token_clock: TokenClock::Hub, ..HubBehavior::default() };
    Emulator::builder().pace(AT_ONCE).device(Device::new("pump-1")).behavior(behavior).start().await
}

/// Starts a hub with one device, on which jobs spend 50 minutes in the state that `slow` selects: less than
/// the time limit of a job that sets none.
pub(crate) async fn slow_hub(slow: impl FnOnce(&mut Pace) -> &mut Duration) -> Emulator {
    let mut pace = AT_ONCE;
    *slow(&mut pace) = Duration::from_secs(50 * 60);
    Emulator::builder().pace(pace).device(Device::new("pump-1")).start().await
}

/// Returns a request that calls the method `reboot` on every device.
pub(crate) fn reboot() -> JobRequest {
    JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "*")
}

/// Returns a request that updates the twin of every device.
pub(crate) fn set_interval() -> JobRequest {
    JobRequest::twin_update(Twin::patch().with_desired([("interval", 30)]), "*")
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
    let millisecond = Duration::from_millis(1);
    RetryPolicy::default().with_base(millisecond).with_breaker(5, millisecond)
}

/// Returns a client of the hub that retries after milliseconds.
pub(crate) fn fast_retry_client(hub: &Emulator) -> Client {
    builder(hub).retry(fast_retries()).build().unwrap()
}

/// Returns the HTTP methods of the requests that reached the hub, in order.
pub(crate) fn received_methods(hub: &Emulator) -> String {
    hub.requests().iter().map(|request| request.method.as_str()).collect::<Vec<_>>().join(" ")
}
