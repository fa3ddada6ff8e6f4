//! Spans and events of an operation, as a subscriber of `tracing` sees them.

use std::time::Duration;

use jobs_api::RetryPolicy;
use jobs_emulator::{Fault, Route, When};

use crate::support::capture::Captured;
use crate::support::{builder, quick_hub, reboot};

/// Returns the line that closes the last span.
fn last_span(text: &str) -> &str {
    text.lines().rfind(|line| line.contains(": close ")).unwrap()
}

#[tokio::test]
async fn operation_span_records_request_and_outcome() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), Fault::status(503));
    let captured = Captured::start();
    let client =
        builder(&hub).retry(RetryPolicy::default().with_base(Duration::from_millis(1))).build().unwrap();
    client.create_scheduled_job("reboot-43", &reboot()).await.unwrap();

    let text = captured.text();
    let span = last_span(&text);
    for field in [
        "otel.kind=\"client\"",
        "otel.name=\"create_scheduled_job\"",
        "server.address=\"127.0.0.1\"",
        "http.request.method=\"PUT\"",
        "http.request.resend_count=1",
        "http.response.status_code=200",
        "/jobs/v2/reboot-43?api-version=2021-04-12\"",
        "iothub.hub=\"emulator.localhost\"",
        "iothub.job_id=\"reboot-43\"",
        "iothub.attempt=2",
    ] {
        assert!(span.contains(field), "{field} is not in {span}");
    }
    assert_eq!(text.matches("retrying").count(), 1);
    assert!(text.contains("wait_ms="));
}

#[tokio::test]
async fn failed_operation_records_the_hubs_error() {
    let hub = quick_hub().await;
    let captured = Captured::start();
    let error = builder(&hub).build().unwrap().get_scheduled_job("none").await.unwrap_err();
    let tracking_id = error.service().unwrap().tracking_id().unwrap();
    let text = captured.text();
    for field in [
        "otel.status_code=\"ERROR\"".to_owned(),
        "error.type=\"404\"".into(),
        "iothub.error_code=\"JobNotFound\"".into(),
        format!("iothub.tracking_id=\"{tracking_id}\""),
    ] {
        assert!(last_span(&text).contains(&field), "{field} is not in {text}");
    }
}

#[tokio::test]
async fn create_call_resolved_by_reading_the_job_is_one_span_without_an_error() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::ResetAfter);
    let captured = Captured::start();
    let policy = RetryPolicy::default().with_base(Duration::from_millis(1));
    builder(&hub).retry(policy).build().unwrap().create_scheduled_job("job", &reboot()).await.unwrap();
    let text = captured.text();
    assert!(last_span(&text).contains("otel.name=\"create_scheduled_job\""), "{text}");
    assert!(!text.contains("ERROR") && text.contains("outcome=\"applied\""), "{text}");
}

#[tokio::test]
async fn each_connect_retry_is_an_event_with_its_cause() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let hub = quick_hub().await;
    let captured = Captured::start();
    let policy = RetryPolicy::default().with_attempts(3).with_base(Duration::from_millis(1));
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let client = builder(&hub).endpoint(endpoint).retry(policy).build().unwrap();
    client.get_scheduled_job("job").await.unwrap_err();
    let text = captured.text();
    assert_eq!(text.matches("retrying reason=\"connect\" cause=\"Connection refused").count(), 2, "{text}");
    assert!(last_span(&text).contains("error.type=\"connect\""));
}
