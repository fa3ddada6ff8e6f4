//! What the tests share: a client of an emulator, and waiting for a job.

use std::time::Duration;

use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus, Twin};
use jobs_api::{Client, ClientBuilder};
use jobs_emulator::{Device, Emulator, Pace};
use serde_json::json;

/// Far longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

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
