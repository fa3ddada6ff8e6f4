//! Batches of which jobs exist already: they resume, or are in conflict.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures_util::stream::StreamExt as _;
use jobs_api::types::JobStatus;
use jobs_api::{Error, JobOutcome};
use jobs_emulator::{Device, Emulator, Fault, Pace, Route, When};

use crate::batches::{
    Results, assert_all_succeeded, batch, created, creations, hub_with_slots, requests, results,
};
use crate::support::clock::TEST_TIMEOUT;
use crate::support::{AT_ONCE, client, later_jobs_hold_no_slot, reboot, wait_for, wait_for_end};

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
    let mut batch_to_drop = batch(&first, requests(12));
    let mut done = vec![batch_to_drop.next().await.unwrap().0];
    done.push(batch_to_drop.next().await.unwrap().0);
    drop(batch_to_drop);
    let mut count = 0;
    // A creation that was sent may still take effect.
    while count != created(&hub).await {
        count = created(&hub).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!((2..12).contains(&count), "{count} jobs for two results");
    let creations = || done.iter().map(|id| creations(&hub, id)).sum::<usize>();
    let creations_before = creations();
    // Another client is another process: it knows nothing of the first.
    let results = results(batch(&client(&hub), requests(12))).await;
    assert_all_succeeded(&results, 12);
    assert_eq!(created(&hub).await, 12);
    assert_eq!(creations(), creations_before, "what is done is not sent again");
    assert!(done.iter().all(|id| results.contains_key(id)));
}

#[tokio::test]
async fn batch_resumes_with_jobs_done_running_and_in_conflict() {
    let pace = Pace { running: Duration::from_secs(3000), ..AT_ONCE };
    let hub = Emulator::builder().pace(pace).device(Device::new("pump-1"));
    let hub = hub.behavior(later_jobs_hold_no_slot()).start().await;
    let first = client(&hub);
    first.create_scheduled_job("job-0", &reboot()).await.unwrap();
    wait_for(&first, "job-0", &[JobStatus::Running]).await;
    hub.advance_clock(Duration::from_secs(4000)).await;
    wait_for_end(&first, "job-0").await;
    first.create_scheduled_job("job-1", &reboot()).await.unwrap();
    wait_for(&first, "job-1", &[JobStatus::Running]).await;
    let other = reboot().with_max_execution_time(Duration::from_secs(60));
    first
        .create_scheduled_job("job-2", &other.clone().with_start_time(Utc::now() + TimeDelta::days(1)))
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
    let later = reboot().with_start_time(Utc::now() + TimeDelta::days(1));
    let twice = [("job".to_owned(), reboot()), ("job".to_owned(), reboot()), ("job".to_owned(), later)];
    let results: Vec<_> = batch(&client, twice).concurrency(1).collect().await;
    let results: Vec<_> = results.into_iter().map(|(_, result)| result).collect();
    let [Ok(first), Ok(second), Err(error)] = &results[..] else { panic!("{results:?}") };
    assert!(matches!(error.first_error(), Error::JobConflict { .. }), "{error}");
    assert_eq!(first.jobs, second.jobs);
    assert_eq!(created(&hub).await, 1);
    let at_once = [("twin".to_owned(), reboot()), ("twin".to_owned(), reboot())];
    let results: Vec<_> = batch(&client, at_once).collect().await;
    assert!(results.iter().all(|(_, result)| result.is_ok()), "{results:?}");
    assert_eq!(created(&hub).await, 2);
}
