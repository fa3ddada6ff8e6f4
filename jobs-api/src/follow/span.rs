//! The fields that the spans of waits and batches share.

/// Makes a span of this target and name, a child of the current one, with the status and further fields.
macro_rules! internal_span {
    ($target:expr, $name:literal, $otel_name:expr, $($fields:tt)*) => {
        tracing::info_span!(
            target: $target,
            $name,
            otel.name = $otel_name,
            otel.kind = "internal",
            otel.status_code = tracing::field::Empty,
            otel.status_description = tracing::field::Empty,
            "error.type" = tracing::field::Empty,
            $($fields)*
        )
    };
}
pub(super) use internal_span;
