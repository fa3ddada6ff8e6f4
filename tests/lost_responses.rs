//! Create and cancel calls whose response is lost.

use std::time::Duration;

use chrono::TimeDelta;
use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobStatus};
use jobs_emulator::{Fault, Route, When};

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
        let request = reboot().starting_at(start).with_max_execution_time(Duration::from_secs(60));
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
async fn absence_of_the_job_is_inconclusive_after_a_gateway_gave_up() {
    for (status, is_unknown) in [(408, true), (502, true), (504, true), (500, false), (503, false)] {
        let hub = quick_hub().await;
        hub.inject(Route::Create, When::Next(2), Fault::status(status));
        let client = builder(&hub).retry(fast_retries().with_attempts(2)).build().unwrap();
        let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
        assert_eq!(error.is_outcome_unknown(), is_unknown, "{error}");
        assert_eq!(received_methods(&hub), "PUT PUT GET");
    }
}

#[tokio::test]
async fn cancellation_that_may_be_under_way_is_unknown_even_if_the_job_is_missing() {
    let hub = quick_hub().await;
    hub.inject(Route::Cancel, When::Next(1), Fault::ResetBefore);
    let error = fast_retry_client(&hub).cancel_scheduled_job("job").await.unwrap_err();
    assert!(error.is_not_found() && error.is_outcome_unknown(), "{error}");
    assert_eq!(received_methods(&hub), "POST POST GET");
}

#[tokio::test]
async fn not_found_without_a_code_does_not_settle_a_lost_response() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(2), Fault::StatusAfter(503));
    hub.inject(Route::Get, When::Next(1), Fault::status(404));
    let client = builder(&hub).retry(fast_retries().with_attempts(2)).build().unwrap();
    let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error}");
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
    assert!(start.elapsed() < Duration::from_secs(15), "an attempt alone may take 30 seconds");
}
