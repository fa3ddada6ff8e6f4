//! Creating a job that may exist.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use jobs_api::types::{JobResponse, JobStatus};
use jobs_api::{Client, Error, RetryPolicy, unique_job_id};
use jobs_emulator::{Fault, Route, When};
use tokio::time::Instant;

use crate::support::clock::FrozenClock;
use crate::support::{builder, client, fast_retry_client, quick_hub, reboot, received_methods, set_interval};

#[tokio::test]
async fn ensured_job_is_created_once() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let start = Utc::now() + TimeDelta::hours(1);
    let request = reboot().with_start_time(start);
    let created = client.ensure_scheduled_job("job", &request).await.unwrap();
    assert_eq!((created.id(), &created.status), ("job", &Some(JobStatus::Queued)));
    let found = client.ensure_scheduled_job("job", &request).await.unwrap();
    assert_eq!((found.id(), found.query_condition.as_deref()), ("job", Some("*")));
    assert_eq!(received_methods(&hub), "PUT PUT GET");
}

#[tokio::test]
async fn ensured_job_that_differs_is_a_conflict() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let later = set_interval().with_start_time(Utc::now() + TimeDelta::hours(1));
    let error = client.ensure_scheduled_job("job", &later).await.unwrap_err();
    let Error::JobConflict { job_id, differences, is_certain: true, .. } = &error else { panic!("{error}") };
    assert_eq!(job_id, "job");
    assert_eq!(differences[..], ["type", "startTime"]);
    assert!(error.is_already_exists() && !error.is_outcome_unknown());
    assert_eq!(
        error.to_string(),
        "a job with the id job exists and differs in type, startTime; hint: choose another id"
    );
}

#[tokio::test]
async fn other_failures_of_ensuring_a_job_are_returned() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::status(403));
    let error = fast_retry_client(&hub).ensure_scheduled_job("job", &reboot()).await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 403);
    assert_eq!(received_methods(&hub), "PUT");
}

#[tokio::test]
async fn unique_id_creates_a_job() {
    let hub = quick_hub().await;
    let id = unique_job_id("reboot").unwrap();
    let job = client(&hub).create_scheduled_job(&id, &reboot()).await.unwrap();
    assert_eq!(job.id(), id);
}

/// Ensures the job while the clock runs fast, and returns how long that takes.
async fn ensure_fast(clock: &FrozenClock, client: Client) -> (Result<JobResponse, Error>, Duration) {
    let start = Instant::now();
    let call = tokio::spawn(async move { client.ensure_scheduled_job("job", &reboot()).await });
    clock.advance_until(|| call.is_finished()).await;
    (call.await.unwrap(), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn ensured_job_whose_creation_may_have_taken_effect_stays_unknown() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    hub.inject(Route::Create, When::Next(1), Fault::StatusAfter(504));
    hub.inject(Route::Get, When::Every(1), Fault::status(503));
    let (result, _) = ensure_fast(&clock, fast_retry_client(&hub)).await;
    let error = result.unwrap_err();
    assert!(error.is_already_exists() && error.is_outcome_unknown(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn ensured_job_that_the_hub_does_not_show_yet_is_read_again() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.inject(Route::Get, When::Next(2), Fault::status(200).with_body(r#"{"status":"unknown"}"#));
    let (job, _) = ensure_fast(&clock, client).await;
    assert_eq!(job.unwrap().id(), "job");
    assert_eq!(received_methods(&hub), "PUT PUT GET GET GET");
}

#[tokio::test(start_paused = true)]
async fn ensuring_a_job_waits_as_long_as_the_hub_asks() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let conflict = Fault::refusal(409, "JobAlreadyExists").with_header("retry-after", "20");
    hub.inject(Route::Create, When::Next(1), conflict);
    hub.inject(Route::Get, When::Next(1), Fault::status(503).with_header("retry-after", "30"));
    let (job, elapsed) = ensure_fast(&clock, client).await;
    assert_eq!(job.unwrap().id(), "job");
    assert_eq!(received_methods(&hub), "PUT PUT GET GET");
    assert!((50..=80).contains(&elapsed.as_secs()), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn steps_of_ensuring_a_job_share_the_deadline() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    let policy = RetryPolicy::default().with_deadline(Duration::from_secs(20));
    let client = builder(&hub).retry(policy).build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.inject(Route::Create, When::Next(1), Fault::Delay(Duration::from_secs(10)));
    hub.inject(Route::Get, When::Every(1), Fault::Delay(Duration::from_secs(3600)));
    let (result, elapsed) = ensure_fast(&clock, client).await;
    assert!(result.unwrap_err().is_outcome_unknown());
    assert!((19..=27).contains(&elapsed.as_secs()), "{elapsed:?}");
}

#[tokio::test]
async fn ensured_job_that_is_not_shown_in_full_is_no_certain_conflict() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let job = r#"{"jobId":"job","type":"scheduleDeviceMethod","status":"running","queryCondition":"*","createdTime":"2022-05-04T16:00:00Z"}"#;
    hub.inject(Route::Get, When::Next(1), Fault::status(200).with_body(job));
    let error = client.ensure_scheduled_job("job", &reboot()).await.unwrap_err();
    let Error::JobConflict { differences, is_certain: false, .. } = &error else { panic!("{error}") };
    assert_eq!(differences[..], ["cloudToDeviceMethod"]);
    assert!(error.is_already_exists() && error.is_outcome_unknown());
}
