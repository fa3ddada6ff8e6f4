//! Readings of a job after a create or cancel call whose response is lost.

use std::time::Duration;

use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus};
use jobs_api::{Client, Error};
use jobs_emulator::{Emulator, Fault, Route, When};
use serde_json::json;
use tokio::time::Instant;

use crate::support::clock::FrozenClock;
use crate::support::{
    builder, fast_retries, fast_retry_client, quick_hub, reboot, received_methods, slow_hub,
};

/// The answer of a hub that does not show the job.
fn unknown() -> Fault {
    Fault::status(200).with_body(r#"{"type":"unknown","status":"unknown"}"#)
}

/// Returns an answer that shows the job in this state.
fn shown(status: &str) -> Fault {
    Fault::status(200).with_body(json!({ "jobId": "job", "status": status }).to_string())
}

/// Creates or cancels the job while the clock runs fast, and returns how long that takes.
pub(crate) async fn run_fast<F>(clock: &FrozenClock, call: F) -> (Result<JobResponse, Error>, Duration)
where
    F: Future<Output = Result<JobResponse, Error>> + Send + 'static,
{
    let start = Instant::now();
    let call = tokio::spawn(call);
    clock.advance_until(|| call.is_finished()).await;
    (call.await.unwrap(), start.elapsed())
}

pub(crate) async fn create(client: Client) -> Result<JobResponse, Error> {
    client.create_scheduled_job("job", &reboot()).await
}

/// Starts a hub on which a job waits for an hour, and creates one.
pub(crate) async fn hub_with_a_waiting_job() -> (Emulator, Client) {
    let hub = slow_hub(|pace| &mut pace.queued).await;
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    (hub, client)
}

#[tokio::test(start_paused = true)]
async fn job_that_the_hub_does_not_show_yet_is_read_again() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    hub.inject(Route::Create, When::Next(1), Fault::ResetAfter);
    hub.inject(Route::Get, When::Next(3), unknown());
    let (job, elapsed) = run_fast(&clock, create(fast_retry_client(&hub))).await;
    assert_eq!(job.unwrap().id(), "job");
    assert_eq!(received_methods(&hub), "PUT PUT GET GET GET GET");
    assert!(elapsed >= Duration::from_millis(1750), "without pauses: {elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn job_that_is_never_shown_leaves_the_outcome_unknown_at_the_deadline() {
    for (status, missing) in [
        (503, unknown()),
        (500, Fault::refusal(404, "JobNotFound")),
        (504, Fault::status(200).with_body(r#"{"jobId":"job","type":"unknown","status":"unknown"}"#)),
    ] {
        let (clock, hub) = (FrozenClock::new(), quick_hub().await);
        hub.inject(Route::Create, When::Every(1), Fault::status(status));
        hub.inject(Route::Get, When::Every(1), missing);
        let (result, elapsed) = run_fast(&clock, create(fast_retry_client(&hub))).await;
        let error = result.unwrap_err();
        assert!(error.is_outcome_unknown(), "{error}");
        assert_eq!(error.status().unwrap().as_u16(), status);
        let seconds = elapsed.as_secs();
        assert!((110..=180).contains(&seconds), "{seconds} s");
        let readings = received_methods(&hub).matches("GET").count();
        assert!((10..=35).contains(&readings), "{readings} readings");
    }
}

#[tokio::test(start_paused = true)]
async fn readings_without_a_deadline_end_after_two_minutes() {
    let busy = Fault::status(503).with_header("retry-after", "100000");
    for (answer, seconds) in [(unknown(), 100..=180), (busy, 0..=180)] {
        let (clock, hub) = (FrozenClock::new(), quick_hub().await);
        hub.inject(Route::Create, When::Every(1), Fault::status(503));
        hub.inject(Route::Get, When::Every(1), answer);
        let policy = fast_retries().with_deadline(None);
        let client = builder(&hub).retry(policy).build().unwrap();
        let (result, elapsed) = run_fast(&clock, create(client)).await;
        assert!(result.unwrap_err().is_outcome_unknown());
        assert!(seconds.contains(&elapsed.as_secs()), "{elapsed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn odd_answers_do_not_end_the_readings() {
    for odd in [
        Fault::status(400),
        Fault::refusal(403, "IotHubQuotaExceeded"),
        Fault::status(404),
        Fault::status(302).with_header("location", "/"),
        Fault::status(401),
        Fault::HalfBody,
        Fault::status(200).with_body("{}"),
        shown("queued"),
    ] {
        let (clock, hub) = (FrozenClock::new(), quick_hub().await);
        hub.inject(Route::Create, When::Next(1), Fault::ResetAfter);
        hub.inject(Route::Get, When::Next(4), odd.clone());
        let (job, _) = run_fast(&clock, create(fast_retry_client(&hub))).await;
        assert_eq!(job.unwrap().query_condition.as_deref(), Some("*"), "{odd:?}");
        assert_eq!(received_methods(&hub), "PUT PUT GET GET GET GET GET");
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_change_is_read_before_its_next_attempt() {
    for busy in ["ThrottlingException", "ThrottlingMaxActiveJobCountExceeded"] {
        for slot_deadline in [0, 3600] {
            let (clock, hub) = (FrozenClock::new(), quick_hub().await);
            hub.inject(Route::Create, When::Next(1), Fault::StatusAfter(504));
            hub.inject(Route::Create, When::Every(1), Fault::refusal(429, busy));
            let policy = fast_retries().with_slot_deadline(Duration::from_secs(slot_deadline));
            let client = builder(&hub).retry(policy).build().unwrap();
            let (job, _) = run_fast(&clock, create(client)).await;
            assert_eq!(job.unwrap().id(), "job");
            assert_eq!(received_methods(&hub), "PUT PUT GET", "{busy}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn change_that_was_not_made_is_attempted_again_after_throttling() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    hub.inject(Route::Create, When::Next(1), Fault::status(504));
    hub.inject(Route::Create, When::Next(2), Fault::refusal(429, "ThrottlingException"));
    let (job, _) = run_fast(&clock, create(fast_retry_client(&hub))).await;
    assert_eq!(job.unwrap().status, Some(JobStatus::Queued));
    assert_eq!(received_methods(&hub), "PUT PUT GET PUT GET PUT");
}

#[tokio::test(start_paused = true)]
async fn reading_after_a_lost_response_waits_behind_no_other_call() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    let client = builder(&hub)
        .retry(fast_retries().with_attempts(2).with_deadline(Duration::from_secs(3600)))
        .operations_per_minute(6)
        .build()
        .unwrap();
    hub.inject(Route::Create.of_job("job"), When::Next(2), Fault::ResetAfter);
    let mut calls = vec![tokio::spawn(create(client.clone()))];
    clock.run_until(|| hub.requests().len() == 1).await;
    for n in 0..20 {
        let client = client.clone();
        calls.push(tokio::spawn(async move {
            client.create_scheduled_job(&format!("other-{n}"), &reboot()).await
        }));
    }
    clock.advance_until(|| calls[0].is_finished()).await;
    assert_eq!(calls.remove(0).await.unwrap().unwrap().id(), "job");
    let paths = hub.requests().iter().map(|request| request.path.clone()).collect::<Vec<_>>();
    assert!(paths.iter().filter(|path| path.contains("other")).count() < 20, "{paths:?}");
    calls.iter().for_each(|call| call.abort());
}

#[tokio::test(start_paused = true)]
async fn change_that_hangs_leaves_time_for_reading_the_job() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    hub.inject(Route::Create, When::Every(1), Fault::Delay(Duration::from_secs(3600)));
    let policy = fast_retries().with_deadline(Duration::from_secs(20));
    let client = builder(&hub).retry(policy).build().unwrap();
    let (job, elapsed) = run_fast(&clock, create(client)).await;
    assert_eq!(job.unwrap().id(), "job");
    assert_eq!(received_methods(&hub), "PUT GET");
    assert!((15..=19).contains(&elapsed.as_secs()), "{elapsed:?}");
}

#[tokio::test]
async fn payload_in_another_form_is_recognised() {
    let method = CloudToDeviceMethod::new("reboot").with_payload(json!({ "delay": 5 }));
    let request = JobRequest::device_method(method, "*");
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::ResetAfter);
    let client = fast_retry_client(&hub);
    let job = client.create_scheduled_job("job", &request).await.unwrap();
    let echo = job.cloud_to_device_method.unwrap().payload.unwrap();
    assert_eq!(echo, json!(br#"{"delay":5}"#), "the hub shows the bytes");
    client.ensure_scheduled_job("job", &request).await.unwrap();
}

#[tokio::test]
async fn payload_that_cannot_be_compared_leaves_the_outcome_unknown() {
    let request = |delay: u32| {
        let method = CloudToDeviceMethod::new("reboot").with_payload(json!({ "delay": delay }));
        JobRequest::device_method(method, "*")
    };
    let hub = quick_hub().await;
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("job", &request(5)).await.unwrap();
    hub.inject(Route::Create, When::Next(1), Fault::ResetBefore);
    let error = client.create_scheduled_job("job", &request(6)).await.unwrap_err();
    assert!(error.is_already_exists() && error.is_outcome_unknown(), "{error}");
    assert_eq!(received_methods(&hub), "PUT PUT PUT GET");
}

#[tokio::test(start_paused = true)]
async fn cancellation_that_is_not_shown_yet_is_read_again() {
    let clock = FrozenClock::new();
    let (hub, client) = hub_with_a_waiting_job().await;
    hub.inject(Route::Cancel, When::Next(1), Fault::StatusAfter(503));
    hub.inject(Route::Cancel, When::Next(1), Fault::refusal(405, "OperationNotAllowedInCurrentState"));
    hub.inject(Route::Get, When::Next(1), shown("scheduled"));
    hub.inject(Route::Get, When::Next(1), unknown());
    let (job, _) = run_fast(&clock, async move { client.cancel_scheduled_job("job").await }).await;
    assert_eq!(job.unwrap().status, Some(JobStatus::Cancelled));
    assert_eq!(received_methods(&hub), "PUT POST POST GET GET GET");
}

#[tokio::test(start_paused = true)]
async fn job_that_stays_scheduled_leaves_a_lost_cancellation_unknown() {
    let clock = FrozenClock::new();
    let (hub, client) = hub_with_a_waiting_job().await;
    hub.inject(Route::Cancel, When::Every(1), Fault::status(503));
    hub.inject(Route::Get, When::Every(1), shown("scheduled"));
    let (result, _) = run_fast(&clock, async move { client.cancel_scheduled_job("job").await }).await;
    let error = result.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn cancellation_of_a_job_that_is_missing_afterwards_is_unknown() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    hub.inject(Route::Cancel, When::Next(1), Fault::ResetBefore);
    let client = fast_retry_client(&hub);
    let (result, _) = run_fast(&clock, async move { client.cancel_scheduled_job("job").await }).await;
    let error = result.unwrap_err();
    assert!(error.is_not_found() && error.is_outcome_unknown(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn throttled_change_whose_turn_comes_too_late_ends() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    let policy = fast_retries().with_deadline(Duration::from_secs(30));
    let client = builder(&hub).retry(policy).operations_per_minute(1).build().unwrap();
    hub.inject(Route::Create, When::Next(1), Fault::status(504));
    hub.inject(Route::Any, When::Every(1), Fault::refusal(429, "ThrottlingException"));
    let (result, elapsed) = run_fast(&clock, create(client)).await;
    assert!(result.unwrap_err().is_outcome_unknown());
    assert!(elapsed <= Duration::from_secs(31), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn pause_that_a_reading_is_asked_for_holds_for_the_next_attempt() {
    let (clock, hub) = (FrozenClock::new(), quick_hub().await);
    hub.inject(Route::Create, When::Next(1), Fault::status(504));
    hub.inject(Route::Create, When::Next(1), Fault::refusal(429, "ThrottlingException"));
    hub.inject(Route::Get, When::Next(1), Fault::status(503).with_header("retry-after", "40"));
    let (job, elapsed) = run_fast(&clock, create(fast_retry_client(&hub))).await;
    assert_eq!(job.unwrap().status, Some(JobStatus::Queued));
    assert_eq!(received_methods(&hub), "PUT PUT GET PUT");
    assert!(elapsed >= Duration::from_secs(40), "{elapsed:?}");
}
