//! Failed devices: of a job, of a list and of reports, with the kinds of their failures.

use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use jobs_api::{Client, DeviceFailure, Error, FailureKind, JobReport};
use jobs_emulator::{Device, Emulator, Fault, MethodAnswer, Route, When};
use serde_json::json;

use crate::support::{AT_ONCE, client, offline_fails_at_once, reboot, set_interval, wait_for_end};

fn failing(id: impl Into<String>) -> Device {
    Device::new(id).answering(|_| MethodAnswer { status: 500, payload: json!("stuck") })
}

async fn hub_with(devices: impl IntoIterator<Item = Device>) -> Emulator {
    let hub = Emulator::builder().pace(AT_ONCE).devices(devices).concurrent_jobs(5);
    hub.behavior(offline_fails_at_once()).start().await
}

/// Returns the ids and kinds of failures, sorted.
async fn kinds(failures: impl Stream<Item = Result<DeviceFailure, Error>>) -> Vec<(String, FailureKind)> {
    let failures = failures.map_ok(|failure| (failure.device_id, failure.kind));
    let mut kinds: Vec<_> = failures.try_collect().await.unwrap();
    kinds.sort_by(|one, other| one.0.cmp(&other.0));
    kinds
}

/// Runs a request for a list of devices to its report.
async fn report(client: &Client, id: &str, devices: &[String]) -> JobReport {
    let mut batch = client.run_jobs(stream::iter([(id, reboot().for_devices(devices))]));
    batch.next().await.unwrap().1.unwrap()
}

#[tokio::test]
async fn failures_have_kinds() {
    let hub = hub_with([Device::new("a"), failing("b"), Device::new("c").offline(), Device::new("d")]).await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    wait_for_end(&client, "job").await;
    let expected = [("b".to_owned(), FailureKind::Answered(500)), ("c".to_owned(), FailureKind::Unreachable)];
    assert_eq!(kinds(client.failed_devices("job")).await, expected);
    let rows = r#"[{"deviceId":"a","status":"failed","error":{"code":"ArgumentInvalid"}},
        {"deviceId":"b","status":"pending"},{"deviceId":"c","status":"failed"},{"deviceId":"d","status":"running"},
        {"deviceId":"e","status":"completed","outcome":7}]"#;
    hub.inject(Route::QueryDevices, When::Next(1), Fault::status(200).with_body(rows));
    let expected = [("a", FailureKind::Refused), ("c", FailureKind::Refused), ("e", FailureKind::Unreadable)];
    assert_eq!(kinds(client.failed_devices("job")).await, expected.map(|(id, kind)| (id.to_owned(), kind)));
}

#[tokio::test]
async fn failed_devices_of_an_unknown_job_are_not_found() {
    let hub = hub_with([Device::new("a")]).await;
    let client = client(&hub);
    let results: Vec<_> = client.failed_devices("typo").collect().await;
    let [Err(error)] = &results[..] else { panic!("{results:?}") };
    assert!(error.is_not_found(), "{error}");
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn failed_devices_of_a_list_are_those_of_all_its_jobs() {
    let ids: Vec<String> = (0..1200).map(|n| format!("device-{n:05}")).collect();
    let devices = ids.iter().filter(|id| *id != "device-00700");
    let device = |id: &String| if id.ends_with("00") { failing(id) } else { Device::new(id) };
    let hub = hub_with(devices.map(device)).await;
    let client = client(&hub);
    let report = report(&client, "list", &ids).await;
    let failed = kinds(report.failed_devices(&client)).await;
    let expected = (0..12).map(|hundred| match hundred {
        7 => ("device-00700".to_owned(), FailureKind::NoRow),
        _ => (format!("device-0{hundred:02}00"), FailureKind::Answered(500)),
    });
    assert_eq!(failed, expected.collect::<Vec<_>>());
    let mut parts = 0;
    for id in report.job_ids() {
        parts += kinds(client.failed_devices(id)).await.len();
    }
    assert_eq!((parts, report.failed), (11, 11));
}

#[tokio::test]
async fn more_failures_than_a_report_names_can_be_listed() {
    let hub = hub_with((0..1100).map(|n| failing(format!("device-{n}")))).await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let report = client.wait_for_job("job").report().await.unwrap();
    assert_eq!((report.failed, report.failures.len()), (1100, 1000));
    assert_eq!(report.failed_devices(&client).count().await, 1100);
}

#[tokio::test]
async fn id_of_a_list_is_that_of_no_job() {
    let hub = hub_with(["a", "b"].map(Device::new)).await;
    let client = client(&hub);
    let report = report(&client, "list", &["a".to_owned(), "b".to_owned()]).await;
    let ids: Vec<&str> = report.job_ids().collect();
    assert_eq!(ids, ["list-part-1"]);
    assert_eq!(reboot().for_devices(["a", "b"]).job_ids("list").unwrap(), ids);
    let wait = client.wait_for_job("list").not_found_after(Duration::ZERO);
    assert!(wait.await.unwrap_err().is_not_found());
    assert!(client.job_report("list").await.unwrap_err().is_not_found());
    let failed: Result<Vec<_>, Error> = client.failed_devices("list").try_collect().await;
    assert!(failed.unwrap_err().is_not_found());
    assert_eq!(client.job_report(ids[0]).await.unwrap().succeeded, 2);
}

#[tokio::test]
async fn report_is_read_back_and_merged() {
    let hub = hub_with([Device::new("a"), failing("b"), Device::new("c").offline()]).await;
    let client = client(&hub);
    let mut total = JobReport::default();
    for (id, request) in [("method", reboot()), ("twin", set_interval())] {
        client.create_scheduled_job(id, &request).await.unwrap();
        let report = client.wait_for_job(id).report().await.unwrap();
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<JobReport>(&text).unwrap(), report, "{text}");
        total.merge(report);
    }
    assert_eq!(total.job_ids().collect::<Vec<_>>(), ["method", "twin"]);
    assert_eq!((total.devices, total.succeeded, total.failed), (6, 4, 2));
    assert_eq!(total.outcome().to_string(), "completed with 2 failed devices");
    let incomplete = serde_json::from_str::<JobReport>(r#"{"jobs":[{"status":"completed"}]}"#).unwrap_err();
    assert!(incomplete.to_string().contains("missing field"), "{incomplete}");
}
