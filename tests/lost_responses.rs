//! Create and cancel calls whose response is lost.

use std::time::Duration;

use chrono::TimeDelta;
use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus, QuerySpecification};
use jobs_api::{Client, Error, RetryPolicy};
use jobs_emulator::{Emulator, Fault, Route, When};
use serde_json::json;
use tokio::time::Instant;

use crate::support::clock::FrozenClock;
use crate::support::{
    builder, fast_retries, fast_retry_client, quick_hub, reboot, received_methods, slow_hub, wait_for,
};

#[tokio::test]
async fn job_is_recognised_after_a_lost_create_response() {
    for fault in [
        Fault::ResetAfter,
        Fault::ResetWithin,
        Fault::WrongLength,
        Fault::StatusAfter(500),
        Fault::StatusAfter(503),
    ] {
        let hub = quick_hub().await;
        hub.inject(Route::Create, When::Next(1), fault);
        let start = chrono::Utc::now();
        let request = reboot().with_start_time(start).with_max_execution_time(Duration::from_secs(60));
        let job = fast_retry_client(&hub).create_scheduled_job("job", &request).await.unwrap();
        assert_eq!(job.query_condition.as_deref(), Some("*"));
        assert_eq!(received_methods(&hub), "PUT PUT GET");
    }
}

#[tokio::test]
async fn job_is_recognised_after_a_create_timeout() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::Delay(Duration::from_secs(3600)));
    let client = builder(&hub).retry(fast_retries()).attempt_timeout(Duration::from_secs(2)).build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!(received_methods(&hub), "PUT PUT GET");
}

#[tokio::test]
async fn job_is_read_when_every_response_is_lost() {
    let hub = slow_hub(|pace| &mut pace.queued).await;
    let client = builder(&hub).retry(fast_retries().with_attempts(2)).build().unwrap();
    hub.inject(Route::Create, When::Next(2), Fault::ResetAfter);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.inject(Route::Cancel, When::Next(2), Fault::ResetAfter);
    let cancel = tokio::spawn(async move { client.cancel_scheduled_job("job").await });
    assert_eq!(cancel.await.unwrap().unwrap().status, Some(JobStatus::Cancelled));
    assert_eq!(received_methods(&hub), "PUT PUT GET POST POST GET");
}

#[tokio::test]
async fn job_of_a_lost_create_response_holds_a_slot_until_it_ends() {
    let hub = slow_hub(|pace| &mut pace.queued).await;
    let client = builder(&hub).retry(fast_retries().with_attempts(2)).build().unwrap();
    let running = || client.pacing().unwrap().slots.running;
    hub.inject(Route::Create, When::Next(2), Fault::ResetAfter);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!(running(), 1);
    client.cancel_scheduled_job("job").await.unwrap();
    assert_eq!(running(), 0);
}

#[tokio::test]
async fn identical_older_job_stays_a_conflict() {
    let hub = quick_hub().await;
    hub.set_clock_offset(TimeDelta::minutes(-20));
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.set_clock_offset(TimeDelta::zero());
    hub.inject(Route::Create, When::Next(1), Fault::ResetBefore);
    assert!(client.create_scheduled_job("job", &reboot()).await.unwrap_err().is_already_exists());
}

#[tokio::test]
async fn different_job_stays_a_conflict() {
    let hub = quick_hub().await;
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.inject(Route::Create, When::Next(1), Fault::ResetBefore);
    let other = JobRequest::device_method(CloudToDeviceMethod::new("update"), "*");
    let error = client.create_scheduled_job("job", &other).await.unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(received_methods(&hub), "PUT PUT PUT GET");
}

#[tokio::test]
async fn conflict_without_a_lost_response_is_an_error_at_once() {
    let hub = quick_hub().await;
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert!(client.create_scheduled_job("job", &reboot()).await.unwrap_err().is_already_exists());
    hub.inject(Route::Create, When::Next(1), Fault::status(429));
    assert!(client.create_scheduled_job("job", &reboot()).await.unwrap_err().is_already_exists());
    assert_eq!(received_methods(&hub), "PUT PUT PUT PUT", "a 429 is a known outcome");
}

#[tokio::test]
async fn cancellation_is_recognised_after_a_lost_response() {
    let hub = slow_hub(|pace| &mut pace.queued).await;
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.inject(Route::Cancel, When::Next(1), Fault::ResetAfter);
    assert_eq!(client.cancel_scheduled_job("job").await.unwrap().status, Some(JobStatus::Cancelled));
    assert_eq!(received_methods(&hub), "PUT POST POST GET");
}

#[tokio::test]
async fn running_job_stays_not_cancellable() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    wait_for(&client, "job", &[JobStatus::Running]).await;
    hub.inject(Route::Cancel, When::Next(1), Fault::ResetBefore);
    assert!(client.cancel_scheduled_job("job").await.unwrap_err().is_not_cancellable());
}

#[tokio::test]
async fn unreadable_success_of_a_create_call_is_resolved_by_reading_the_job() {
    for fault in [Fault::HalfBody, Fault::EndlessBody] {
        let hub = quick_hub().await;
        hub.inject(Route::Create, When::Next(1), fault.clone());
        let client = builder(&hub).retry(fast_retries()).max_response_size(100_000).build().unwrap();
        let job = client.create_scheduled_job("job", &reboot()).await.unwrap();
        assert_eq!(job.id(), "job");
        assert_eq!(received_methods(&hub), "PUT GET", "{fault:?}");
    }
}

#[tokio::test]
async fn refused_connection_leaves_no_outcome_unknown() {
    let hub = quick_hub().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = builder(&hub).endpoint(endpoint).retry(fast_retries()).build().unwrap();
    let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert!(error.is_retryable() && !error.is_outcome_unknown(), "{error}");
}

#[tokio::test]
async fn reading_the_job_after_a_lost_response_ends_at_the_deadline() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Every(1), Fault::StatusAfter(504));
    hub.inject(Route::Get, When::Every(1), Fault::Delay(Duration::from_secs(3600)));
    let policy = fast_retries().with_attempts(2).with_deadline(Duration::from_secs(1));
    let client = builder(&hub).retry(policy).build().unwrap();
    let start = std::time::Instant::now();
    let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
    assert!(start.elapsed() < Duration::from_secs(15), "an attempt alone may take 60 seconds");
}

/// The answer of a hub that does not show the job.
fn unknown() -> Fault {
    Fault::status(200).with_body(r#"{"type":"unknown","status":"unknown"}"#)
}

/// Returns an answer that shows the job in this state.
fn shown(status: &str) -> Fault {
    Fault::status(200).with_body(json!({ "jobId": "job", "status": status }).to_string())
}

/// Creates or cancels the job while the clock runs fast, and returns how long that takes.
async fn run_fast<F>(clock: &FrozenClock, call: F) -> (Result<JobResponse, Error>, Duration)
where
    F: Future<Output = Result<JobResponse, Error>> + Send + 'static,
{
    let start = Instant::now();
    let call = tokio::spawn(call);
    clock.advance_until(|| call.is_finished()).await;
    (call.await.unwrap(), start.elapsed())
}

async fn create(client: Client) -> Result<JobResponse, Error> {
    client.create_scheduled_job("job", &reboot()).await
}

/// Starts a hub on which a job waits for an hour, and creates one.
async fn hub_with_a_waiting_job() -> (Emulator, Client) {
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

/// Returns successful answers that say nothing about the job.
fn meaningless_answers() -> [Fault; 4] {
    [
        Fault::status(200).with_body("{}"),
        Fault::status(200).with_body(r#"{"type":"scheduleDeviceMethod"}"#),
        Fault::status(200).with_body(r#"{"jobId":"job","type":"unknown","status":"unknown"}"#),
        Fault::status(200).with_body(r#"{"jobId":"other","type":"scheduleDeviceMethod","status":"queued"}"#),
    ]
}

#[tokio::test(start_paused = true)]
async fn create_whose_answer_says_nothing_about_the_job_has_an_unknown_outcome() {
    for answer in meaningless_answers() {
        let (clock, hub) = (FrozenClock::new(), quick_hub().await);
        hub.inject(Route::Create, When::Next(1), answer.clone());
        let (result, _) = run_fast(&clock, create(fast_retry_client(&hub))).await;
        let error = result.unwrap_err();
        assert!(error.is_outcome_unknown(), "{answer:?}: {error}");
        assert_eq!(received_methods(&hub).matches("PUT").count(), 1);
        assert!(received_methods(&hub).matches("GET").count() > 10);
    }
}

#[tokio::test(start_paused = true)]
async fn change_whose_answer_says_nothing_about_the_job_is_resolved_by_reading_it() {
    for answer in meaningless_answers() {
        let (hub, client) = hub_with_a_waiting_job().await;
        hub.inject(Route::Create, When::Next(1), answer.clone());
        let job = client.ensure_scheduled_job("job", &reboot()).await.unwrap();
        assert_eq!(job.query_condition.as_deref(), Some("*"), "{answer:?}");
        client.cancel_scheduled_job("job").await.unwrap();
        hub.inject(Route::Cancel, When::Next(1), answer.clone());
        let job = client.cancel_scheduled_job("job").await.unwrap();
        assert_eq!((job.id(), &job.status), ("job", &Some(JobStatus::Cancelled)), "{answer:?}");
        assert_eq!(received_methods(&hub), "PUT PUT GET POST POST GET");
    }
}

#[tokio::test]
async fn answer_that_leaves_out_the_id_or_the_status_confirms_a_change() {
    for body in [r#"{"jobId":"job","type":"scheduleDeviceMethod"}"#, r#"{"status":"queued"}"#] {
        let hub = quick_hub().await;
        hub.inject(Route::Any, When::Every(1), Fault::status(200).with_body(body));
        let client = fast_retry_client(&hub);
        client.create_scheduled_job("job", &reboot()).await.unwrap();
        client.ensure_scheduled_job("job", &reboot()).await.unwrap();
        client.cancel_scheduled_job("job").await.unwrap();
        assert_eq!(received_methods(&hub), "PUT PUT POST");
    }
}

#[tokio::test]
async fn lost_response_to_a_query_leaves_no_outcome_unknown() {
    let hub = quick_hub().await;
    let client = builder(&hub).retry(RetryPolicy::none()).build().unwrap();
    for fault in [Fault::ResetAfter, Fault::status(504), Fault::HalfBody] {
        hub.inject(Route::QueryDevices, When::Next(1), fault);
        let query = &QuerySpecification::default().with_query("SELECT * FROM devices.jobs");
        let call = client.call(|api| async move { api.query_device_jobs(query).await });
        let error = call.await.unwrap_err();
        assert!(!error.is_outcome_unknown(), "{error}");
    }
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
