//! Traces, logs and metrics: a span for an operation, a child for each attempt, one event for a failure.
//!
//! A change that succeeded is an event at INFO, since it acts on devices; a read that succeeded is none. An event names
//! what it is about, so that a log is readable without the fields of the spans around it.
//!
//! | level | event |
//! |---|---|
//! | ERROR | an operation failed, or its outcome is unknown |
//! | WARN | an operation was refused for what it asks, or is attempted again |
//! | INFO | a change succeeded; a create without a pace waits for a job slot |
//! | DEBUG | a request is sent; an attempt ended |
//! | TRACE | the metrics of an operation, in the form that `tracing_opentelemetry::MetricsLayer` reads |
//!
//! An operation reports its end once, whatever its attempts met: a caller who handles an error does not find it in the
//! log several times. A future that is dropped has no result to report, and sets `iothub.dropped` on its span.
//!
//! Names follow OpenTelemetry's conventions, for attempts those of HTTP clients; those of the hub begin with `iothub`.
//! Bodies and tokens are never recorded. Without a subscriber nothing is formatted, measured or allocated.

use std::time::Duration;

use reqwest::{Request, StatusCode};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span, debug, error, event, info, warn};

use super::decision::Decision;
use crate::auth::causes;
use crate::error::Error;
use crate::error::telemetry::{description, error_type, is_refused, record_error_type, record_failure};
use crate::runtime::RequestId;
use crate::runtime::attempt::RequestInfo;
use crate::targets::{ATTEMPT, METRICS, OPERATION, otel_span};

/// The shortest wait for the pace that a span shows; a call that does not wait takes less.
const SHORTEST_HOLD: Duration = Duration::from_millis(1);

/// The trace of an operation under way.
pub(super) struct Trace<'a> {
    /// The span in which the operation runs.
    pub(super) span: Span,
    /// `None` without a subscriber.
    start: Option<Instant>,
    has_ended: bool,
    hub: &'a str,
    job_id: Option<&'a str>,
    /// `None` until the first request names it.
    operation: Option<&'static str>,
    /// The id of the last request that was to change something.
    change: Option<RequestId>,
    /// How a change is known to have succeeded.
    success: &'static str,
    attempts: u32,
    retries: u32,
    throttles: u32,
    /// How long the operation waited for the rate limit, a slot or a probe.
    hold: Duration,
}

impl<'a> Trace<'a> {
    /// Starts the trace of an operation on a job. Its span is a child of the current one.
    ///
    /// An operation that is unknown until its first request is a `call`.
    pub(super) fn start(hub: &'a str, operation: Option<&'static str>, job_id: Option<&'a str>) -> Self {
        let span = otel_span!(
            OPERATION,
            "iothub_operation",
            operation.unwrap_or("call"),
            "internal",
            iothub.hub = hub,
            iothub.job_id = job_id,
            iothub.operation = operation,
            iothub.attempts = Empty,
            iothub.hold.duration = Empty,
            iothub.error_code = Empty,
            iothub.tracking_id = Empty,
            iothub.outcome_unknown = Empty,
            iothub.dropped = Empty,
        );
        Self {
            span,
            start: read_clock(),
            has_ended: false,
            hub,
            job_id,
            operation,
            change: None,
            success: "succeeded",
            attempts: 0,
            retries: 0,
            throttles: 0,
            hold: Duration::ZERO,
        }
    }

    /// Returns the error of a call that was not sent with the operation in it, if that is known.
    pub(super) fn name(&self, error: Error) -> Error {
        match self.operation {
            Some(operation) => error.in_operation(operation, self.job_id),
            None => error,
        }
    }

    /// Measures a wait for the pace.
    pub(super) async fn hold<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let start = read_clock();
        let result = wait.await;
        self.hold += elapsed(start);
        result
    }

    /// Records an attempt, and its operation.
    pub(super) fn record_attempt(&mut self, request: Option<&RequestInfo>) {
        self.attempts += 1;
        let Some(request) = request else { return };
        if self.operation.is_none() {
            self.operation = Some(request.operation);
            self.span.record("iothub.operation", request.operation);
        }
        if !request.is_read() {
            self.change = Some(request.request_id);
        }
    }

    /// Records the failure of an attempt, and reports what follows it.
    pub(super) fn record_failure(&mut self, error: &Error, attempt: u32, decision: Decision) {
        self.throttles += u32::from(error.is_throttled());
        self.retries += u32::from(decision != Decision::GiveUp);
        match decision {
            // The pace reports an outage and a wait for a slot, once for all calls or tries.
            Decision::GiveUp | Decision::Outlast(_) => {}
            Decision::AwaitPace if error.is_job_slot_busy() => {}
            Decision::AwaitPace => self.report_retry(error, attempt, None),
            Decision::RefreshToken => self.report_retry(error, attempt, Some(Duration::ZERO)),
            Decision::Wait(wait) => self.report_retry(error, attempt, Some(wait)),
            Decision::WaitForSlot(wait) => {
                let tracking_id = error.service().and_then(|service| service.tracking_id());
                let (job_id, wait_ms) = (self.job_id, to_millis(wait));
                info!(target: OPERATION, job_id, attempt, wait_ms, tracking_id, "waiting for a job slot");
            }
        }
    }

    /// Records that a reading shows a change as made, whose response was lost, or that was made before.
    pub(super) fn record_found(&mut self, is_lost: bool) {
        let lost = "succeeded: its response was lost, and a reading shows the change";
        self.success = if is_lost { lost } else { "succeeded: a reading shows that it was done before" };
    }

    /// Ends the trace: the status of the span, one event for a failure, and the metrics.
    pub(super) fn end(mut self, error: Option<&Error>) {
        self.has_ended = true;
        self.record_sums();
        match error {
            Some(error) => self.record_error(error),
            None => self.report_success(),
        }
        let outcome = match error {
            None => "success",
            Some(error) if error.is_outcome_unknown() => "unknown",
            Some(error) if is_refused(error) => "refused",
            Some(_) => "failure",
        };
        self.record_metrics(outcome, error);
    }

    fn record_sums(&self) {
        self.span.record("iothub.attempts", self.attempts);
        if self.hold >= SHORTEST_HOLD {
            self.span.record("iothub.hold.duration", self.hold.as_secs_f64());
        }
    }

    fn record_error(&self, error: &Error) {
        if let Some(service) = error.service() {
            self.span.record("iothub.error_code", service.code().map(|code| code.as_str()));
            self.span.record("iothub.tracking_id", service.tracking_id());
        }
        if error.is_outcome_unknown() {
            self.span.record("iothub.outcome_unknown", true);
        }
        let (job_id, error_type) = (self.job_id, error_type(error));
        self.span.in_scope(|| {
            if is_refused(error) {
                warn!(target: OPERATION, error = %description(error), "error.type" = %error_type, job_id, "refused");
            } else {
                let end = if error.is_outcome_unknown() { "outcome unknown" } else { "failed" };
                error!(target: OPERATION, error = %description(error), "error.type" = %error_type, job_id, "{end}");
            }
        });
        // After the event: a log shows the fields of the span too, and would have the text twice.
        record_failure(&self.span, error);
    }

    /// Reports a change that succeeded.
    fn report_success(&self) {
        let Some(request_id) = self.change else { return };
        let Self { job_id, attempts, success, .. } = *self;
        let operation = self.name_or_call();
        self.span
            .in_scope(|| info!(target: OPERATION, job_id, attempts, %request_id, "{operation} {success}"));
    }

    /// Reports that another attempt follows after a wait; `None` if it waits for the rate limit, however long that is.
    fn report_retry(&self, error: &Error, attempt: u32, wait: Option<Duration>) {
        let (operation, service) = (self.name_or_call(), error.service());
        // An error of the transport has no words of the hub in it.
        let cause = causes(Some(error)).last().filter(|_| service.is_none());
        warn!(
            target: OPERATION,
            job_id = self.job_id,
            reason = error_type(error),
            code = service.and_then(|service| service.code()).map(|code| code.as_str()),
            cause = cause.map(tracing::field::display),
            attempt,
            wait_ms = wait.map(to_millis),
            tracking_id = service.and_then(|service| service.tracking_id()),
            "retrying {operation}"
        );
    }

    /// Returns the name of the operation; one whose first request was not made yet is a `call`.
    fn name_or_call(&self) -> &'static str {
        self.operation.unwrap_or("call")
    }

    /// Emits the metrics in the form that `tracing_opentelemetry::MetricsLayer` reads. The event belongs to no
    /// span: otherwise every trace would show it.
    fn record_metrics(&self, outcome: &'static str, error: Option<&Error>) {
        event!(
            target: METRICS,
            parent: None,
            Level::TRACE,
            monotonic_counter.iothub.client.operations = 1_u64,
            monotonic_counter.iothub.client.retries = u64::from(self.retries),
            monotonic_counter.iothub.client.throttles = u64::from(self.throttles),
            histogram.iothub.client.operation.duration = elapsed(self.start).as_secs_f64(),
            histogram.iothub.client.hold.duration = self.hold.as_secs_f64(),
            iothub.hub = self.hub,
            iothub.operation = self.name_or_call(),
            iothub.outcome = outcome,
            "error.type" = error.map(|error| tracing::field::display(error_type(error))),
        );
    }
}

impl Drop for Trace<'_> {
    /// Ends the trace of an operation whose future was dropped.
    fn drop(&mut self) {
        if !self.has_ended {
            self.record_sums();
            self.span.record("iothub.dropped", true);
            self.record_metrics("dropped", None);
        }
    }
}

/// Returns the time, if there is a subscriber.
fn read_clock() -> Option<Instant> {
    (LevelFilter::current() != LevelFilter::OFF).then(Instant::now)
}

fn to_millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

fn elapsed(start: Option<Instant>) -> Duration {
    start.map(|start| start.elapsed()).unwrap_or_default()
}

/// Makes the span of the attempt that sends this request: a child of the current one.
pub(super) fn attempt_span(request: &Request, request_id: RequestId, number: u32) -> Span {
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
pub(super) fn record_request(span: &Span, request: &Request) {
    debug!(target: ATTEMPT, parent: span, size = body_size(request), "sending a request");
}

/// Records the response to an attempt.
pub(super) fn record_response(span: &Span, status: StatusCode, body_size: usize) {
    span.record("http.response.status_code", status.as_u16());
    span.record("http.response.body.size", body_size);
}

/// Records the end of an attempt, whose span exists if a request was made.
pub(super) fn record_attempt_end(span: Option<&Span>, error: Option<&Error>, elapsed: Duration) {
    let Some(span) = span else { return };
    match error {
        // The convention: a status of HTTP needs no description.
        Some(error) if error.service().is_some() => record_error_type(span, error_type(error)),
        Some(error) => record_failure(span, error),
        None => {}
    }
    debug!(
        target: ATTEMPT,
        parent: span,
        elapsed_ms = to_millis(elapsed),
        is_success = error.is_none(),
        "the attempt ended"
    );
}

fn body_size(request: &Request) -> usize {
    request.body().and_then(reqwest::Body::as_bytes).map_or(0, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn trace_without_a_subscriber_measures_nothing() {
        let mut trace = Trace::start("contoso.azure-devices.net", None, Some("reboot-43"));
        trace.hold(tokio::time::sleep(Duration::from_secs(1))).await;
        assert!(trace.span.is_disabled() && trace.start.is_none() && trace.hold.is_zero());
    }
}
