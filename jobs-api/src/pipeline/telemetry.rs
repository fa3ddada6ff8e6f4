//! Traces: one span for an operation, one event for each attempt and each retry.
//!
//! Names follow OpenTelemetry's conventions for HTTP clients; those of the hub begin with `iothub`. Bodies
//! and tokens are never recorded.

use std::future::Future;
use std::time::Duration;

use reqwest::{Request, Url};
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span, debug, info, info_span, warn};

use super::lost_response::Resolution;
use crate::auth::{CredentialError, causes};
use crate::error::Error;
use crate::runtime::RequestId;
use crate::runtime::attempt::ReceivedResponse;

/// Makes the span of an operation, whose name is known once there is a request.
pub(super) fn operation_span(endpoint: &Url, hub: &str, job_id: Option<&str>) -> Span {
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
        iothub.outcome_unknown = Empty,
    )
}

/// Runs an operation in its span, which records its failure.
pub(super) async fn trace<T>(
    span: &Span,
    operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let result = operation.instrument(span.clone()).await;
    result.inspect_err(|error| record_failure(span, error))
}

/// Records a request that is about to be sent.
pub(super) fn record_request(span: &Span, operation: &'static str, request: &Request, request_id: RequestId) {
    span.record("otel.name", operation);
    span.record("iothub.operation", operation);
    span.record("iothub.request_id", display(request_id));
    span.record("http.request.method", request.method().as_str());
    span.record("url.full", request.url().as_str());
    let size = request.body().and_then(reqwest::Body::as_bytes).map_or(0, <[u8]>::len);
    debug!(parent: span, http.request.body.size = size, "sending a request");
}

/// Records the start of an attempt; the first is number 1.
pub(super) fn record_attempt(span: &Span, number: u32) {
    span.record("iothub.attempt", number);
    if number > 1 {
        span.record("http.request.resend_count", number - 1);
    }
}

/// Records the end of an attempt.
pub(super) fn record_response(span: &Span, response: Option<&ReceivedResponse>, elapsed: Duration) {
    let elapsed_ms = milliseconds(elapsed);
    match response {
        Some(ReceivedResponse { status, body, .. }) => {
            span.record("http.response.status_code", status.as_u16());
            debug!(parent: span, http.response.body.size = body.len(), elapsed_ms, "received a response");
        }
        None => debug!(parent: span, elapsed_ms, "received no response"),
    }
}

/// Records the error that an operation ends with.
fn record_failure(span: &Span, error: &Error) {
    span.record("otel.status_code", "ERROR");
    if error.is_outcome_unknown() {
        span.record("iothub.outcome_unknown", true);
    }
    match error.service() {
        Some(service) => {
            span.record("error.type", service.status().as_str());
            span.record("iothub.error_code", service.code().map(|code| code.as_str()));
            span.record("iothub.tracking_id", service.tracking_id());
        }
        None => drop(span.record("error.type", kind(error))),
    }
}

/// Reports that another attempt follows after a wait.
pub(super) fn record_retry(span: &Span, error: &Error, attempt: u32, wait: Duration) {
    let wait_ms = milliseconds(wait);
    match error.service() {
        Some(service) => {
            let code = service.code().map(|code| code.as_str());
            let tracking_id = service.tracking_id();
            warn!(parent: span, reason = service.status().as_str(), code, tracking_id, attempt, wait_ms, "retrying");
        }
        // An error of the transport has no words of the hub in it.
        None => {
            warn!(parent: span, reason = kind(error), cause = root_cause(error), attempt, wait_ms, "retrying")
        }
    }
}

/// Reports that no other attempt follows, for want of a token.
pub(super) fn record_missing_token(span: &Span, error: &CredentialError) {
    warn!(parent: span, ?error, "not retrying: no token");
}

/// Reports the conclusion after a lost response.
pub(super) fn record_resolution(span: &Span, resolution: &Resolution) {
    let outcome = match resolution {
        Resolution::Applied(_) => "applied",
        Resolution::NotApplied => "not applied",
        Resolution::Unknown => "unknown",
    };
    info!(parent: span, outcome, "read the job after a lost response");
}

/// Returns the text of the innermost cause, such as a refused connection.
fn root_cause(error: &Error) -> String {
    causes(Some(error)).last().map(ToString::to_string).unwrap_or_default()
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Transport(transport) if transport.certificate().is_some() => "certificate",
        Error::Transport(transport) if transport.is_timeout() => "timeout",
        Error::Transport(transport) if transport.is_connect() => "connect",
        Error::Transport(_) => "connection",
        Error::UnreadableResponse(_) => "unreadable_response",
        Error::Credential(_) => "credential",
        Error::UnreadableRow(_) | Error::OversizedPage { .. } | Error::EndlessListing => "malformed_page",
        Error::JobConflict { .. } => "job_conflict",
        _ => "invalid_request",
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
