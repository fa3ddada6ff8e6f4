//! What an operation shows from outside: one span for it, one event for each attempt and each retry.
//!
//! Names follow OpenTelemetry's conventions for HTTP clients where there are some; the hub's own begin
//! with `iothub`. Bodies and tokens are never among them.

use std::time::Duration;

use reqwest::{Request, Url};
use tracing::field::{Empty, display};
use tracing::{Span, debug, info, info_span, warn};

use crate::auth::{CredentialError, causes};
use crate::error::Error;
use crate::exchange::Answer;

/// The span of an operation, whose name is known once there is a request.
pub(crate) fn operation_span(endpoint: &Url, hub: &str, job_id: Option<&str>) -> Span {
    info_span!(
        "iothub_operation",
        otel.kind = "client",
        otel.name = Empty,
        otel.status_code = Empty,
        server.address = endpoint.host_str(),
        server.port = endpoint.port_or_known_default(),
        http.request.method = Empty,
        http.request.resend_count = Empty,
        http.response.status_code = Empty,
        url.full = Empty,
        "error.type" = Empty,
        iothub.hub = hub,
        iothub.job_id = job_id,
        iothub.operation = Empty,
        iothub.attempt = Empty,
        iothub.request_id = Empty,
        iothub.error_code = Empty,
        iothub.tracking_id = Empty,
    )
}

/// A request is about to be sent.
pub(crate) fn sending(span: &Span, operation: &'static str, request: &Request, request_id: &uuid::Uuid) {
    span.record("otel.name", operation);
    span.record("iothub.operation", operation);
    span.record("iothub.request_id", display(request_id));
    span.record("http.request.method", request.method().as_str());
    span.record("url.full", request.url().as_str());
    let size = request.body().and_then(reqwest::Body::as_bytes).map_or(0, <[u8]>::len);
    debug!(parent: span, http.request.body.size = size, "sending a request");
}

/// An attempt is starting; the first is number 1.
pub(crate) fn attempt(span: &Span, number: u32) {
    span.record("iothub.attempt", number);
    if number > 1 {
        span.record("http.request.resend_count", number - 1);
    }
}

/// An attempt is over.
pub(crate) fn answered(span: &Span, answer: Option<&Answer>, elapsed: Duration) {
    let elapsed_ms = milliseconds(elapsed);
    match answer {
        Some(Answer { status, body, .. }) => {
            span.record("http.response.status_code", status.as_u16());
            debug!(parent: span, http.response.body.size = body.len(), elapsed_ms, "an answer came");
        }
        None => debug!(parent: span, elapsed_ms, "no answer came"),
    }
}

/// The operation has failed for good.
pub(crate) fn failed(span: &Span, error: &Error) {
    span.record("otel.status_code", "ERROR");
    match error.service() {
        Some(service) => {
            span.record("error.type", service.status().as_str());
            span.record("iothub.error_code", service.code().map(|code| code.as_str()));
            span.record("iothub.tracking_id", service.tracking_id());
        }
        None => drop(span.record("error.type", kind(error))),
    }
}

/// Another attempt follows after a wait.
pub(crate) fn retrying(span: &Span, error: &Error, attempt: u32, wait: Duration) {
    let wait_ms = milliseconds(wait);
    match error.service() {
        Some(service) => {
            let code = service.code().map(|code| code.as_str());
            let tracking_id = service.tracking_id();
            warn!(parent: span, reason = service.status().as_str(), code, tracking_id, attempt, wait_ms, "trying again");
        }
        // An error of the transport has no words of the hub in it.
        None => {
            warn!(parent: span, reason = kind(error), cause = root_cause(error), attempt, wait_ms, "trying again")
        }
    }
}

/// Another attempt was to follow, but there is no token to sign it with.
pub(crate) fn unsigned(span: &Span, error: &CredentialError) {
    warn!(parent: span, ?error, "not trying again");
}

/// The answer to a request was lost; whether it did what it was to do is known now.
pub(crate) fn settled(span: &Span, had_succeeded: bool) {
    info!(parent: span, had_succeeded, "the job was looked at after a lost answer");
}

/// What lies beneath all else, such as the refusal of a connection.
fn root_cause(error: &Error) -> String {
    causes(Some(error)).last().map(ToString::to_string).unwrap_or_default()
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Transport(transport) if transport.certificate().is_some() => "certificate",
        Error::Transport(transport) if transport.is_timeout() => "timeout",
        Error::Transport(transport) if transport.is_connect() => "connect",
        Error::Transport(_) => "connection",
        Error::UnreadableAnswer(_) => "unreadable_answer",
        Error::Credential(_) => "credential",
        _ => "invalid_request",
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
