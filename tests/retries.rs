//! Retries: which failures, how often, and what reaches the hub.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use jobs_api::types::{JobStatus, QuerySpecification};
use jobs_api::{Credential, Error, RetryPolicy};
use jobs_emulator::{Fault, Route, When};
use serde_json::json;
use tokio::time::timeout;

use crate::support::clock::FrozenClock;
use crate::support::{
    builder, builder_with, client, fast_retries, fast_retry_client, own_clock_hub, quick_hub, reboot,
    received_methods,
};

#[tokio::test]
async fn transient_statuses_are_retried() {
    for status in [408, 429, 500, 502, 503, 504] {
        let hub = quick_hub().await;
        hub.inject(Route::Create, When::Next(2), Fault::status(status));
        fast_retry_client(&hub).create_scheduled_job("job", &reboot()).await.unwrap();
        assert_eq!(received_methods(&hub), "PUT PUT PUT", "{status}");
    }
}

#[tokio::test]
async fn error_names_its_attempt_after_a_retry() {
    let hub = quick_hub().await;
    let client = fast_retry_client(&hub);
    for (fault, words) in
        [(Fault::status(503), "503 Service Unavailable"), (Fault::ResetBefore, "the connection ended")]
    {
        hub.inject(Route::Get, When::Next(8), fault);
        let error = client.get_scheduled_job("job").await.unwrap_err().to_string();
        assert!(error.contains(words) && error.ends_with(", attempt 8)"), "{error}");
    }
    assert_eq!(hub.requests().len(), 16);
    let error = client.cancel_scheduled_job("job").await.unwrap_err();
    assert_eq!(error.attempt().unwrap().number(), 1);
    assert!(!error.to_string().contains("attempt"), "{error}");
}

#[tokio::test]
async fn permanent_statuses_are_not_retried() {
    for status in [400, 403, 404, 405, 409, 411, 412, 413, 415, 418, 499, 501, 505] {
        let hub = quick_hub().await;
        hub.inject(Route::Any, When::Next(1), Fault::status(status));
        let error = fast_retry_client(&hub).get_scheduled_job("job").await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), status);
        assert_eq!(hub.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn truncated_get_response_is_retried() {
    for fault in [Fault::ResetBefore, Fault::ResetAfter, Fault::ResetWithin, Fault::WrongLength] {
        let hub = quick_hub().await;
        let client = fast_retry_client(&hub);
        client.create_scheduled_job("job", &reboot()).await.unwrap();
        hub.inject(Route::Get, When::Next(2), fault.clone());
        client.get_scheduled_job("job").await.unwrap();
        assert_eq!(received_methods(&hub), "PUT GET GET GET", "{fault:?}");
    }
}

#[tokio::test]
async fn attempt_timeout_is_retried() {
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Next(1), Fault::Delay(Duration::from_secs(3600)));
    let client = builder(&hub).retry(fast_retries()).attempt_timeout(Duration::from_secs(2)).build().unwrap();
    assert!(client.get_scheduled_job("none").await.unwrap_err().is_not_found());
    assert_eq!(received_methods(&hub), "GET GET");
}

#[tokio::test]
async fn unreadable_success_is_not_retried() {
    for fault in [Fault::HalfBody, Fault::EndlessBody, Fault::status(200).with_body("<html>")] {
        let hub = quick_hub().await;
        let client = builder(&hub).retry(fast_retries()).max_response_size(100_000).build().unwrap();
        client.create_scheduled_job("job", &reboot()).await.unwrap();
        hub.inject(Route::Get, When::Next(1), fault.clone());
        let error = client.get_scheduled_job("job").await.unwrap_err();
        assert!(matches!(error, jobs_api::Error::UnreadableResponse(_)), "{error}");
        assert_eq!(received_methods(&hub), "PUT GET", "{fault:?}");
    }
}

#[tokio::test]
async fn body_mislabelled_as_gzip_is_read() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::MislabelledGzip);
    fast_retry_client(&hub).create_scheduled_job("job", &reboot()).await.unwrap();
}

#[tokio::test]
async fn late_response_is_reported_with_the_time_that_passed() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Every(1), Fault::Delay(Duration::from_secs(3600)));
    let client = builder(&hub).attempt_timeout(Duration::from_millis(1500)).retry(RetryPolicy::none());
    let error = client.build().unwrap().get_scheduled_job("job").await.unwrap_err().to_string();
    let start = "get_scheduled_job (GET /jobs/v2/job): no response within 1.5s (request id ";
    assert!(error.starts_with(start), "{error}");
}

#[tokio::test]
async fn timeout_of_a_custom_http_client_ends_an_attempt() {
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Every(1), Fault::Delay(Duration::from_secs(60)));
    let hasty = reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(200)).build().unwrap();
    let client = builder(&hub).http_client(hasty).retry(RetryPolicy::none());
    let client = client.attempt_timeout(Duration::from_secs(600)).build().unwrap();
    let error = timeout(Duration::from_secs(20), client.get_scheduled_job("job")).await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Transport(late) if late.is_timeout()), "{error}");
}

#[tokio::test]
async fn attempts_stop_at_the_limit_and_have_distinct_request_ids() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Every(1), Fault::status(503));
    let client = builder(&hub).retry(fast_retries().with_attempts(3)).build().unwrap();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 503);
    let ids: std::collections::HashSet<_> =
        hub.requests().iter().map(|request| request.header("request-id").unwrap().to_owned()).collect();
    assert_eq!((hub.requests().len(), ids.len()), (3, 3));
    assert!(ids.contains(&error.attempt().unwrap().request_id().to_string()));
}

#[tokio::test]
async fn policy_none_retries_nothing() {
    let hub = quick_hub().await;
    for fault in [Fault::status(503), Fault::ResetBefore, Fault::status(401)] {
        hub.inject(Route::Any, When::Next(1), fault);
        let client = builder(&hub).retry(RetryPolicy::none()).build().unwrap();
        assert!(!client.get_scheduled_job("job").await.unwrap_err().is_not_found());
    }
    assert_eq!(hub.requests().len(), 3);
}

#[tokio::test]
async fn generated_operation_is_retried() {
    let hub = quick_hub().await;
    hub.inject(Route::QueryDevices, When::Next(1), Fault::status(503));
    let query = &QuerySpecification::default().with_query("SELECT * FROM devices.jobs");
    let client = fast_retry_client(&hub);
    client.call(|api| async move { api.query_device_jobs(query).await }).await.unwrap();
    assert_eq!(received_methods(&hub), "POST POST");
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), Fault::status(429).with_header("retry-after", "1"));
    let start = Instant::now();
    assert!(fast_retry_client(&hub).get_scheduled_job("job").await.unwrap_err().is_not_found());
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn wait_in_the_text_of_a_429_is_honoured() {
    let hub = quick_hub().await;
    let text = "ErrorCode:ThrottlingBacklogTimeout;The request has been throttled. Wait 1 seconds and try again. \
                Operation type: CRUD";
    hub.inject(
        Route::Any,
        When::Next(1),
        Fault::status(429).with_body(json!({ "Message": text }).to_string()),
    );
    let start = Instant::now();
    assert!(fast_retry_client(&hub).get_scheduled_job("job").await.unwrap_err().is_not_found());
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(hub.requests().len(), 2);
}

#[tokio::test]
async fn wait_in_the_text_beyond_the_deadline_is_an_error_at_once() {
    let hub = quick_hub().await;
    let text = "Wait 3600 seconds and try again. Operation type: CRUD";
    hub.inject(Route::Any, When::Every(1), Fault::status(429).with_body(text));
    let error = fast_retry_client(&hub).get_scheduled_job("job").await.unwrap_err();
    assert_eq!(error.service().unwrap().retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn retry_after_beyond_the_deadline_is_an_error_at_once() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Every(1), Fault::status(429).with_header("retry-after", "3600"));
    let error = fast_retry_client(&hub).get_scheduled_job("job").await.unwrap_err();
    assert_eq!(error.service().unwrap().retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn deadline_ends_an_attempt_in_flight() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Every(1), Fault::Delay(Duration::from_secs(3600)));
    let policy = fast_retries().with_deadline(Duration::from_millis(300));
    let client = builder(&hub).retry(policy).build().unwrap();
    let call = client.get_scheduled_job("job");
    let error = tokio::time::timeout(Duration::from_secs(15), call).await.unwrap().unwrap_err();
    assert!(matches!(error, jobs_api::Error::Transport(_)), "{error}");
}

#[tokio::test]
async fn busy_job_slot_is_not_retried_by_default() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::refusal(429, "ThrottlingMaxActiveJobCountExceeded"));
    let error = fast_retry_client(&hub).create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert!(error.is_job_slot_busy());
    assert_eq!(received_methods(&hub), "PUT");
}

#[tokio::test(start_paused = true)]
async fn busy_job_slot_is_retried_within_the_slot_deadline() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(2), Fault::refusal(429, "ThrottlingMaxActiveJobCountExceeded"));
    let policy = fast_retries().with_attempts(1).with_slot_deadline(Duration::from_secs(600));
    let client = builder(&hub).retry(policy).attempt_timeout(Duration::from_secs(3600)).build().unwrap();
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });

    clock.run_until(|| hub.requests().len() == 1).await;
    clock.advance(Duration::from_millis(500)).await;
    assert_eq!(hub.requests().len(), 1, "the next try comes after 0.6 seconds");
    clock.advance_until(|| call.is_finished()).await;
    assert_eq!(call.await.unwrap().unwrap().status, Some(JobStatus::Queued));
    assert_eq!(received_methods(&hub), "PUT PUT PUT");
}

#[tokio::test(start_paused = true)]
async fn answer_of_a_hub_that_queues_requests_for_40_seconds_is_awaited() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::Delay(Duration::from_secs(40)));
    let client = client(&hub);
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });
    clock.advance_until(|| call.is_finished()).await;
    assert_eq!(call.await.unwrap().unwrap().status, Some(JobStatus::Queued));
    assert_eq!(received_methods(&hub), "PUT");
}

#[tokio::test(start_paused = true)]
async fn dropped_call_sends_no_more_requests() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Every(1), Fault::status(503));
    let client = client(&hub);
    let call = tokio::spawn(async move { client.get_scheduled_job("job").await });
    clock.run_until(|| hub.requests().len() == 1).await;
    call.abort();
    clock.advance(Duration::from_secs(3600)).await;
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn rejected_token_is_regenerated_once() {
    let hub = quick_hub().await;
    let client = fast_retry_client(&hub);
    hub.inject(Route::Any, When::Next(1), Fault::status(401));
    assert!(client.get_scheduled_job("job").await.unwrap_err().is_not_found());
    assert_eq!(hub.requests().len(), 2);
    hub.inject(Route::Any, When::Every(1), Fault::status(401));
    assert!(client.get_scheduled_job("job").await.unwrap_err().is_unauthorized());
    assert_eq!(hub.requests().len(), 4);
}

#[tokio::test]
async fn rejected_ready_made_token_is_not_retried() {
    let hub = quick_hub().await;
    let token = "SharedAccessSignature sr=emulator.localhost&sig=wrong&se=4102444800&skn=service";
    let credential = Credential::shared_access_signature(token).unwrap();
    let client = builder_with(&hub, credential).retry(fast_retries()).build().unwrap();
    assert!(client.get_scheduled_job("job").await.unwrap_err().is_unauthorized());
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn clock_skew_is_corrected_after_a_401() {
    let hub = own_clock_hub().await;
    hub.set_clock_offset(TimeDelta::hours(2));
    let client = fast_retry_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!(received_methods(&hub), "PUT PUT");
    client.get_scheduled_job("job").await.unwrap();
    assert_eq!(received_methods(&hub), "PUT PUT GET");
}

#[tokio::test]
async fn clock_skew_learned_without_retries_corrects_the_next_call() {
    let hub = own_clock_hub().await;
    hub.set_clock_offset(TimeDelta::hours(2));
    let client = builder(&hub).retry(RetryPolicy::none()).build().unwrap();
    assert!(client.create_scheduled_job("job", &reboot()).await.unwrap_err().is_unauthorized());
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!(received_methods(&hub), "PUT PUT");
}

#[tokio::test]
async fn clock_skew_is_reported_when_the_corrected_token_is_rejected() {
    let hub = quick_hub().await;
    hub.set_clock_offset(TimeDelta::hours(-2));
    let credential = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
    let client = builder_with(&hub, credential).retry(fast_retries()).build().unwrap();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    assert!(error.is_unauthorized());
    assert_eq!(error.service().unwrap().clock_skew().unwrap().num_hours(), -2);
    assert!(error.to_string().contains("minutes ahead of the hub's"), "{error}");
}

#[tokio::test]
async fn jobs_complete_on_a_hub_that_fails_one_request_in_three() {
    let hub = quick_hub().await;
    for fault in [Fault::status(503), Fault::ResetBefore, Fault::ResetAfter] {
        hub.inject(Route::Any, When::Every(3), fault);
    }
    let client = builder(&hub).retry(fast_retries().with_attempts(20)).build().unwrap();
    for n in 0..20 {
        let id = format!("job-{n}");
        loop {
            match client.create_scheduled_job(&id, &reboot()).await {
                Ok(_) => break,
                Err(error) => assert!(error.is_job_slot_busy(), "{error}"),
            }
        }
        client.wait_for_job(&id).await.unwrap();
    }
}
