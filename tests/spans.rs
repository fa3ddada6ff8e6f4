//! Spans, as `tracing-opentelemetry` exports them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt as _;
use jobs_api::reqwest::header::{HeaderMap, HeaderName};
use jobs_api::{Client, Error, JobFilter, RetryPolicy};
use jobs_emulator::{Device, Emulator, Fault, Route, When};
use opentelemetry::propagation::{Injector, TextMapPropagator as _};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Instrument as _, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::support::capture::Captured;
use crate::support::span::{assert_attributes, attribute, children, description, failures, find_span, names};
use crate::support::{
    api_version, builder, client, fast_retries, fast_retry_client, quick_hub, reboot, set_interval,
};

#[tokio::test]
async fn operation_has_a_child_span_for_each_attempt() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(2), Fault::status(503));
    let client = fast_retry_client(&hub);
    let captured = Captured::start();
    client.create_scheduled_job("reboot-43", &reboot()).await.unwrap();

    let spans = captured.spans();
    let operation = find_span(&spans, "create_scheduled_job");
    assert_eq!((&operation.span_kind, &operation.status), (&SpanKind::Internal, &Status::Unset));
    assert_attributes(
        operation,
        &[
            ("iothub.hub", Some("emulator.localhost")),
            ("iothub.job_id", Some("reboot-43")),
            ("iothub.operation", Some("create_scheduled_job")),
            ("iothub.attempts", Some("3")),
            ("http.request.method", None),
            ("error.type", None),
        ],
    );

    let attempts = children(&spans, operation.span_context.span_id());
    assert_eq!((attempts.len(), spans.len()), (3, 4));
    let requests = hub.requests();
    let port = hub.endpoint().rsplit_once(':').unwrap().1.trim_end_matches('/').to_owned();
    for (number, (attempt, request)) in attempts.into_iter().zip(&requests).enumerate() {
        let has_failed = number < 2;
        let status = if has_failed { "503" } else { "200" };
        assert_eq!((&*attempt.name, &attempt.span_kind), ("PUT", &SpanKind::Client));
        assert_eq!(description(attempt).is_some(), has_failed);
        let resend_count = (number > 0).then(|| number.to_string());
        assert_attributes(
            attempt,
            &[
                ("http.request.method", Some("PUT")),
                ("http.request.resend_count", resend_count.as_deref()),
                ("http.response.status_code", Some(status)),
                ("http.request.body.size", Some(&*request.body.len().to_string())),
                ("error.type", has_failed.then_some(status)),
                ("server.address", Some("127.0.0.1")),
                ("server.port", Some(&*port)),
                (
                    "url.full",
                    Some(&*format!(
                        "http://127.0.0.1:{port}/jobs/v2/reboot-43?api-version={}",
                        api_version()
                    )),
                ),
                ("iothub.request_id", request.header("request-id")),
                ("iothub.job_id", None),
            ],
        );
    }
}

#[tokio::test]
async fn refused_operation_has_a_status_and_one_warning() {
    let hub = quick_hub().await;
    let captured = Captured::start();
    let error = client(&hub).cancel_scheduled_job("none").await.unwrap_err();
    let spans = captured.spans();
    let operation = find_span(&spans, "cancel_scheduled_job");
    assert_eq!(description(operation), Some(&*error.to_string()));
    assert_eq!(failures(operation), [("WARN".to_owned(), error.to_string())]);
    let tracking_id = error.service().unwrap().tracking_id();
    assert_attributes(
        operation,
        &[
            ("error.type", Some("404")),
            ("iothub.error_code", Some("JobNotFound")),
            ("iothub.tracking_id", tracking_id),
            ("iothub.outcome_unknown", None),
        ],
    );
    let attempt = find_span(&spans, "POST");
    assert_eq!(attempt.parent_span_id, operation.span_context.span_id());
    assert_eq!(description(attempt), Some(""));
    assert_eq!(attribute(attempt, "error.type").as_deref(), Some("404"));
    assert_eq!(failures(attempt), []);
}

#[tokio::test]
async fn job_that_is_not_found_is_a_warning_after_an_attempt_that_succeeded() {
    let hub = quick_hub().await;
    let captured = Captured::start();
    let error = client(&hub).get_scheduled_job("none").await.unwrap_err();
    let spans = captured.spans();
    let operation = find_span(&spans, "get_scheduled_job");
    assert_eq!(failures(operation), [("WARN".to_owned(), error.to_string())]);
    assert_eq!(attribute(operation, "error.type").as_deref(), Some("job_not_found"));
    assert_eq!(attribute(find_span(&spans, "GET"), "error.type"), None);
}

#[tokio::test]
async fn unknown_outcome_is_one_error() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::ResetAfter);
    let client = client(&hub).with_retry(RetryPolicy::none());
    let captured = Captured::start();
    let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    let spans = captured.spans();
    let operation = find_span(&spans, "create_scheduled_job");
    let [(level, text)] = &failures(operation)[..] else { panic!("{operation:?}") };
    assert!(level == "ERROR" && text.starts_with(&error.to_string()), "{level} {text}");
    assert_eq!(description(operation), Some(&**text));
    assert_eq!(attribute(operation, "iothub.outcome_unknown").as_deref(), Some("true"));
    assert_eq!(attribute(operation, "error.type").as_deref(), Some("connection"));
}

#[tokio::test]
async fn refused_connection_is_one_error_with_its_cause() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let hub = quick_hub().await;
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let client = builder(&hub).endpoint(endpoint).retry(fast_retries().with_attempts(3)).build().unwrap();
    let captured = Captured::start();
    client.get_scheduled_job("job").await.unwrap_err();
    let spans = captured.spans();
    let operation = find_span(&spans, "get_scheduled_job");
    let [(level, text)] = &failures(operation)[..] else { panic!("{operation:?}") };
    assert!(level == "ERROR" && text.contains("Connection refused"), "{level} {text}");
    assert_eq!(attribute(operation, "error.type").as_deref(), Some("connect"));
    let attempts = children(&spans, operation.span_context.span_id());
    assert_eq!(attempts.len(), 3);
    for attempt in attempts {
        assert_eq!(attribute(attempt, "error.type").as_deref(), Some("connect"));
        assert_eq!(attribute(attempt, "http.response.status_code"), None);
    }
}

#[tokio::test]
async fn invalid_request_has_a_span_without_attempts() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let key = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
    let captured = Captured::start();
    let later = reboot().with_start_time(DateTime::<Utc>::MAX_UTC);
    let errors = [
        ("create_scheduled_job", client.create_scheduled_job("job", &later).await.unwrap_err()),
        ("ensure_scheduled_job", client.ensure_scheduled_job("job", &later).await.unwrap_err()),
        ("get_scheduled_job", client.get_scheduled_job(&format!("{key}=")).await.unwrap_err()),
        ("cancel_scheduled_job", client.cancel_scheduled_job("a b").await.unwrap_err()),
        ("query_device_jobs", first_row(&client, "a b").await),
        ("query_scheduled_jobs", first_job(&client, 0).await),
    ];
    let spans = captured.spans();
    assert_eq!(spans.len(), errors.len(), "{:?}", names(&spans));
    for (name, error) in &errors {
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
        let span = find_span(&spans, name);
        assert_eq!(description(span), Some(&*error.to_string()));
        assert_eq!(failures(span), [("WARN".to_owned(), error.to_string())]);
        assert_eq!(attribute(span, "error.type").as_deref(), Some("invalid_request"));
        let id = name.contains("create") || name.contains("ensure");
        assert_eq!(attribute(span, "iothub.job_id").as_deref(), id.then_some("job"));
    }
    assert!(!captured.text().contains(key));
}

async fn first_row(client: &Client, id: &str) -> Error {
    client.query_device_jobs(id).next().await.unwrap().unwrap_err()
}

async fn first_job(client: &Client, page_size: u8) -> Error {
    client.query_scheduled_jobs(JobFilter::default()).page_size(page_size).next().await.unwrap().unwrap_err()
}

#[tokio::test]
async fn malformed_page_is_a_failure_of_its_operation() {
    let hub = quick_hub().await;
    let page = Fault::status(200).with_body("[]").with_header("x-ms-continuation", "same");
    hub.inject(Route::QueryJobs, When::Next(2), page);
    let client = client(&hub);
    let captured = Captured::start();
    let error = first_job(&client, 100).await;
    assert!(matches!(error, Error::EndlessListing));
    let spans = captured.spans();
    let operations: Vec<_> = spans.iter().filter(|span| span.name == "query_scheduled_jobs").collect();
    assert_eq!(operations.len(), 2);
    assert_eq!(
        (&operations[0].status, description(operations[1])),
        (&Status::Unset, Some(&*error.to_string()))
    );
    assert_eq!(attribute(operations[1], "error.type").as_deref(), Some("malformed_page"));
    assert_eq!(failures(operations[1]), [("ERROR".to_owned(), error.to_string())]);
}

#[tokio::test]
async fn wait_is_the_parent_of_its_polls() {
    let hub = Emulator::builder().device(Device::new("pump-1")).start().await;
    let client = client(&hub);
    let later = reboot().with_start_time(Utc::now() + TimeDelta::seconds(1));
    client.create_scheduled_job("job", &later).await.unwrap();
    let captured = Captured::start();
    let outer = info_span!("program");
    let wait =
        client.wait_for_job("job").poll_intervals(Duration::from_millis(10)..=Duration::from_millis(50));
    let wait = async move { wait.await };
    wait.instrument(outer).await.unwrap();
    let spans = captured.spans();
    let wait = find_span(&spans, "wait_for_job");
    assert_eq!(wait.parent_span_id, find_span(&spans, "program").span_context.span_id());
    assert_eq!(wait.status, Status::Unset);
    assert_attributes(wait, &[("iothub.job_id", Some("job")), ("iothub.job_status", Some("completed"))]);
    let polls = children(&spans, wait.span_context.span_id());
    assert!(polls.len() > 1, "{:?}", names(&spans));
    for poll in polls {
        assert_eq!(poll.name, "get_scheduled_job");
        assert_eq!(children(&spans, poll.span_context.span_id()).len(), 1);
    }
}

#[tokio::test]
async fn failed_wait_has_the_status_of_its_poll_and_reports_it_once() {
    let hub = quick_hub().await;
    let client = client(&hub);
    for (id, error_type) in [("none", "job_not_found"), ("a b", "invalid_request")] {
        let captured = Captured::start();
        let error = client.wait_for_job(id).not_found_after(Duration::ZERO).await.unwrap_err();
        let spans = captured.spans();
        let (wait, poll) = (find_span(&spans, "wait_for_job"), find_span(&spans, "get_scheduled_job"));
        assert_eq!(poll.parent_span_id, wait.span_context.span_id());
        for span in [wait, poll] {
            assert_eq!(description(span), Some(&*error.to_string()));
            assert_eq!(attribute(span, "error.type").as_deref(), Some(error_type));
        }
        assert_eq!(failures(poll).len(), 1);
        assert_eq!(failures(wait), []);
    }
}

#[tokio::test]
async fn call_is_named_by_its_first_request() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), Fault::status(503));
    let client = fast_retry_client(&hub);
    let captured = Captured::start();
    client.call(|api| async move { api.query_scheduled_jobs().await }).await.unwrap();
    let spans = captured.spans();
    assert_eq!(
        attribute(find_span(&spans, "call"), "iothub.operation").as_deref(),
        Some("query_scheduled_jobs")
    );
}

#[tokio::test]
async fn reading_a_job_after_a_lost_response_is_an_attempt_of_the_same_operation() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(8), Fault::ResetAfter);
    let client = fast_retry_client(&hub);
    let captured = Captured::start();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let spans = captured.spans();
    let operation = find_span(&spans, "create_scheduled_job");
    assert_eq!((&operation.status, failures(operation)), (&Status::Unset, vec![]));
    let attempts = children(&spans, operation.span_context.span_id());
    assert_eq!(attempts.last().unwrap().name, "GET");
    assert_eq!(attribute(attempts.last().unwrap(), "http.request.resend_count"), None);
    assert_eq!((attempts.len() + 1, operation), (spans.len(), spans.last().unwrap()));
}

#[tokio::test]
async fn ensured_job_that_exists_is_no_failure() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let captured = Captured::start();
    client.ensure_scheduled_job("job", &reboot()).await.unwrap();
    let error = client.ensure_scheduled_job("job", &set_interval()).await.unwrap_err();
    let spans = captured.spans();
    assert_eq!(names(&spans), ["PUT", "GET", "ensure_scheduled_job", "PUT", "GET", "ensure_scheduled_job"]);
    assert_eq!((&spans[2].status, failures(&spans[2])), (&Status::Unset, vec![]));
    assert_eq!(description(&spans[5]), Some(&*error.to_string()));
    assert_eq!(failures(&spans[5]), [("WARN".to_owned(), error.to_string())]);
}

/// Sets headers of a request.
struct Headers<'a>(&'a mut HeaderMap);

impl Injector for Headers<'_> {
    fn set(&mut self, name: &str, value: String) {
        let name: HeaderName = name.parse().unwrap();
        self.0.insert(name, value.parse().unwrap());
    }
}

#[tokio::test]
async fn trace_context_of_each_attempt_reaches_the_hub() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(2), Fault::status(503));
    let traced = builder(&hub).retry(fast_retries()).on_request(|headers| {
        TraceContextPropagator::new().inject_context(&Span::current().context(), &mut Headers(headers));
    });
    let client = traced.build().unwrap();
    let captured = Captured::start();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let spans = captured.spans();
    let attempts = spans.iter().filter(|span| span.name == "PUT");
    let sent: Vec<_> = attempts
        .map(|span| format!("00-{}-{}-01", span.span_context.trace_id(), span.span_context.span_id()))
        .collect();
    let requests = hub.requests();
    let received: Vec<_> = requests.iter().map(|request| request.header("traceparent").unwrap()).collect();
    assert_eq!((received.len(), sent), (3, received.iter().map(ToString::to_string).collect()));
}
