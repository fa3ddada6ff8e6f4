//! Batches of jobs on hubs with few slots: their order, their errors, and how they resume.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobStatus};
use jobs_api::{BatchError, Client, Error, JobFilter, JobOutcome, JobReport, RetryPolicy, RunJobs};
use jobs_emulator::{Device, Emulator, Fault, Pace, Request, Route, When};

use crate::support::clock::{FrozenClock, TEST_TIMEOUT};
use crate::support::{
    AT_ONCE, builder, client, fast_retries, fast_retry_client, reboot, slow_hub, wait_for, wait_for_end,
};

type Results = BTreeMap<String, Result<JobReport, BatchError>>;

/// Starts a hub with this many slots, on which each job runs for this long on two devices.
async fn hub_with_slots(slots: usize, running: Duration) -> Emulator {
    let pace = Pace { running, ..AT_ONCE };
    let devices = ["pump-1", "pump-2"].map(Device::new);
    Emulator::builder().pace(pace).devices(devices).concurrent_jobs(slots).start().await
}

/// Returns the requests of jobs `job-0`, `job-1`, …
fn requests(count: usize) -> impl Iterator<Item = (String, JobRequest)> {
    (0..count).map(|n| (format!("job-{n}"), reboot()))
}

/// Starts a batch that polls often.
fn batch<'a>(
    client: &Client,
    requests: impl IntoIterator<Item = (String, JobRequest), IntoIter: Send + 'a>,
) -> RunJobs<'a> {
    let intervals = Duration::from_millis(10)..=Duration::from_millis(50);
    client.run_jobs(stream::iter(requests)).poll_intervals(intervals)
}

/// Collects the results of a batch, whose ids differ.
async fn results(batch: impl Stream<Item = (String, Result<JobReport, BatchError>)>) -> Results {
    let pairs: Vec<_> = tokio::time::timeout(TEST_TIMEOUT, batch.collect()).await.unwrap();
    let count = pairs.len();
    let results = Results::from_iter(pairs);
    assert_eq!(results.len(), count, "an id has two results");
    results
}

/// Returns how many jobs the hub has, by a client of its own.
async fn created(hub: &Emulator) -> usize {
    let jobs = client(hub).query_scheduled_jobs(JobFilter::default());
    jobs.try_fold(0, async |count, _| Ok(count + 1)).await.unwrap()
}

/// Returns how often the creation of a job was sent.
fn creations(hub: &Emulator, id: &str) -> usize {
    let is_creation =
        |request: &Request| request.method == "PUT" && request.path.ends_with(&format!("/{id}"));
    hub.requests().iter().filter(|request| is_creation(request)).count()
}

fn assert_all_succeeded(results: &Results, count: usize) {
    assert_eq!(results.len(), count);
    for (id, result) in results {
        let report = result.as_ref().unwrap();
        assert_eq!(
            (report.job.id(), report.outcome(), report.devices),
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
    client.create_scheduled_job("other", &reboot()).await.unwrap();
    let run = tokio::spawn(client.run_jobs(stream::iter(requests(1))).collect::<Vec<_>>());
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
        .create_scheduled_job("job-1", &reboot().starting_at(Utc::now() + TimeDelta::days(1)))
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
async fn job_that_the_hub_does_not_show_is_created() {
    let hub = hub_with_slots(1, Duration::ZERO).await;
    let unknown = Fault::status(200).with_body(r#"{"jobId":"job-0","status":"unknown"}"#);
    hub.inject(Route::Get, When::Next(1), unknown);
    assert_all_succeeded(&results(batch(&client(&hub), requests(1))).await, 1);
}

#[tokio::test]
async fn dropped_batch_creates_nothing_more_and_resumes() {
    let hub = hub_with_slots(1, Duration::from_millis(100)).await;
    let first = client(&hub);
    let mut batch_to_drop = batch(&first, requests(6));
    let mut done = vec![batch_to_drop.next().await.unwrap().0];
    done.push(batch_to_drop.next().await.unwrap().0);
    drop(batch_to_drop);
    // A creation that was sent may still take effect.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let count = created(&hub).await;
    assert!((2..=3).contains(&count), "{count} jobs for two results");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(created(&hub).await, count);
    let creations = || done.iter().map(|id| creations(&hub, id)).sum::<usize>();
    let creations_before = creations();
    // Another client is another process: it knows nothing of the first.
    let results = results(batch(&client(&hub), requests(6))).await;
    assert_all_succeeded(&results, 6);
    assert_eq!(created(&hub).await, 6);
    assert_eq!(creations(), creations_before, "what is done is not sent again");
    assert!(done.iter().all(|id| results.contains_key(id)));
}

#[tokio::test]
async fn batch_resumes_with_jobs_done_running_and_in_conflict() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let first = client(&hub);
    first.create_scheduled_job("job-0", &reboot()).await.unwrap();
    wait_for(&first, "job-0", &[JobStatus::Running]).await;
    hub.advance_clock(Duration::from_secs(4000)).await;
    wait_for_end(&first, "job-0").await;
    first.create_scheduled_job("job-1", &reboot()).await.unwrap();
    wait_for(&first, "job-1", &[JobStatus::Running]).await;
    let other = reboot().with_max_execution_time(Duration::from_secs(60));
    first
        .create_scheduled_job("job-2", &other.clone().starting_at(Utc::now() + TimeDelta::days(1)))
        .await
        .unwrap();
    let created_before = created(&hub).await;

    let second = client(&hub);
    let all =
        requests(4).map(move |(id, request)| if id == "job-2" { (id, other.clone()) } else { (id, request) });
    let mut batch = batch(&second, all);
    let (mut early, mut late) = (Results::new(), Results::new());
    while early.len() < 2 {
        early.extend(tokio::time::timeout(TEST_TIMEOUT, batch.next()).await.unwrap());
    }
    // The slot is taken by job-1: what ended before needs none.
    assert_eq!(early["job-0"].as_ref().unwrap().outcome(), JobOutcome::Succeeded);
    assert!(early["job-2"].as_ref().unwrap_err().first_error().is_already_exists());
    assert_eq!(created(&hub).await, created_before);
    hub.advance_clock(Duration::from_secs(4000)).await;
    late.extend(tokio::time::timeout(TEST_TIMEOUT, batch.next()).await.unwrap());
    assert_eq!(late["job-1"].as_ref().unwrap().outcome(), JobOutcome::Succeeded);
    let rest = tokio::spawn(async move { batch.collect::<Vec<_>>().await });
    while first.get_scheduled_job("job-3").await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    wait_for(&first, "job-3", &[JobStatus::Running]).await;
    hub.advance_clock(Duration::from_secs(4000)).await;
    let rest = tokio::time::timeout(TEST_TIMEOUT, rest).await.unwrap().unwrap();
    assert_eq!((rest.len(), rest[0].0.as_str()), (1, "job-3"));
    assert_eq!(created(&hub).await, created_before + 1);
    assert_eq!(["job-0", "job-1", "job-2"].map(|id| creations(&hub, id)), [1; 3], "none is sent again");
}

#[tokio::test]
async fn duplicate_id_is_the_same_job_or_a_conflict() {
    let hub = hub_with_slots(5, Duration::from_millis(50)).await;
    let client = client(&hub);
    let later = reboot().starting_at(Utc::now() + TimeDelta::days(1));
    let twice = [("job".to_owned(), reboot()), ("job".to_owned(), reboot()), ("job".to_owned(), later)];
    let results: Vec<_> = batch(&client, twice).concurrency(1).collect().await;
    let results: Vec<_> = results.into_iter().map(|(_, result)| result).collect();
    let [Ok(first), Ok(second), Err(error)] = &results[..] else { panic!("{results:?}") };
    assert!(matches!(error.first_error(), Error::JobConflict { .. }), "{error}");
    assert_eq!(first.job, second.job);
    assert_eq!(created(&hub).await, 1);
    let at_once = [("twin".to_owned(), reboot()), ("twin".to_owned(), reboot())];
    let results: Vec<_> = batch(&client, at_once).collect().await;
    assert!(results.iter().all(|(_, result)| result.is_ok()), "{results:?}");
    assert_eq!(created(&hub).await, 2);
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
