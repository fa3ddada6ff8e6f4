//! Batches of jobs on hubs with few slots: their order, their limits and their errors.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{BatchError, Client, Error, JobFilter, JobOutcome, JobReport, RetryPolicy, RunJobs};
use jobs_emulator::{Device, Emulator, Fault, HubBehavior, Pace, Request, Route, When};

use crate::support::clock::{FrozenClock, TEST_TIMEOUT};
use crate::support::{AT_ONCE, builder, client, fast_retries, fast_retry_client, reboot, slow_hub};

pub(crate) type Results = BTreeMap<String, Result<JobReport, BatchError>>;

/// Starts a hub with this many slots, on which each job runs for this long on two devices.
pub(crate) async fn hub_with_slots(slots: usize, running: Duration) -> Emulator {
    let pace = Pace { running, ..AT_ONCE };
    let devices = ["pump-1", "pump-2"].map(Device::new);
    Emulator::builder().pace(pace).devices(devices).concurrent_jobs(slots).start().await
}

/// Returns the requests of jobs `job-0`, `job-1`, …
pub(crate) fn requests(count: usize) -> impl Iterator<Item = (String, JobRequest)> {
    (0..count).map(|n| (format!("job-{n}"), reboot()))
}

/// Starts a batch that polls often.
pub(crate) fn batch<'a>(
    client: &Client,
    requests: impl IntoIterator<Item = (String, JobRequest), IntoIter: Send + 'a>,
) -> RunJobs<'a> {
    let intervals = Duration::from_millis(10)..=Duration::from_millis(50);
    client.run_jobs(stream::iter(requests)).poll_intervals(intervals)
}

/// Collects the results of a batch, whose ids differ.
pub(crate) async fn results(batch: impl Stream<Item = (String, Result<JobReport, BatchError>)>) -> Results {
    let pairs: Vec<_> = tokio::time::timeout(TEST_TIMEOUT, batch.collect()).await.unwrap();
    let count = pairs.len();
    let results = Results::from_iter(pairs);
    assert_eq!(results.len(), count, "an id has two results");
    results
}

/// Returns how many jobs the hub has, by a client of its own.
pub(crate) async fn created(hub: &Emulator) -> usize {
    let jobs = client(hub).query_scheduled_jobs(JobFilter::default());
    jobs.try_fold(0, async |count, _| Ok(count + 1)).await.unwrap()
}

/// Returns how often the creation of a job was sent.
pub(crate) fn creations(hub: &Emulator, id: &str) -> usize {
    let is_creation =
        |request: &Request| request.method == "PUT" && request.path.ends_with(&format!("/{id}"));
    hub.requests().iter().filter(|request| is_creation(request)).count()
}

pub(crate) fn assert_all_succeeded(results: &Results, count: usize) {
    assert_eq!(results.len(), count);
    for (id, result) in results {
        let report = result.as_ref().unwrap();
        assert_eq!(
            (report.jobs[0].id(), report.outcome(), report.devices),
            (id.as_str(), JobOutcome::Succeeded, 2)
        );
    }
}

async fn run_on_slots(slots: usize, count: usize) {
    let hub = hub_with_slots(slots, Duration::from_millis(50)).await;
    let results = results(batch(&client(&hub), requests(count))).await;
    assert_all_succeeded(&results, count);
    assert_eq!(created(&hub).await, count);
}

#[tokio::test]
async fn batch_runs_on_one_slot() {
    run_on_slots(1, 12).await;
}

#[tokio::test]
async fn batch_runs_on_five_slots() {
    run_on_slots(5, 40).await;
}

#[tokio::test]
async fn batch_runs_on_ten_slots() {
    run_on_slots(10, 60).await;
}

#[tokio::test(start_paused = true)]
async fn job_waits_hours_for_its_slot() {
    let clock = FrozenClock::new();
    let hub = hub_with_slots(1, Duration::from_secs(2 * 3600)).await;
    let client = client(&hub);
    let long = |request: JobRequest| request.with_max_execution_time(Duration::from_secs(3 * 3600));
    client.create_scheduled_job("other", &long(reboot())).await.unwrap();
    let requests = requests(1).map(move |(id, request)| (id, long(request)));
    let run = tokio::spawn(client.run_jobs(stream::iter(requests)).collect::<Vec<_>>());
    clock.run_until(|| creations(&hub, "job-0") > 0).await;
    for _ in 0..60 {
        clock.advance(Duration::from_secs(115)).await;
    }
    assert!(!run.is_finished() && client.get_scheduled_job("job-0").await.unwrap_err().is_not_found());
    for _ in 0..90 {
        clock.advance(Duration::from_secs(115)).await;
    }
    clock.advance_until(|| run.is_finished()).await;
    assert_all_succeeded(&Results::from_iter(run.await.unwrap()), 1);
}

#[tokio::test]
async fn job_that_is_not_shown_yet_keeps_its_place() {
    let hub = hub_with_slots(1, Duration::ZERO).await;
    let unknown = r#"{"jobId":"job-0","type":"unknown","status":"unknown"}"#;
    hub.inject(Route::Get.of_job("job-0"), When::Next(6), Fault::status(200).with_body(unknown));
    let results = results(batch(&client(&hub), requests(2)).concurrency(1)).await;
    assert_all_succeeded(&results, 2);
    let requests: Vec<String> = hub.requests().into_iter().map(|request| request.path).collect();
    let first_of_the_second = requests.iter().position(|path| path.ends_with("/job-1")).unwrap();
    let of_the_first = requests[..first_of_the_second].iter().filter(|path| path.ends_with("/job-0")).count();
    assert_eq!(of_the_first, 1 + 7, "its creation, and reads until it is shown");
}

#[tokio::test]
async fn batch_waits_for_jobs_and_rows_that_lag() {
    let lag = Duration::from_millis(300);
    let behavior = HubBehavior { create_lag: lag, row_lag: lag, ..HubBehavior::default() };
    let hub = Emulator::builder().devices(["pump-1", "pump-2"].map(Device::new)).pace(AT_ONCE);
    let hub = hub.concurrent_jobs(2).behavior(behavior).start().await;
    assert_all_succeeded(&results(batch(&client(&hub), requests(4))).await, 4);
}

#[tokio::test]
async fn job_that_the_hub_never_shows_is_not_found() {
    let hub = hub_with_slots(1, Duration::ZERO).await;
    hub.inject(Route::Get, When::Every(1), Fault::refusal(404, "JobNotFound"));
    let batch = batch(&client(&hub), requests(1)).not_found_after(Duration::from_millis(50));
    let results = results(batch).await;
    assert!(results["job-0"].as_ref().unwrap_err().first_error().is_not_found(), "{results:?}");
    assert_eq!(creations(&hub, "job-0"), 1);
}

#[tokio::test]
async fn slot_deadline_is_the_error_of_a_job() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    client.create_scheduled_job("other", &reboot()).await.unwrap();
    let results = results(batch(&client, requests(2)).slot_deadline(Duration::from_secs(1))).await;
    assert!(
        results.values().all(|result| result.as_ref().unwrap_err().first_error().is_job_slot_busy()),
        "{results:?}"
    );
    assert_eq!(created(&hub).await, 1);
}

#[tokio::test]
async fn wait_timeout_leaves_a_job_to_the_hub() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    // The status is not one of the spec: nobody can say when the job ends.
    let job = r#"{"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"reboot"},"queryCondition":"*","status":"notListed"}"#;
    hub.inject(Route::Get.of_job("job-0"), When::Every(1), Fault::status(200).with_body(job));
    let results = results(batch(&client, requests(1)).wait_timeout(Duration::from_millis(200))).await;
    let report = results["job-0"].as_ref().unwrap();
    assert_eq!(
        (report.outcome(), report.jobs[0].status.as_ref()),
        (JobOutcome::Pending, Some(&"notListed".into()))
    );
    assert_eq!(report.job_ids().collect::<Vec<_>>(), ["job-0"], "the hub leaves the id out");
}

#[tokio::test]
async fn no_more_jobs_than_the_concurrency_are_in_progress() {
    let hub = hub_with_slots(50, Duration::from_millis(300)).await;
    let client = client(&hub);
    let mut batch = batch(&client, requests(12)).concurrency(3);
    let mut count = 0;
    while batch.next().await.is_some() {
        count += 1;
        let created = created(&hub).await;
        assert!(created <= count + 2, "{created} jobs were created, {count} have ended");
    }
    assert_eq!(count, 12);
    let none = results(client.run_jobs(stream::iter(requests(12))).concurrency(0)).await;
    assert_all_succeeded(&none, 12);
}

#[tokio::test]
async fn requests_are_taken_from_their_stream_as_jobs_end() {
    let hub = hub_with_slots(10, Duration::ZERO).await;
    let taken = std::sync::atomic::AtomicUsize::new(0);
    let requests = requests(1000).inspect(|_| {
        taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    let client = client(&hub);
    let mut batch = client.run_jobs(stream::iter(requests)).concurrency(5);
    assert_eq!(taken.load(std::sync::atomic::Ordering::Relaxed), 0, "nothing happens until it is polled");
    batch.next().await.unwrap().1.unwrap();
    drop(batch);
    assert!(taken.load(std::sync::atomic::Ordering::Relaxed) <= 6);
}

#[tokio::test]
async fn empty_batch_ends_at_once() {
    let hub = hub_with_slots(1, Duration::ZERO).await;
    assert!(results(batch(&client(&hub), requests(0))).await.is_empty());
    assert!(hub.requests().is_empty());
}

#[tokio::test]
async fn error_of_a_job_does_not_end_the_others() {
    let hub = hub_with_slots(5, Duration::from_millis(20)).await;
    let client = client(&hub);
    client
        .create_scheduled_job("job-1", &reboot().with_start_time(Utc::now() + TimeDelta::days(1)))
        .await
        .unwrap();
    let no_method = JobRequest::device_method(CloudToDeviceMethod::new(""), "*");
    let odd_condition = JobRequest::device_method(CloudToDeviceMethod::new("m"), "nonsense");
    let others =
        [("no/id".into(), reboot()), ("no-method".into(), no_method), ("failing".into(), odd_condition)];
    let results = results(batch(&client, requests(4).chain(others))).await;
    assert_eq!(results.len(), 7);
    for id in ["job-0", "job-2", "job-3"] {
        assert_eq!(results[id].as_ref().unwrap().outcome(), JobOutcome::Succeeded);
    }
    let conflict = results["job-1"].as_ref().unwrap_err().first_error();
    let Error::JobConflict { differences, .. } = conflict else { panic!("{results:?}") };
    assert_eq!(differences[..], ["startTime"]);
    for id in ["no/id", "no-method"] {
        let error = results[id].as_ref().unwrap_err();
        assert!(matches!(error.first_error(), Error::InvalidRequest { .. }), "{results:?}");
        // A text that is no id may be a key by mistake.
        assert!(!format!("{error} {error:?}").contains("no/id"));
    }
    let failed = results["failing"].as_ref().unwrap();
    assert_eq!(failed.outcome(), JobOutcome::Failed);
    assert!(!hub.requests().iter().any(|request| request.path.contains("no-method")));
}

#[tokio::test]
async fn refusals_of_a_batch_have_one_name() {
    let hub = hub_with_slots(1, Duration::ZERO).await;
    let no_method = JobRequest::device_method(CloudToDeviceMethod::new(""), "*");
    let late = reboot().with_start_time(Utc::now() + TimeDelta::hours(169));
    let results = results(batch(&client(&hub), [("a".into(), no_method), ("b".into(), late)])).await;
    for (id, field) in [("a", "cloudToDeviceMethod.methodName"), ("b", "startTime")] {
        let error = results[id].as_ref().unwrap_err().to_string();
        assert!(error.starts_with(&format!("run_jobs of {id} was not sent: {field} ")), "{error}");
    }
    assert!(hub.requests().iter().all(|request| request.method == "GET"));
}

#[tokio::test]
async fn transient_failures_do_not_reach_the_results() {
    let hub = hub_with_slots(5, Duration::from_millis(20)).await;
    hub.inject(Route::Any, When::Every(4), Fault::status(503));
    hub.inject(Route::Create, When::Next(1), Fault::refusal(429, "ThrottlingException"));
    let results = results(batch(&fast_retry_client(&hub), requests(10))).await;
    hub.clear_faults();
    assert_all_succeeded(&results, 10);
    assert_eq!(created(&hub).await, 10);
}

#[tokio::test]
async fn job_waits_for_its_turn_beyond_the_deadline_of_a_call() {
    let hub = hub_with_slots(20, Duration::ZERO).await;
    hub.inject(Route::Any, When::Next(1), Fault::refusal(429, "ThrottlingException"));
    let impatient = RetryPolicy::default().with_deadline(Duration::from_millis(300));
    let client = builder(&hub).retry(impatient).operations_per_minute(600).build().unwrap();
    // The rejection empties the bucket: from now on, ten calls a second have their turn.
    let rejected = client.with_retry(RetryPolicy::none()).get_scheduled_job("none").await;
    assert!(rejected.unwrap_err().is_throttled());
    assert_all_succeeded(&results(batch(&client, requests(10))).await, 10);
}

#[tokio::test]
async fn batch_is_a_stream_that_tasks_can_run() {
    let hub = hub_with_slots(5, Duration::from_millis(10)).await;
    let client = builder(&hub).retry(fast_retries()).build().unwrap();
    let run = tokio::spawn(async move {
        let batch = client.run_jobs(stream::iter(requests(3)));
        assert!(format!("{batch:?}").starts_with("RunJobs { concurrency: 20"));
        results(batch).await
    });
    assert_all_succeeded(&run.await.unwrap(), 3);
}
