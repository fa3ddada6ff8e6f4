//! Waiting for a job.

use std::future::IntoFuture as _;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures_util::TryStreamExt as _;
use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus};
use jobs_api::{JobOutcome, RetryPolicy, Tier};
use jobs_emulator::{Device, Emulator, Fault, Pace, Route, When};

use crate::support::clock::{FrozenClock, TEST_TIMEOUT};
use crate::support::{
    AT_ONCE, builder, client, offline_fails_at_once, quick_hub, reboot, slow_hub, wait_for,
};

/// Returns the number of GET requests that reached the hub.
fn get_count(hub: &Emulator) -> usize {
    hub.requests().iter().filter(|request| request.method == "GET").count()
}

#[tokio::test]
async fn completed_failed_and_cancelled_jobs_end_the_wait() {
    let hub = Emulator::builder().devices([Device::new("on"), Device::new("off").offline()]);
    let hub = hub.behavior(offline_fails_at_once()).start().await;
    let client = client(&hub);
    let on_all = |condition: &str| JobRequest::device_method(CloudToDeviceMethod::new("m"), condition);

    client.create_scheduled_job("clean", &on_all("deviceId = 'on'")).await.unwrap();
    assert_eq!(client.wait_for_job("clean").await.unwrap().outcome(), JobOutcome::Succeeded);
    client.create_scheduled_job("partly", &on_all("*")).await.unwrap();
    assert_eq!(client.wait_for_job("partly").await.unwrap().outcome(), JobOutcome::CompletedWithFailures(1));
    client.create_scheduled_job("broken", &on_all("nonsense")).await.unwrap();
    let broken = client.wait_for_job("broken").await.unwrap();
    assert_eq!(broken.outcome(), JobOutcome::Failed);
    assert!(broken.failure_reason.is_some());

    let later = reboot().with_start_time(Utc::now() + TimeDelta::seconds(2));
    client.create_scheduled_job("stopped", &later).await.unwrap();
    client.cancel_scheduled_job("stopped").await.unwrap();
    assert_eq!(client.wait_for_job("stopped").await.unwrap().outcome(), JobOutcome::Cancelled);
}

#[tokio::test]
async fn each_state_change_is_reported_once() {
    let devices = (0..20).map(|n| Device::new(format!("d{n}")));
    let pace = Pace { running: Duration::from_millis(1500), ..Pace::default() };
    let hub = Emulator::builder().devices(devices).pace(pace).start().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let mut states = Vec::new();
    let job = client.wait_for_job("job").on_progress(|job| states.push(job.clone())).await.unwrap();
    let text = |job: &JobResponse| serde_json::to_string(job).unwrap();
    assert!(states.len() >= 2 && states.windows(2).all(|pair| text(&pair[0]) != text(&pair[1])));
    assert_eq!(text(states.last().unwrap()), text(&job));

    let later: Vec<JobResponse> = client.wait_for_job("job").updates().try_collect().await.unwrap();
    assert_eq!(later.len(), 1);
}

#[tokio::test]
async fn wait_timeout_returns_the_last_seen_job() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    wait_for(&client, "job", &[JobStatus::Running]).await;
    let wait = client.wait_for_job("job").timeout(Duration::from_millis(100));
    let job = tokio::spawn(wait.into_future()).await.unwrap().unwrap();
    assert_eq!((job.outcome(), job.status), (JobOutcome::Pending, Some(JobStatus::Running)));
}

#[tokio::test]
async fn poll_in_flight_ends_at_the_wait_timeout() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    wait_for(&client, "job", &[JobStatus::Running]).await;
    let stall =
        |_: &JobResponse| hub.inject(Route::Get, When::Every(1), Fault::Delay(Duration::from_secs(3600)));
    let wait = client.wait_for_job("job").on_progress(stall).timeout(Duration::from_secs(2));
    let job = tokio::time::timeout(Duration::from_secs(15), wait.into_future()).await.unwrap().unwrap();
    assert_eq!(job.outcome(), JobOutcome::Pending);
}

#[tokio::test]
async fn poll_after_a_failed_first_one_ends_at_the_wait_timeout() {
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Next(1), Fault::status(503));
    hub.inject(Route::Get, When::Next(1), Fault::Delay(Duration::from_secs(3600)));
    let client = builder(&hub).retry(RetryPolicy::none()).build().unwrap();
    let wait = client.wait_for_job("job").timeout(Duration::from_secs(2));
    let error = tokio::time::timeout(Duration::from_secs(15), wait.into_future()).await.unwrap().unwrap_err();
    assert_eq!((error.status().unwrap().as_u16(), get_count(&hub)), (503, 2));
}

#[tokio::test(start_paused = true)]
async fn job_scheduled_for_later_is_polled_every_ten_minutes_and_at_its_start() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let client = client(&hub);
    client
        .create_scheduled_job("job", &reboot().with_start_time(Utc::now() + TimeDelta::hours(1)))
        .await
        .unwrap();
    let wait = tokio::spawn(client.wait_for_job("job").into_future());
    clock.run_until(|| get_count(&hub) == 1).await;
    clock.advance(Duration::from_secs(599)).await;
    assert_eq!(get_count(&hub), 1);
    hub.set_clock_offset(TimeDelta::hours(2));
    clock.advance(Duration::from_secs(700)).await;
    clock.advance_until(|| wait.is_finished()).await;
    assert_eq!(wait.await.unwrap().unwrap().outcome(), JobOutcome::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn change_of_status_is_followed_by_another_poll_soon() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let show = |status: &str| {
        let body = format!(r#"{{"jobId":"job","status":"{status}"}}"#);
        hub.inject(Route::Get, When::Every(1), Fault::status(200).with_body(body));
    };
    show("queued");
    let wait = tokio::spawn(client(&hub).wait_for_job("job").into_future());
    clock.advance_until(|| get_count(&hub) == 12).await;
    hub.clear_faults();
    show("running");
    clock.advance_until(|| get_count(&hub) == 13).await;
    clock.advance(Duration::from_millis(600)).await;
    assert_eq!(get_count(&hub), 14, "the interval is half a second again");
    wait.abort();
}

#[tokio::test(start_paused = true)]
async fn job_is_polled_when_it_is_expected_to_end() {
    let clock = FrozenClock::new();
    let pace = Pace { running: Duration::from_secs(3600), ..AT_ONCE };
    let devices = (0..80).map(|n| Device::new(format!("d{n}")));
    let hub = Emulator::builder().devices(devices).pace(pace).start().await;
    let client = builder(&hub).tier(Tier::S1, 1).operations_per_minute(60_000).build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let wait = tokio::spawn(client.wait_for_job("job").into_future());
    clock.advance_until(|| get_count(&hub) == 1).await;
    clock.advance(Duration::from_secs(7)).await;
    assert_eq!(get_count(&hub), 1, "80 devices take 8 s at 10 a second");
    clock.advance(Duration::from_secs(2)).await;
    assert_eq!(get_count(&hub), 2);
    wait.abort();
}

#[tokio::test]
async fn wait_tolerates_transient_errors() {
    let hub = quick_hub().await;
    let client = builder(&hub).retry(RetryPolicy::none()).build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.inject(Route::Get, When::Next(2), Fault::status(503));
    assert_eq!(client.wait_for_job("job").await.unwrap().outcome(), JobOutcome::Succeeded);
    assert!(get_count(&hub) >= 3);
}

#[tokio::test(start_paused = true)]
async fn wait_fails_after_repeated_transient_errors() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Every(1), Fault::status(503));
    let client = builder(&hub).retry(RetryPolicy::none()).build().unwrap();
    let wait = tokio::spawn(client.wait_for_job("job").into_future());
    clock.advance_until(|| wait.is_finished()).await;
    assert_eq!(wait.await.unwrap().unwrap_err().status().unwrap().as_u16(), 503);
    assert_eq!(get_count(&hub), 5);
}

#[tokio::test]
async fn unknown_and_vanished_jobs_are_not_found() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    let at_once = Duration::ZERO;
    assert!(client.wait_for_job("none").not_found_after(at_once).await.unwrap_err().is_not_found());
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let wait = client.wait_for_job("job").not_found_after(at_once);
    let error = wait.on_progress(|_| hub.forget_job("job")).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

/// The form in which the hub does not show a job.
fn unknown(id: &str) -> Fault {
    Fault::status(200).with_body(format!(r#"{{"jobId":"{id}","type":"unknown","status":"unknown"}}"#))
}

#[tokio::test]
async fn new_job_that_the_hub_does_not_show_yet_is_followed() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.inject(Route::Get, When::Next(2), unknown("job"));
    hub.inject(Route::Get, When::Next(2), Fault::refusal(404, "JobNotFound"));
    let mut states = 0;
    let intervals = Duration::from_millis(10)..=Duration::from_millis(10);
    let wait = client.wait_for_job("job").poll_intervals(intervals).on_progress(|_| states += 1);
    assert_eq!(wait.await.unwrap().outcome(), JobOutcome::Succeeded);
    assert_eq!((states, get_count(&hub)), (1, 5));
}

#[tokio::test(start_paused = true)]
async fn job_that_stays_unknown_is_not_found_after_30_seconds() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Every(1), unknown("export-1"));
    let wait = tokio::spawn(client(&hub).wait_for_job("export-1").into_future());
    clock.run_until(|| get_count(&hub) == 1).await;
    for _ in 0..29 {
        clock.advance(Duration::from_secs(1)).await;
    }
    assert!(!wait.is_finished());
    clock.advance_until(|| wait.is_finished()).await;
    assert!(wait.await.unwrap().unwrap_err().is_not_found());
}

#[tokio::test]
async fn answers_without_a_status_do_not_prolong_the_wait_for_ever() {
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Every(1), Fault::status(200).with_body(r#"{"jobId":"job"}"#));
    let wait = client(&hub).wait_for_job("job").not_found_after(Duration::ZERO).into_future();
    let job = tokio::time::timeout(TEST_TIMEOUT, wait).await.unwrap().unwrap();
    assert_eq!((job.id(), job.outcome(), get_count(&hub)), ("job", JobOutcome::Unknown, 1));
}

#[tokio::test(start_paused = true)]
async fn job_that_was_seen_may_be_unknown_for_a_while() {
    let clock = FrozenClock::new();
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let wait = client.wait_for_job("job").timeout(Duration::from_secs(25));
    let wait = tokio::spawn(wait.into_future());
    clock.run_until(|| get_count(&hub) == 1).await;
    hub.forget_job("job");
    clock.advance_until(|| wait.is_finished()).await;
    assert_eq!(wait.await.unwrap().unwrap().outcome(), JobOutcome::Pending, "the last state that was shown");
}

#[tokio::test]
async fn timeout_before_a_job_is_shown_is_no_error() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let timeout = Duration::from_millis(100);
    let job = client.wait_for_job("none").timeout(timeout).await.unwrap();
    assert_eq!((job.id(), job.outcome()), ("none", JobOutcome::Unknown));
}

#[tokio::test(start_paused = true)]
async fn clock_that_was_set_delays_no_poll_for_more_than_ten_minutes() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let client = client(&hub);
    let later = reboot().with_start_time(Utc::now() + TimeDelta::hours(1));
    client.create_scheduled_job("job", &later).await.unwrap();
    hub.set_clock_offset(TimeDelta::hours(-20));
    let wait = tokio::spawn(client.wait_for_job("job").into_future());
    clock.run_until(|| get_count(&hub) == 1).await;
    hub.set_clock_offset(TimeDelta::hours(2));
    clock.advance(Duration::from_secs(601)).await;
    clock.advance_until(|| wait.is_finished()).await;
    assert_eq!(wait.await.unwrap().unwrap().outcome(), JobOutcome::Succeeded);
}
