//! The targets of spans and events, and the fields that all spans share. Targets are public names: filters of users
//! depend on them.

/// Operations: a span for each, and an event for each change that succeeded, each failure and each retry.
pub(crate) const OPERATION: &str = "jobs_api";
/// Attempts: a span for each request, and events with its size and that of the response.
pub(crate) const ATTEMPT: &str = "jobs_api::attempt";
/// Waits for jobs: a span for each, around its polls.
pub(crate) const WAIT: &str = "jobs_api::wait";
/// Batches: a span for each and for each of its jobs, and events as a batch starts, as a job ends, and as a batch ends.
pub(crate) const BATCH: &str = "jobs_api::batch";
/// Roll-outs: a span for each run, and an event as a wave ends or the roll-out stops.
pub(crate) const ROLL_OUT: &str = "jobs_api::roll_out";
/// The pace: events when the hub throttles, when an outage begins or ends, and when a create waits for a slot.
pub(crate) const PACING: &str = "jobs_api::pacing";
/// Tokens: an event for each refresh.
#[cfg(feature = "entra")]
pub(crate) const TOKEN: &str = "jobs_api::token";
/// Metrics: an event for each operation.
pub(crate) const METRICS: &str = "jobs_api::metrics";

/// Makes a span of this target, name and kind, a child of the current one, with the fields of a status and others.
///
/// The name for OpenTelemetry is given at once, since layers drop one that is recorded later.
macro_rules! otel_span {
    ($target:expr, $name:literal, $otel_name:expr, $kind:literal, $($fields:tt)*) => {
        tracing::info_span!(
            target: $target,
            $name,
            otel.name = $otel_name,
            otel.kind = $kind,
            otel.status_code = tracing::field::Empty,
            otel.status_description = tracing::field::Empty,
            "error.type" = tracing::field::Empty,
            $($fields)*
        )
    };
}
pub(crate) use otel_span;
