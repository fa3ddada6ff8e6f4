//! The progress of batches, as streams and as events, and batches that are stopped.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures_util::stream::{self, StreamExt as _};
use futures_util::{FutureExt as _, future};
use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobStatus};
use jobs_api::{BatchProgress, Client, RunJobs};
use jobs_emulator::{Device, Emulator, Fault, Pace, Route, When};

use crate::batches::{batch, created, creations, hub_with_slots, requests, results};
use crate::support::capture::Captured;
use crate::support::clock::TEST_TIMEOUT;
use crate::support::span::{assert_attributes, events, find_span};
use crate::support::{AT_ONCE, client, later_jobs_hold_no_slot, quick_hub, reboot};

/// Returns the counts of requests, of those that ended and failed, and the same of jobs, and of devices.
fn counts(progress: BatchProgress) -> [u64; 8] {
    let BatchProgress { requests, requests_ended, requests_failed, .. } = progress;
    let BatchProgress { jobs, jobs_ended, jobs_failed, devices, devices_failed, .. } = progress;
    [requests, requests_ended, requests_failed, jobs, jobs_ended, jobs_failed, devices, devices_failed]
}

#[tokio::test]
async fn progress_of_a_batch_grows_to_its_sums_and_ends_with_it() {
    let hub = hub_with_slots(2, Duration::from_millis(20)).await;
    let client = client(&hub);
    let no_method = JobRequest::device_method(CloudToDeviceMethod::new(""), "*");
    let batch = batch(&client, requests(3).chain([("invalid".into(), no_method)]));
    let progress = batch.progress().collect::<Vec<_>>();
    let (results, states) = future::join(results(batch), progress).await;
    assert_eq!(results.len(), 4);
    assert!(states.windows(2).all(|pair| pair[0] != pair[1]), "{states:?}");
    let is_growing = |pair: &[BatchProgress]| {
        counts(pair[0]).iter().zip(counts(pair[1])).all(|(before, after)| *before <= after)
    };
    assert!(states.windows(2).all(is_growing), "{states:?}");
    assert_eq!(counts(*states.last().unwrap()), [4, 4, 1, 4, 4, 1, 6, 0]);
}

#[tokio::test]
async fn progress_of_a_resumed_batch_counts_the_jobs_that_exist() {
    let hub = hub_with_slots(5, Duration::ZERO).await;
    results(batch(&client(&hub), requests(2))).await;
    let other = client(&hub);
    let batch = batch(&other, requests(3));
    let progress = batch.progress().collect::<Vec<_>>();
    let (_, states) = future::join(results(batch), progress).await;
    let last = states.last().unwrap();
    assert_eq!((last.jobs, last.jobs_found, last.jobs_ended), (3, 2, 3));
}

#[tokio::test]
async fn progress_has_the_devices_of_a_job_that_runs() {
    let hub = hub_with_slots(1, Duration::from_secs(3000)).await;
    let client = client(&hub);
    let batch = batch(&client, requests(1));
    let mut progress = batch.progress();
    let mut last = BatchProgress::default();
    let show = async {
        while let Some(state) = progress.next().await {
            if (state.open_devices, last.open_devices) == (2, 0) {
                assert_eq!((state.jobs_ended, state.devices), (0, 0));
                hub.advance_clock(Duration::from_secs(4000)).await;
            }
            last = state;
        }
    };
    future::join(results(batch), show).await;
    assert_eq!((last.open_devices, last.open_devices_done, last.devices), (0, 0, 2));
}

#[tokio::test]
async fn progress_ends_with_a_batch_that_is_dropped() {
    let hub = hub_with_slots(1, Duration::ZERO).await;
    let batch = batch(&client(&hub), requests(1));
    let mut progress = batch.progress();
    assert!(progress.next().now_or_never().is_none(), "nothing has happened");
    drop(batch);
    assert_eq!(progress.next().await, None);
}

#[tokio::test]
async fn start_jobs_that_exist_and_end_of_a_batch_are_events() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job-0", &reboot()).await.unwrap();
    hub.inject(Route::Create.of_job("job-1"), When::Next(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let captured = Captured::start();
    results(batch(&client, requests(2))).await;
    let spans = captured.spans();
    let run = find_span(&spans, "run_jobs");
    for message in ["a batch started", "a batch ended"] {
        let [event] = &events(run, message)[..] else { panic!("{run:?}") };
        assert!(event.contains(&"level=INFO".to_owned()), "{event:?}");
    }
    let [existing] = &events(run, "jobs of a request exist")[..] else { panic!("{run:?}") };
    for field in ["level=INFO", "request_id=job-0", "jobs=1", "jobs_found=1"] {
        assert!(existing.contains(&field.to_owned()), "{existing:?}");
    }
    assert_attributes(run, &[("iothub.jobs_found", Some("1")), ("iothub.jobs_failed", Some("1"))]);
    let text = captured.text();
    assert!(!text.lines().any(|line| line.contains("a job ended") && line.contains("job-1")), "{text}");
    let end = text.lines().find(|line| line.contains("a batch ended")).unwrap();
    for sum in ["iothub.requests=2", "iothub.jobs_found=1", "iothub.jobs_failed=1", "iothub.devices=1"] {
        assert!(end.contains(sum), "{end}");
    }
}

/// Polls a batch until a condition holds.
async fn poll_until(batch: &mut RunJobs<'_>, condition: impl AsyncFn() -> bool) {
    let polling = async {
        while !condition().await {
            let result = tokio::time::timeout(Duration::from_millis(10), batch.next()).await;
            assert!(result.is_err(), "no job ends: {result:?}");
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, polling).await.unwrap();
}

async fn has_status(client: &Client, id: &str, status: JobStatus) -> bool {
    client.get_scheduled_job(id).await.is_ok_and(|job| job.status == Some(status))
}

#[tokio::test]
async fn stopped_batch_cancels_what_the_hub_has_not_started() {
    let pace = Pace { running: Duration::from_secs(3600), ..AT_ONCE };
    let hub = Emulator::builder().pace(pace).device(Device::new("pump-1")).concurrent_jobs(1);
    let hub = hub.behavior(later_jobs_hold_no_slot()).start().await;
    let (own, observer) = (client(&hub), client(&hub));
    // It has the slot, whichever request comes first.
    observer.create_scheduled_job("running", &reboot()).await.unwrap();
    let later = reboot().with_start_time(Utc::now() + TimeDelta::days(1));
    let all = [("running", reboot()), ("later", later), ("waiting", reboot())];
    let requests = all.map(|(id, request)| (id.to_owned(), request)).into_iter().chain(requests(5));
    let mut batch = batch(&own, requests).concurrency(3).not_found_after(Duration::from_millis(100));
    let is_under_way = async || {
        has_status(&observer, "running", JobStatus::Running).await
            && has_status(&observer, "later", JobStatus::Scheduled).await
            && creations(&hub, "waiting") > 0
    };
    poll_until(&mut batch, is_under_way).await;

    let stopped = batch.stop().await;
    assert_eq!(stopped.keys().collect::<Vec<_>>(), ["later", "running", "waiting"]);
    assert_eq!(stopped["later"].as_ref().unwrap().status, Some(JobStatus::Cancelled));
    assert!(stopped["running"].as_ref().unwrap_err().is_not_cancellable(), "{stopped:?}");
    assert!(stopped["waiting"].as_ref().unwrap_err().is_not_found(), "{stopped:?}");
    assert!(has_status(&observer, "running", JobStatus::Running).await);
    assert_eq!((created(&hub).await, creations(&hub, "job-0")), (2, 0), "nothing more is created");
}

#[tokio::test]
async fn stopped_batch_leaves_jobs_that_have_ended_or_were_refused() {
    let hub = hub_with_slots(2, Duration::ZERO).await;
    hub.inject(Route::Create.of_job("job-1"), When::Next(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let client = client(&hub);
    let mut batch = batch(&client, requests(2));
    for _ in 0..2 {
        assert!(batch.next().await.is_some());
    }
    let before = hub.requests().len();
    assert!(batch.stop().await.is_empty());
    assert_eq!(hub.requests().len(), before);
    let unpolled = client.run_jobs(stream::iter(requests(2)));
    assert!(unpolled.stop().await.is_empty());
}

#[tokio::test]
async fn stopped_batch_cancels_a_job_once_the_hub_knows_it() {
    let hub = hub_with_slots(1, Duration::ZERO).await;
    let later = reboot().with_start_time(Utc::now() + TimeDelta::days(1));
    let own = client(&hub);
    let mut batch = batch(&own, [("later".to_owned(), later)]);
    poll_until(&mut batch, async || has_status(&client(&hub), "later", JobStatus::Scheduled).await).await;
    hub.inject(Route::Cancel, When::Next(2), Fault::refusal(404, "JobNotFound"));
    let stopped = batch.stop().await;
    assert_eq!(stopped["later"].as_ref().unwrap().status, Some(JobStatus::Cancelled));
    assert_eq!(hub.requests().iter().filter(|request| request.path.ends_with("/cancel")).count(), 3);
}
