//! Execution of jobs on devices.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use jobs_api::types::{
    CloudToDeviceMethod, DeviceJob, DeviceJobStatus, JobRequest, JobStatus, QuerySpecification, Twin,
};
use jobs_api::{Client, JobOutcome, Timestamp};
use jobs_emulator::{Device, Emulator, HubBehavior, MethodAnswer, Pace, PayloadEcho};
use serde_json::{Value, json};

use crate::support::{
    AT_ONCE, client, later_jobs_hold_no_slot, quick_hub, reboot, set_interval, slow_hub, wait_for,
    wait_for_end,
};

/// Returns the rows of the job, one per device.
async fn rows(client: &Client, id: &str) -> Vec<DeviceJob> {
    let query = format!("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '{id}'");
    let query = &QuerySpecification::default().with_query(query);
    client.call(|api| async move { api.query_device_jobs(query).await }).await.unwrap().into_inner().readable
}

#[tokio::test]
async fn twin_update_merges_into_the_selected_twins() {
    let hub = Emulator::builder()
        .device(Device::new("in").with_tags(json!({ "building": "43", "old": 1 })))
        .device(Device::new("out").with_tags(json!({ "building": "44", "old": 1 })))
        .start()
        .await;
    let client = client(&hub);
    let patch = Twin::patch().with_desired([("interval", 30)]).with_tags([("old", Value::Null)]);
    client
        .create_scheduled_job("job", &JobRequest::twin_update(patch, "tags.building = '43'"))
        .await
        .unwrap();

    let job = wait_for_end(&client, "job").await;
    assert_eq!(job.status, Some(JobStatus::Completed));
    let statistics = job.device_job_statistics.unwrap();
    assert_eq!((statistics.device_count, statistics.succeeded_count), (Some(1), Some(1)));
    let twin = hub.twin("in").unwrap();
    assert_eq!(twin["properties"]["desired"]["interval"], json!(30));
    assert_eq!(twin["tags"], json!({ "building": "43" }));
    assert_eq!(hub.twin("out").unwrap()["tags"], json!({ "building": "44", "old": 1 }));
}

#[tokio::test]
async fn method_response_of_each_device_is_in_its_row() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let log = calls.clone();
    let pump = Device::new("pump").answering(move |call| {
        log.lock().unwrap().push(call);
        MethodAnswer { status: 404, payload: json!("no such valve") }
    });
    let hub = Emulator::builder().device(pump).start().await;
    let client = client(&hub);
    let method = CloudToDeviceMethod::new("open").with_payload(json!({ "valve": 7 }));
    client.create_scheduled_job("job", &JobRequest::device_method(method, "*")).await.unwrap();
    wait_for_end(&client, "job").await;

    let calls = calls.lock().unwrap().clone();
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].name.as_str(), &calls[0].payload), ("open", &json!({ "valve": 7 })));
    let [row] = &rows(&client, "job").await[..] else { panic!("expected one row") };
    assert_eq!(row.status, Some(DeviceJobStatus::Completed));
    let response = row.outcome.clone().unwrap().device_method_response.unwrap();
    assert_eq!((response.status, response.payload), (Some(404), Some(json!("no such valve"))));
}

#[tokio::test]
async fn offline_device_fails_at_the_time_limit_while_the_job_completes() {
    let hub =
        Emulator::builder().device(Device::new("off").offline()).device(Device::new("on")).start().await;
    let client = client(&hub);
    let limited = reboot().with_max_execution_time(Duration::from_secs(600));
    client.create_scheduled_job("job", &limited).await.unwrap();
    hub.advance_clock(Duration::from_secs(599)).await;
    let job = client.get_scheduled_job("job").await.unwrap();
    assert_eq!(job.status, Some(JobStatus::Running));
    hub.advance_clock(Duration::from_secs(1)).await;
    let job = wait_for_end(&client, "job").await;
    assert_eq!(job.status, Some(JobStatus::Completed));
    let statistics = job.device_job_statistics.unwrap();
    assert_eq!((statistics.succeeded_count, statistics.failed_count), (Some(1), Some(1)));
    let rows = rows(&client, "job").await;
    let failed = rows.iter().find(|row| row.status == Some(DeviceJobStatus::Failed)).unwrap();
    assert_eq!(failed.device_id.as_deref(), Some("off"));
    assert_eq!(failed.error.as_ref().unwrap().code.as_deref(), Some("JobRunPreconditionFailed"));
}

#[tokio::test]
async fn offline_device_is_updated_in_the_cloud() {
    let hub = Emulator::builder().pace(AT_ONCE).device(Device::new("off").offline()).start().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &set_interval()).await.unwrap();
    wait_for_end(&client, "job").await;
    let report = client.job_report("job").await.unwrap();
    assert_eq!(report.outcome(), JobOutcome::Succeeded);
    assert_eq!(hub.twin("off").unwrap()["properties"]["desired"]["interval"], json!(30));
}

#[tokio::test]
async fn statistics_sum_to_the_device_count_throughout() {
    let pace = Pace { running: Duration::from_millis(300), ..AT_ONCE };
    let devices = (0..37).map(|n| Device::new(format!("d{n}")));
    let hub = Emulator::builder().devices(devices).pace(pace).start().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let mut job = wait_for(&client, "job", &[JobStatus::Running, JobStatus::Completed]).await;
    loop {
        let s = job.device_job_statistics.clone().unwrap();
        let parts = [s.failed_count, s.pending_count, s.running_count, s.succeeded_count].map(Option::unwrap);
        assert_eq!((s.device_count, parts.iter().sum::<i32>()), (Some(37), 37));
        if job.status == Some(JobStatus::Completed) {
            break;
        }
        job = client.get_scheduled_job("job").await.unwrap();
    }
}

#[tokio::test]
async fn scheduled_job_selects_its_devices_when_it_starts() {
    let hub = Emulator::start().await;
    let client = client(&hub);
    let start = Utc::now() + TimeDelta::hours(1);
    client.create_scheduled_job("job", &reboot().with_start_time(start)).await.unwrap();
    let waiting = wait_for(&client, "job", &[JobStatus::Scheduled]).await;
    let end = waiting.end_time.unwrap();
    assert!(end.to_string().starts_with("9999-12-31") && end.to_utc().is_none(), "{end}");
    hub.add_device(Device::new("late"));
    hub.set_clock_offset(TimeDelta::hours(2));
    let job = wait_for_end(&client, "job").await;
    assert_eq!(job.device_job_statistics.unwrap().device_count, Some(1));
    let end = job.end_time.as_ref().and_then(Timestamp::to_utc).unwrap();
    assert!(end >= start);
    assert_eq!(job.start_time.unwrap().to_utc().unwrap().timestamp_millis(), start.timestamp_millis());
}

#[tokio::test]
async fn job_at_its_time_limit_completes_with_the_remaining_devices_failed() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    let request = reboot().with_max_execution_time(Duration::from_secs(1));
    client.create_scheduled_job("job", &request).await.unwrap();
    let job = wait_for_end(&client, "job").await;
    assert_eq!(job.status, Some(JobStatus::Completed));
    assert_eq!(job.device_job_statistics.unwrap().failed_count, Some(1));
}

#[tokio::test]
async fn jobs_with_the_same_start_run_one_after_another() {
    let pace = Pace { running: Duration::from_millis(50), ..AT_ONCE };
    let hub = Emulator::builder().pace(pace).device(Device::new("pump-1"));
    let hub = hub.behavior(later_jobs_hold_no_slot()).start().await;
    let client = client(&hub);
    let start = Utc::now() + TimeDelta::hours(1);
    for id in ["a", "b", "c"] {
        client.create_scheduled_job(id, &reboot().with_start_time(start)).await.unwrap();
    }
    hub.set_clock_offset(TimeDelta::hours(2));
    let mut ends = Vec::new();
    for id in ["a", "b", "c"] {
        let job = wait_for_end(&client, id).await;
        assert_eq!(job.status, Some(JobStatus::Completed));
        ends.push(job.end_time.unwrap().to_utc().unwrap());
    }
    ends.sort();
    assert!(ends.windows(2).all(|pair| pair[1] - pair[0] >= TimeDelta::milliseconds(40)), "{ends:?}");
}

#[tokio::test]
async fn invalid_condition_fails_the_job_with_a_reason() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let request = JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "building IS '43'");
    client.create_scheduled_job("job", &request).await.unwrap();
    let job = wait_for_end(&client, "job").await;
    assert_eq!(job.status, Some(JobStatus::Failed));
    let reason = job.failure_reason.unwrap();
    assert!(reason.contains("unexpected 'IS '43''"), "{reason}");
}

/// Starts a hub on which a job shows the payload of its method as it was sent.
async fn echoing_hub() -> Emulator {
    let behavior = HubBehavior { payload_echo: PayloadEcho::Json, ..HubBehavior::default() };
    Emulator::builder().pace(AT_ONCE).behavior(behavior).start().await
}

#[tokio::test]
async fn job_reads_back_as_sent() {
    let hub = echoing_hub().await;
    let client = client(&hub);
    let method = CloudToDeviceMethod::new("reboot")
        .with_payload(json!([1]))
        .with_response_timeout(Duration::from_secs(10));
    let request = JobRequest::device_method(method, "deviceId IN ['pump-1', 'pump-2']")
        .with_max_execution_time(Duration::from_secs(3600));
    client.create_scheduled_job("job", &request).await.unwrap();
    let job = wait_for_end(&client, "job").await;
    assert_eq!(job.query_condition, request.query_condition);
    assert_eq!(job.max_execution_time_in_seconds, Some(3600));
    let method = job.cloud_to_device_method.unwrap();
    assert_eq!((method.payload, method.response_timeout_in_seconds), (Some(json!([1])), Some(10)));
    assert!(job.created_time.unwrap().to_utc().is_some());
}

#[tokio::test]
async fn payload_with_a_signed_link_reads_back_unredacted() {
    let link =
        "https://store.blob.core.windows.net/fw/v2.bin?sv=2024-11-04&sig=aB%2Fc%3D&token=eyJhbGciOi.J9.c2Vj";
    let hub = echoing_hub().await;
    let client = client(&hub);
    let update = CloudToDeviceMethod::new("update").with_payload(json!({ "from": link }));
    client.create_scheduled_job("job", &JobRequest::device_method(update, "*")).await.unwrap();
    let method = client.get_scheduled_job("job").await.unwrap().cloud_to_device_method.unwrap();
    assert_eq!(method.payload.unwrap(), json!({ "from": link }));
}
