//! Outcomes by the devices' answers.

use futures_util::TryStreamExt as _;
use jobs_api::JobOutcome;
use jobs_emulator::{Device, Emulator, Fault, MethodAnswer, Route, When};
use serde_json::json;

use crate::support::{client, offline_fails_at_once, reboot};

/// A hub with a device that succeeds, one that answers 500 and one that is offline.
async fn troubled_hub() -> Emulator {
    let failing = |_| MethodAnswer { status: 500, payload: json!("stuck") };
    Emulator::builder()
        .device(Device::new("a"))
        .device(Device::new("b").answering(failing))
        .device(Device::new("c").offline())
        .behavior(offline_fails_at_once())
        .start()
        .await
}

#[tokio::test]
async fn report_counts_a_failure_answer_as_failed() {
    let hub = troubled_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let report = client.wait_for_job("job").report().await.unwrap();
    assert_eq!(report.job.outcome(), JobOutcome::CompletedWithFailures(1), "the hub reached b");
    assert_eq!(report.outcome(), JobOutcome::CompletedWithFailures(2));
    assert_eq!(report.outcome().to_string(), "completed with 2 failed devices");
    assert_eq!((report.devices, report.succeeded, report.failed), (3, 1, 2));
    assert_eq!(report.failures[0].to_string(), "b: the device answered 500: \"stuck\"");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["failed"], &json["job"]["jobId"]), (&json!(2), &json!("job")));
}

#[tokio::test]
async fn failed_devices_include_failure_answers() {
    let hub = troubled_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    client.wait_for_job("job").await.unwrap();
    let failed: Vec<_> = client.failed_devices("job").try_collect().await.unwrap();
    assert_eq!(failed.iter().map(|row| row.id()).collect::<Vec<_>>(), ["b", "c"]);
}

#[tokio::test]
async fn failure_without_a_row_is_no_success() {
    let hub = troubled_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    client.wait_for_job("job").await.unwrap();
    hub.inject(Route::QueryDevices, When::Next(1), Fault::status(200).with_body("[]"));
    let report = client.job_report("job").await.unwrap();
    assert_eq!((report.devices, report.failed), (0, 0));
    assert_eq!(report.outcome(), JobOutcome::CompletedWithFailures(1), "by the hub's statistics");
}

#[tokio::test]
async fn report_of_a_success_is_a_success() {
    let hub = Emulator::builder().device(Device::new("a")).start().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let report = client.wait_for_job("job").report().await.unwrap();
    assert_eq!(report.outcome(), JobOutcome::Succeeded);
}
