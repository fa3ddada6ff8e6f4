//! Create and cancel calls whose response is lost.

use std::time::Duration;

use chrono::TimeDelta;
use jobs_api::RetryPolicy;
use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobStatus, QuerySpecification};
use jobs_emulator::{Fault, Route, When};

use crate::readings::{create, hub_with_a_waiting_job, run_fast};
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
