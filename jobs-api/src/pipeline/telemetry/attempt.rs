//! The span of an attempt, by OpenTelemetry's conventions for HTTP clients.

use std::time::Duration;

use reqwest::{Request, StatusCode};
use tracing::field::Empty;
use tracing::{Span, debug};

use crate::error::Error;
use crate::error::telemetry::{record_error_type, record_failure};
use crate::runtime::RequestId;
use crate::targets::{ATTEMPT, otel_span};

/// Makes the span of the attempt that sends this request: a child of the current one.
pub(in crate::pipeline) fn attempt_span(request: &Request, request_id: RequestId, number: u32) -> Span {
    otel_span!(
        ATTEMPT,
        "iothub_attempt",
        request.method().as_str(),
        "client",
        http.request.method = request.method().as_str(),
        http.request.resend_count = (number > 1).then(|| number - 1),
        http.request.body.size = body_size(request),
        url.full = request.url().as_str(),
        server.address = request.url().host_str(),
        server.port = request.url().port_or_known_default(),
        http.response.status_code = Empty,
        http.response.body.size = Empty,
        iothub.request_id = %request_id,
    )
}

/// Reports a request that is about to be sent.
pub(in crate::pipeline) fn record_request(span: &Span, request: &Request) {
    debug!(target: ATTEMPT, parent: span, size = body_size(request), "sending a request");
}

/// Records the response to an attempt.
pub(in crate::pipeline) fn record_response(span: &Span, status: StatusCode, body_size: usize) {
    if !span.is_disabled() {
        span.record("http.response.status_code", status.as_u16());
        span.record("http.response.body.size", body_size);
    }
}

/// Records the end of an attempt, whose span exists if a request was made.
pub(in crate::pipeline) fn record_end(span: Option<&Span>, error: Option<&Error>, elapsed: Duration) {
    let Some(span) = span else { return };
    match error {
        // The convention: a status of HTTP needs no description.
        Some(error) if error.service().is_some() => record_error_type(span, error),
        Some(error) => record_failure(span, error),
        None => {}
    }
    debug!(
        target: ATTEMPT,
        parent: span,
        elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        is_success = error.is_none(),
        "the attempt ended"
    );
}

fn body_size(request: &Request) -> usize {
    request.body().and_then(reqwest::Body::as_bytes).map_or(0, <[u8]>::len)
}
