//! Lists of devices: as many jobs as they need, and one report.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{
    BatchError, BatchRequest, Client, Error, JobFailure, JobFilter, JobOutcome, JobReport, RetryPolicy,
};
use jobs_emulator::{Device, Emulator, Fault, Route, When};

use crate::support::clock::TEST_TIMEOUT;
use crate::support::{AT_ONCE, client, reboot, set_interval};

/// Starts a hub with these devices and five slots, on which jobs end at once.
async fn hub_with(devices: impl IntoIterator<Item = Device>) -> Emulator {
    Emulator::builder().pace(AT_ONCE).devices(devices).concurrent_jobs(5).start().await
}

/// Runs a batch of one request.
async fn run(client: &Client, id: &str, request: BatchRequest) -> Result<JobReport, BatchError> {
    let intervals = Duration::from_millis(10)..=Duration::from_millis(50);
    let batch = client.run_jobs(stream::iter([(id, request)])).poll_intervals(intervals);
    let mut results: Vec<_> = tokio::time::timeout(TEST_TIMEOUT * 4, batch.collect()).await.unwrap();
    let (result_id, result) = results.pop().unwrap();
    assert!(results.is_empty() && result_id == id, "{results:?}");
    result
}

/// Returns the ids of the hub's jobs, sorted.
async fn job_ids(client: &Client) -> Vec<String> {
    let jobs = client.query_scheduled_jobs(JobFilter::default());
    let mut ids: Vec<String> = jobs.map_ok(|job| job.job_id.unwrap()).try_collect().await.unwrap();
    ids.sort();
    ids
}

/// Returns how many creations reached the hub.
fn creations(hub: &Emulator) -> usize {
    hub.requests().iter().filter(|request| request.method == "PUT").count()
}

fn device_id(n: usize) -> String {
    format!("device-{n:05}")
}

#[tokio::test]
async fn ten_thousand_devices_are_one_report() {
    let devices = (0..10_100).map(|n| match n {
        7 => Device::new(device_id(n)).offline(),
        _ => Device::new(device_id(n)),
    });
    let hub = hub_with(devices).await;
    let client = client(&hub);
    let list = (0..10_000).rev().map(device_id);
    let report =
        run(&client, "reboot", reboot().with_max_execution_time(Duration::from_secs(1)).for_devices(list));
    let report = report.await.unwrap();
    assert_eq!((report.devices, report.succeeded, report.failed), (10_000, 9_999, 1));
    assert_eq!(report.outcome(), JobOutcome::CompletedWithFailures(1));
    assert_eq!(report.failures[0].device_id, device_id(7));
    assert_eq!(report.jobs.iter().map(|job| job.counts().total).sum::<u32>(), 10_000);
    let mut reported: Vec<&str> = report.job_ids().collect();
    reported.sort_unstable();
    assert_eq!(
        (reported.len(), job_ids(&client).await),
        (20, reported.into_iter().map(String::from).collect())
    );
}

/// Returns the ids of devices that take three jobs, and a hub that has them.
async fn hub_with_long_list() -> (Emulator, Vec<String>) {
    let ids: Vec<String> = (0..1200).map(device_id).collect();
    (hub_with(ids.iter().map(Device::new)).await, ids)
}

#[tokio::test]
async fn list_resumes_with_the_jobs_that_are_missing() {
    let (hub, ids) = hub_with_long_list().await;
    let first = client(&hub);
    hub.inject(Route::Create, When::Next(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let error = run(&first, "job", reboot().for_devices(&ids)).await.unwrap_err();
    assert_eq!(error.first_error().status().unwrap().as_u16(), 403, "{error}");
    assert_eq!(job_ids(&first).await.len(), 2, "the other jobs were created");
    let before = creations(&hub);

    let shuffled = ids.iter().rev().chain(&ids);
    let report = run(&client(&hub), "job", reboot().for_devices(shuffled)).await.unwrap();
    assert_eq!((report.devices, report.succeeded), (1200, 1200));
    assert_eq!(job_ids(&first).await, ["job-part-1", "job-part-2", "job-part-3"]);
    assert_eq!(creations(&hub) - before, 1);
}

#[tokio::test]
async fn failed_jobs_leave_the_report_of_the_others() {
    let (hub, ids) = hub_with_long_list().await;
    hub.inject(Route::Create.of_job("job-part-1"), When::Next(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    hub.inject(Route::Create.of_job("job-part-2"), When::Next(1), Fault::ResetAfter);
    let client = client(&hub);
    let hasty = client.with_retry(RetryPolicy::none());
    let error = run(&hasty, "job", reboot().for_devices(&ids)).await.unwrap_err();
    let [refused, unknown] = &error.failures().collect::<Vec<_>>()[..] else { panic!("{error:?}") };
    assert_eq!((refused.job_id.as_str(), unknown.job_id.as_str()), ("job-part-1", "job-part-2"));
    assert_eq!(refused.error.status().unwrap().as_u16(), 403);
    assert!(!refused.error.is_outcome_unknown());
    assert!(unknown.error.is_outcome_unknown() && error.is_outcome_unknown());
    let failed = refused.devices.len() + unknown.devices.len();
    assert_eq!([&refused.devices[..], &unknown.devices].concat(), ids[..failed]);
    let report = error.report().unwrap();
    assert_eq!(report.job_ids().collect::<Vec<_>>(), ["job-part-3"]);
    assert_eq!(report.succeeded, (ids.len() - failed) as u64);
    let text = error.to_string();
    let last = &ids[refused.devices.len() - 1];
    let start = format!(
        "2 of 3 jobs have no report: job-part-1 ({} devices: device-00000 to {last}): ",
        refused.devices.len()
    );
    assert!(text.starts_with(&start) && text.contains("403 IotHubQuotaExceeded"), "{text}");

    // The job whose outcome was unknown exists.
    let before = creations(&hub);
    let report = run(&client, "job", reboot().for_devices(&ids)).await.unwrap();
    assert_eq!((report.devices, report.succeeded), (1200, 1200));
    assert_eq!(creations(&hub) - before, 1);
}

#[tokio::test]
async fn job_that_ran_may_lack_its_report() {
    let hub = hub_with(["a", "b"].map(Device::new)).await;
    let client = client(&hub);
    hub.inject(Route::QueryDevices, When::Next(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let error = run(&client, "job", reboot().for_devices(["a", "b"])).await.unwrap_err();
    let failure = error.failures().next().unwrap();
    assert_eq!(
        (failure.job_id.as_str(), &failure.devices[..]),
        ("job-part-1", &["a", "b"].map(String::from)[..])
    );
    assert!(!failure.error.is_outcome_unknown(), "the creation succeeded");
    assert_eq!(client.get_scheduled_job("job-part-1").await.unwrap().counts().succeeded, 2);
    // Repeated, the batch reads the report.
    assert_eq!(run(&client, "job", reboot().for_devices(["a", "b"])).await.unwrap().succeeded, 2);
    assert_eq!(creations(&hub), 1);
}

/// Returns the ids of the failed jobs and of those with which they are in conflict.
fn conflicts(error: &BatchError) -> Vec<(&str, &str, &[&str])> {
    error.failures().map(conflict).collect()
}

fn conflict(failure: &JobFailure) -> (&str, &str, &[&str]) {
    match &failure.error {
        Error::JobConflict { job_id, differences, .. } => (&failure.job_id, job_id, differences),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn changed_list_creates_nothing() {
    let (hub, ids) = hub_with_long_list().await;
    let client = client(&hub);
    run(&client, "job", reboot().for_devices(&ids[..900])).await.unwrap();
    assert_eq!(job_ids(&client).await, ["job-part-1", "job-part-2"]);
    let before = creations(&hub);
    let member = &["queryCondition"][..];

    let error = run(&client, "job", reboot().for_devices(&ids)).await.unwrap_err();
    assert_eq!(
        conflicts(&error),
        [("job-part-2", "job-part-2", member), ("job-part-3", "job-part-2", member)]
    );
    assert_eq!(
        error.report().unwrap().devices,
        ids.len() as u64 - error.failures().map(|job| job.devices.len() as u64).sum::<u64>()
    );

    let error = run(&client, "job", reboot().for_devices(&ids[1..])).await.unwrap_err();
    let expected = [
        ("job-part-1", "job-part-1", member),
        ("job-part-2", "job-part-2", member),
        ("job-part-3", "job-part-1", member),
    ];
    assert_eq!(conflicts(&error), expected);
    assert!(error.report().is_none() && error.first_error().is_already_exists());

    let other_work = JobRequest::device_method(CloudToDeviceMethod::new("other"), "*").for_devices(&ids);
    let error = run(&client, "job", other_work).await.unwrap_err();
    assert_eq!(conflicts(&error)[2], ("job-part-3", "job-part-1", &["cloudToDeviceMethod"][..]));

    let error = run(&client, "job", reboot().for_devices(&ids[..2])).await.unwrap_err();
    assert_eq!(conflicts(&error), [("job-part-1", "job-part-1", member)]);
    assert_eq!((job_ids(&client).await.len(), creations(&hub)), (2, before));
}

#[tokio::test]
async fn jobs_of_a_list_fail_together_in_an_outage() {
    let (hub, ids) = hub_with_long_list().await;
    // Five failures in a row would be an outage, which a batch waits for.
    let client = client(&hub).with_retry(RetryPolicy::default().with_attempts(1));
    hub.inject(Route::Get, When::Every(1), Fault::status(503));
    let error = run(&client, "job", reboot().for_devices(&ids)).await.unwrap_err();
    assert_eq!(error.failures().count(), 3);
    assert!(error.failures().all(|failure| failure.error.is_retryable()), "{error:?}");
    assert!(hub.requests().len() <= 3 && creations(&hub) == 0, "{} requests", hub.requests().len());

    hub.clear_faults();
    assert_eq!(run(&client, "job", reboot().for_devices(&ids)).await.unwrap().succeeded, 1200);
}

#[tokio::test]
async fn list_of_which_a_job_cannot_be_read_creates_nothing() {
    let hub = hub_with([Device::new("a")]).await;
    let client = client(&hub).with_retry(RetryPolicy::none());
    hub.inject(Route::Get.of_job("job-part-20"), When::Every(1), Fault::status(500));
    let request = reboot().for_devices((0..10_000).map(device_id));
    let error = run(&client, "job", request).await.unwrap_err();
    let failures: Vec<_> = error.failures().collect();
    let (last, others) = failures.split_last().unwrap();
    assert_eq!((last.job_id.as_str(), last.error.status().unwrap().as_u16()), ("job-part-20", 500));
    assert_eq!(others.len(), 19);
    for failure in others {
        let Error::ListNotCompared { job_id, is_retryable: true, .. } = &failure.error else {
            panic!("{failure}")
        };
        assert_eq!(job_id, "job-part-20");
        assert!(failure.to_string().contains("not created: job-part-20 of the same list could not be read"));
    }
    assert_eq!((hub.requests().len(), creations(&hub)), (20, 0));
}

#[tokio::test]
async fn list_that_grows_by_whole_jobs_goes_on() {
    let (hub, ids) = hub_with_long_list().await;
    let client = client(&hub);
    hub.inject(
        Route::Create.of_job("probe-part-1"),
        When::Next(1),
        Fault::refusal(403, "IotHubQuotaExceeded"),
    );
    let error = run(&client, "probe", reboot().for_devices(&ids)).await.unwrap_err();
    let first = error.failures().next().unwrap().devices.clone();
    run(&client, "job", reboot().for_devices(&first)).await.unwrap();
    let report = run(&client, "job", reboot().for_devices(&ids)).await.unwrap();
    assert_eq!((report.devices, report.succeeded), (1200, 1200));
}

#[tokio::test]
async fn jobs_of_a_list_share_the_concurrency() {
    let (hub, ids) = hub_with_long_list().await;
    let client = client(&hub);
    let requests = [("list", reboot().for_devices(&ids)), ("all", reboot().into())];
    let results: Vec<_> = client.run_jobs(stream::iter(requests)).concurrency(1).collect().await;
    let ids: Vec<&str> = results.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["list", "all"], "one after another");
    assert!(results.iter().all(|(_, result)| result.as_ref().unwrap().devices == 1200));
}

#[tokio::test]
async fn devices_of_a_list_without_a_row_are_named_and_are_no_success() {
    let hub = hub_with(["a", "b", "c"].map(Device::new)).await;
    let client = client(&hub);
    let report = run(&client, "job", reboot().for_devices(["a", "b", "a", "no-such"])).await.unwrap();
    assert_eq!((report.devices, report.succeeded, report.without_result), (2, 2, 1));
    assert_eq!(report.devices_without_row, ["no-such"]);
    assert_eq!(report.outcome(), JobOutcome::Incomplete(Some(1)));

    let report = run(&client, "none", reboot().for_devices(["no-such", "no-more"])).await.unwrap();
    assert_eq!(report.devices_without_row, ["no-more", "no-such"]);
    assert_eq!(report.outcome(), JobOutcome::NoDevices);
}

#[tokio::test]
async fn row_that_comes_twice_does_not_stand_for_another_device() {
    let hub = hub_with(["a", "b"].map(Device::new)).await;
    let row = r#"{"deviceId":"a","status":"completed"}"#;
    let page = Fault::status(200).with_body(format!("[{row},{row}]"));
    let requests = || stream::iter([("job", set_interval().for_devices(["a", "b"]))]);
    hub.inject(Route::QueryDevices, When::Next(1), page.clone());
    let mut results = client(&hub).run_jobs(requests()).rows_timeout(Duration::ZERO);
    let report = results.next().await.unwrap().1.unwrap();
    assert_eq!(report.devices_without_row, ["b"]);
    assert_eq!(report.outcome(), JobOutcome::Incomplete(Some(1)));

    // With time the other row is waited for.
    hub.inject(Route::QueryDevices, When::Next(1), page);
    let report = run(&client(&hub), "job", set_interval().for_devices(["a", "b"])).await.unwrap();
    assert_eq!((report.succeeded, report.outcome()), (2, JobOutcome::Succeeded));
}

#[tokio::test]
async fn devices_without_a_row_are_named_for_all_jobs_of_a_list() {
    let ids: Vec<String> = (0..1200).map(device_id).collect();
    let hub = hub_with(ids.iter().filter(|id| !id.ends_with("500")).map(Device::new)).await;
    let report = run(&client(&hub), "job", reboot().for_devices(&ids)).await.unwrap();
    assert_eq!(report.devices_without_row, ["device-00500"]);
    assert_eq!((report.succeeded, report.outcome()), (1199, JobOutcome::Incomplete(Some(1))));
}

#[tokio::test]
async fn ids_with_every_character_are_found() {
    let odd = ["it's", "'", "')", "a=1(", "-:.+%_#*?!(),=@;$", "%27"];
    let hub = hub_with(odd.into_iter().chain(["other"]).map(Device::new)).await;
    let report = run(&client(&hub), "job", reboot().for_devices(odd)).await.unwrap();
    assert_eq!((report.devices, report.succeeded), (odd.len() as u64, odd.len() as u64));
}

#[tokio::test]
async fn second_list_under_one_id_creates_nothing() {
    let (hub, ids) = hub_with_long_list().await;
    let (first, second) = ids.split_at(100);
    let lists = [first, second].map(|devices| ("job", reboot().for_devices(devices)));
    let batch = client(&hub).run_jobs(stream::iter(lists));
    let results: Vec<_> = tokio::time::timeout(TEST_TIMEOUT, batch.collect()).await.unwrap();
    let refusals: Vec<_> = results.iter().filter_map(|(_, result)| result.as_ref().err()).collect();
    let [refusal] = &refusals[..] else { panic!("{results:?}") };
    assert!(refusal.to_string().contains("jobId must not be that of another list of the batch"), "{refusal}");
    assert_eq!(job_ids(&client(&hub)).await, ["job-part-1"]);
}

#[tokio::test]
async fn unusable_list_creates_nothing() {
    let hub = hub_with([Device::new("a")]).await;
    let client = client(&hub);
    let none = [""; 0];
    let on_floor = |condition| JobRequest::device_method(CloudToDeviceMethod::new("m"), condition);
    for (request, words) in [
        (reboot().for_devices(none), "must not be for an empty list of devices"),
        (reboot().for_devices(["a", ""]), "must not be for the device \"\": an id has 1 to 128 "),
        (reboot().for_devices(["a", "b\n"]), "must not be for the device \"b\\n\": an id has 1 to 128 "),
        (JobRequest::default().for_devices(["a"]), "must be `*` for a list of devices"),
        (on_floor("tags.floor = 1").for_devices(["a"]), "must be `*` for a list of devices"),
        (on_floor("FROM devices.modules").for_devices(["a"]), "must be `*` for a list of devices"),
    ] {
        let error = run(&client, "job", request).await.unwrap_err();
        assert!(matches!(error.first_error(), Error::InvalidRequest { .. }), "{error}");
        assert!(error.report().is_none() && error.failures().all(|failure| failure.devices.is_empty()));
        assert!(error.to_string().starts_with("run_jobs of job was not sent: queryCondition "), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(hub.requests().is_empty());
}
