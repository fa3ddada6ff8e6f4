//! The spans of waits and batches.

/// Makes a span of this target and name, a child of the current one, with the status and further fields.
macro_rules! internal_span {
    ($target:expr, $name:literal, $otel_name:expr, $($fields:tt)*) => {
        crate::targets::otel_span!($target, $name, $otel_name, "internal", $($fields)*)
    };
}
pub(super) use internal_span;
