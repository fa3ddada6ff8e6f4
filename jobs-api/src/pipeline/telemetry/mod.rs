//! Traces, logs and metrics: a span for an operation, a child for each attempt, one event for a failure.
//!
//! Names follow OpenTelemetry's conventions; those of the hub begin with `iothub`. Bodies and tokens are
//! never recorded. Without a subscriber nothing is formatted, measured or allocated.

pub(super) mod attempt;
pub(super) mod trace;
