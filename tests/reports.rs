//! Outcomes by the devices' answers.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Error, JobOutcome, RetryPolicy, WaitForJob, unique_job_id};
use jobs_emulator::{Device, Emulator, Fault, MethodAnswer, Route, When};
use serde_json::json;

use crate::support::clock::FrozenClock;
use crate::support::{
    AT_ONCE, builder, client, offline_fails_at_once, quick_hub, reboot, set_interval, wait_for_end,
};

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
    assert_eq!(report.jobs[0].outcome(), JobOutcome::CompletedWithFailures(1), "the hub reached b");
    assert_eq!(report.outcome(), JobOutcome::CompletedWithFailures(2));
    assert_eq!(report.outcome().to_string(), "completed with 2 failed devices");
    assert_eq!((report.devices, report.succeeded, report.failed), (3, 1, 2));
    assert_eq!(report.failures[0].to_string(), "b: the device answered 500: \"stuck\"");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["failed"], &json["jobs"][0]["jobId"]), (&json!(2), &json!("job")));
}

#[tokio::test]
async fn failed_devices_include_failure_answers() {
    let hub = troubled_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    client.wait_for_job("job").await.unwrap();
    let failed: Vec<_> = client.failed_devices("job").try_collect().await.unwrap();
    assert_eq!(failed.iter().map(|failure| &*failure.device_id).collect::<Vec<_>>(), ["b", "c"]);
}

#[tokio::test]
async fn failure_without_a_row_is_no_success() {
    let hub = troubled_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.inject(Route::QueryDevices, When::Next(1), page("[]"));
    let report = client.wait_for_job("job").rows_timeout(Duration::ZERO).report().await.unwrap();
    assert_eq!((report.devices, report.failed, report.without_result), (0, 0, 3));
    assert_eq!(report.outcome(), JobOutcome::CompletedWithFailures(1), "by the hub's statistics");
    assert_eq!(queries(&hub), 1);
}

fn page(rows: &str) -> Fault {
    Fault::status(200).with_body(rows)
}

/// Returns how many pages of rows were read.
fn queries(hub: &Emulator) -> usize {
    hub.requests().iter().filter(|request| request.path == "/devices/query").count()
}

/// A hub on which the job `job` has completed on two devices, and a wait for it that polls often.
async fn hub_with_a_completed_job() -> (Emulator, WaitForJob<'static>) {
    completed_job(RetryPolicy::default()).await
}

/// Like [`hub_with_a_completed_job`], with a client that retries nothing.
async fn hub_with_a_completed_job_unretried() -> (Emulator, WaitForJob<'static>) {
    completed_job(RetryPolicy::none()).await
}

async fn completed_job(retry: RetryPolicy) -> (Emulator, WaitForJob<'static>) {
    let hub = Emulator::builder().devices(["a", "b"].map(Device::new)).pace(AT_ONCE).start().await;
    let client = client(&hub).with_retry(retry);
    client.create_scheduled_job("job", &set_interval()).await.unwrap();
    wait_for_end(&client, "job").await;
    let wait =
        client.wait_for_job("job").poll_intervals(Duration::from_millis(1)..=Duration::from_millis(50));
    (hub, wait)
}

#[tokio::test]
async fn rows_that_lag_behind_the_job_are_waited_for() {
    let (hub, wait) = hub_with_a_completed_job().await;
    hub.inject(Route::QueryDevices, When::Next(1), page("[]"));
    hub.inject(Route::QueryDevices, When::Next(1), page(r#"[{"deviceId":"a","status":"completed"}]"#));
    let pending = r#"[{"deviceId":"a","status":"completed"},{"deviceId":"b","status":"running"}]"#;
    hub.inject(Route::QueryDevices, When::Next(1), page(pending));
    let report = wait.report().await.unwrap();
    assert_eq!((report.outcome(), report.succeeded, report.without_result), (JobOutcome::Succeeded, 2, 0));
    assert_eq!(queries(&hub), 4);
}

#[tokio::test]
async fn rows_that_never_come_are_no_success() {
    for rows in [
        "[]",
        r#"[{"deviceId":"a","status":"completed"}]"#,
        r#"[{"deviceId":"a","status":"completed"},{"deviceId":"b","status":"pending"}]"#,
    ] {
        let (hub, wait) = hub_with_a_completed_job().await;
        hub.inject(Route::QueryDevices, When::Every(1), page(rows));
        let report = wait.rows_timeout(Duration::from_secs(1)).report().await.unwrap();
        let missing = 2 - report.succeeded;
        assert_eq!((report.without_result, report.failed), (missing, 0), "{rows}");
        assert_eq!(report.outcome(), JobOutcome::Incomplete(Some(u32::try_from(missing).unwrap())), "{rows}");
        assert!(queries(&hub) >= 3, "{rows}");
    }
}

#[tokio::test]
async fn row_that_comes_twice_counts_once() {
    let row = r#"{"deviceId":"a","status":"completed"}"#;
    let twice = page(&format!("[{row},{row}]"));
    let (hub, wait) = hub_with_a_completed_job().await;
    hub.inject(Route::QueryDevices, When::Next(1), twice.clone());
    let report = wait.rows_timeout(Duration::ZERO).report().await.unwrap();
    assert_eq!((report.devices, report.succeeded, report.by_status["completed"]), (1, 1, 1));
    assert_eq!(report.outcome(), JobOutcome::Incomplete(Some(1)));

    // With time the row of the other device is waited for.
    let (hub, wait) = hub_with_a_completed_job().await;
    hub.inject(Route::QueryDevices, When::Next(1), twice);
    let report = wait.report().await.unwrap();
    assert_eq!((report.outcome(), report.devices, queries(&hub)), (JobOutcome::Succeeded, 2, 2));
}

#[tokio::test]
async fn rows_of_two_modules_of_a_device_count_twice() {
    let (hub, wait) = hub_with_a_completed_job().await;
    let row = |module| format!(r#"{{"deviceId":"a","moduleId":"{module}","status":"completed"}}"#);
    hub.inject(Route::QueryDevices, When::Next(1), page(&format!("[{},{}]", row("m"), row("n"))));
    let report = wait.report().await.unwrap();
    assert_eq!((report.outcome(), report.devices, queries(&hub)), (JobOutcome::Succeeded, 2, 1));
}

#[tokio::test]
async fn failure_in_a_row_that_lags_is_reported() {
    let (hub, wait) = hub_with_a_completed_job().await;
    hub.inject(Route::QueryDevices, When::Next(1), page(r#"[{"deviceId":"a","status":"completed"}]"#));
    let answers = r#"[{"deviceId":"a","status":"completed"},
        {"deviceId":"b","status":"completed","outcome":{"deviceMethodResponse":{"status":500}}}]"#;
    hub.inject(Route::QueryDevices, When::Next(1), page(answers));
    assert_eq!(wait.report().await.unwrap().outcome(), JobOutcome::CompletedWithFailures(1));
}

#[tokio::test]
async fn row_without_a_verdict_is_no_success_and_is_not_waited_for() {
    for row in [
        r#"{"deviceId":"b","status":"canceled"}"#,
        r#"{"deviceId":"b","status":7}"#,
        r#"{"deviceId":"b","status":"completed","jobType":"scheduleDeviceMethod","outcome":{}}"#,
    ] {
        let (hub, wait) = hub_with_a_completed_job().await;
        let rows = format!(r#"[{{"deviceId":"a","status":"completed"}},{row}]"#);
        hub.inject(Route::QueryDevices, When::Every(1), page(&rows));
        let report = wait.report().await.unwrap();
        assert_eq!((report.outcome(), queries(&hub)), (JobOutcome::Incomplete(Some(1)), 1), "{row}");
        assert_eq!(report.outcome().to_string(), "completed without the result of 1 device");
    }
}

#[tokio::test]
async fn row_without_a_type_and_an_answer_is_no_success_of_a_method() {
    let hub = quick_hub().await;
    let client = client(&hub);
    for (request, outcome) in
        [(reboot(), JobOutcome::Incomplete(Some(1))), (set_interval(), JobOutcome::Succeeded)]
    {
        let id = unique_job_id("job").unwrap();
        client.create_scheduled_job(&id, &request).await.unwrap();
        let rows = page(r#"[{"deviceId":"pump-1","status":"completed"}]"#);
        hub.inject(Route::QueryDevices, When::Next(1), rows);
        let report = client.wait_for_job(&id).rows_timeout(Duration::ZERO).report().await.unwrap();
        assert_eq!(report.outcome(), outcome);
    }
}

#[tokio::test]
async fn repetition_that_fails_leaves_the_report_of_what_is_missing() {
    let (hub, wait) = hub_with_a_completed_job().await;
    hub.inject(Route::QueryDevices, When::Next(1), page(r#"[{"deviceId":"a","status":"completed"}]"#));
    hub.inject(Route::QueryDevices, When::Every(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let report = wait.rows_timeout(Duration::from_millis(20)).report().await.unwrap();
    assert_eq!((report.succeeded, report.outcome()), (1, JobOutcome::Incomplete(Some(1))));
}

#[tokio::test]
async fn page_of_rows_that_cannot_be_read_is_missing_without_the_others() {
    let (hub, wait) = hub_with_a_completed_job().await;
    hub.inject(Route::QueryDevices, When::Next(1), page("[{").with_header("x-ms-continuation", "2"));
    hub.inject(Route::QueryDevices, When::Next(1), page(r#"[{"deviceId":"b","status":"completed"}]"#));
    let report = wait.rows_timeout(Duration::ZERO).report().await.unwrap();
    assert_eq!((report.succeeded, report.outcome()), (1, JobOutcome::Incomplete(Some(1))));

    let (hub, wait) = hub_with_a_completed_job().await;
    hub.inject(Route::QueryDevices, When::Next(1), page("[{"));
    let error = wait.rows_timeout(Duration::ZERO).report().await.unwrap_err();
    assert!(matches!(error, Error::UnreadableResponse(_)), "nothing of it can be read: {error}");
}

#[tokio::test]
async fn first_read_of_the_rows_that_fails_is_repeated() {
    for fault in [page(r#"[{"deviceId":"a","sta"#), Fault::status(500), Fault::ResetBefore] {
        let (hub, wait) = hub_with_a_completed_job_unretried().await;
        hub.inject(Route::QueryDevices, When::Next(2), fault);
        let report = wait.report().await.unwrap();
        assert_eq!((report.outcome(), queries(&hub)), (JobOutcome::Succeeded, 3));
    }
}

#[tokio::test]
async fn rows_that_are_never_read_are_an_error_at_the_rows_timeout() {
    for fault in [page("[{"), Fault::status(500)] {
        let (hub, wait) = hub_with_a_completed_job_unretried().await;
        hub.inject(Route::QueryDevices, When::Every(1), fault);
        wait.rows_timeout(Duration::from_secs(1)).report().await.unwrap_err();
        assert!(queries(&hub) >= 3);
    }
}

#[tokio::test]
async fn rows_that_are_refused_are_read_once() {
    let (hub, wait) = hub_with_a_completed_job_unretried().await;
    hub.inject(Route::QueryDevices, When::Every(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let error = wait.report().await.unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), queries(&hub)), (403, 1));
}

#[tokio::test(start_paused = true)]
async fn report_that_takes_longer_than_its_rows_may_lag_is_read_once() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let client = builder(&hub).attempt_timeout(Duration::from_secs(120)).build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let job = r#"{"jobId":"job","status":"completed",
        "deviceJobStatistics":{"deviceCount":1000000,"succeededCount":1000000}}"#;
    hub.inject(Route::Get, When::Every(1), Fault::status(200).with_body(job));
    hub.inject(Route::QueryDevices, When::Every(1), Fault::Delay(Duration::from_secs(40)));
    let report = tokio::spawn(async move { client.job_report("job").await });
    clock.advance_until(|| report.is_finished()).await;
    let report = report.await.unwrap().unwrap();
    assert_eq!((report.devices, report.outcome()), (1, JobOutcome::Incomplete(Some(999_999))));
    assert_eq!(queries(&hub), 1);
}

#[tokio::test]
async fn job_that_selected_no_device_is_no_success() {
    let hub = Emulator::builder().device(Device::new("a")).pace(AT_ONCE).start().await;
    let client = client(&hub);
    let request = JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "tags.building = '43'");
    client.create_scheduled_job("job", &request).await.unwrap();
    let report = client.wait_for_job("job").report().await.unwrap();
    assert_eq!((report.jobs[0].outcome(), report.outcome()), (JobOutcome::NoDevices, JobOutcome::NoDevices));
    assert_eq!(
        (report.outcome().to_string(), queries(&hub)),
        ("completed, but selected no device".into(), 1)
    );
}

#[tokio::test]
async fn job_whose_devices_are_not_counted_is_no_success() {
    let (hub, wait) = hub_with_a_completed_job().await;
    let job = r#"{"jobId":"job","status":"completed"}"#;
    hub.inject(Route::Get, When::Every(1), Fault::status(200).with_body(job));
    let report = wait.report().await.unwrap();
    assert_eq!((report.succeeded, report.outcome()), (2, JobOutcome::Incomplete(None)));
    assert_eq!(queries(&hub), 1);
}

#[tokio::test]
async fn report_of_a_success_is_a_success() {
    let hub = Emulator::builder().device(Device::new("a")).start().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let report = client.wait_for_job("job").report().await.unwrap();
    assert_eq!(report.outcome(), JobOutcome::Succeeded);
}
