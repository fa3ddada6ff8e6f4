//! Failures, as spans, events and metrics name them.
//!
//! `error.type` is the status of a refusal or failure of the hub, such as `503`, or else one of these:
//!
//! | `error.type` | failure |
//! |---|---|
//! | `tls` | the certificate is not trusted, or the port has no TLS |
//! | `connect`, `timeout`, `connection` | no connection; no response in time; one that broke off |
//! | `unreadable_response`, `malformed_page` | a success, or a listing, that cannot be used |
//! | `credential` | no token, before the first attempt or a later one |
//! | `deadline_exceeded` | not sent: it would have waited longer than its deadline |
//! | `job_conflict`, `job_not_found`, `list_not_compared` | the job is another one, is not shown, or was not compared |
//! | `job_overdue` | a job of a roll-out has not ended long after its time limit |
//! | `invalid_request` | not sent: it breaks a rule of the service |

use std::error::Error as _;

use tracing::Span;
use tracing::field::display;

use super::Error;
use crate::auth::causes;

/// The status of a failed span, kept until it is recorded.
#[derive(Debug)]
pub(crate) struct FailureStatus {
    error_type: String,
    description: String,
}

impl FailureStatus {
    pub(crate) fn of(error: &Error) -> Self {
        Self { error_type: error_type(error).to_owned(), description: description(error) }
    }

    /// Sets the status of a span.
    pub(crate) fn record(&self, span: &Span) {
        record_error_type(span, &self.error_type);
        // After the code: a status without a description would replace it.
        span.record("otel.status_description", display(&self.description));
    }
}

/// Sets the status of a span to that of a failed one, with type and description.
pub(crate) fn record_failure(span: &Span, error: &Error) {
    if !span.is_disabled() {
        FailureStatus::of(error).record(span);
    }
}

/// Sets the status of a span to that of a failed one, with the type alone.
pub(crate) fn record_error_type(span: &Span, error_type: &str) {
    span.record("error.type", display(error_type));
    span.record("otel.status_code", "ERROR");
}

/// Returns the HTTP status by which the hub refused or failed, else the kind of the error.
pub(crate) fn error_type(error: &Error) -> &str {
    match error {
        Error::Service(service) => service.status.as_str(),
        Error::Transport(transport) if transport.tls_failure().is_some() => "tls",
        Error::Transport(transport) if transport.is_timeout() => "timeout",
        Error::Transport(transport) if transport.is_connect() => "connect",
        Error::Transport(_) => "connection",
        Error::UnreadableResponse(_) => "unreadable_response",
        Error::Credential { .. } | Error::MissingToken { .. } => "credential",
        Error::DeadlineExceeded { .. } => "deadline_exceeded",
        Error::UnreadableRow(_) | Error::MalformedPage(_) => "malformed_page",
        Error::JobConflict { .. } => "job_conflict",
        Error::ListNotCompared { .. } => "list_not_compared",
        Error::JobNotFound { .. } => "job_not_found",
        Error::JobOverdue { .. } => "job_overdue",
        _ => "invalid_request",
    }
}

/// Returns an error and its causes on one line, each once.
pub(crate) fn description(error: &Error) -> String {
    causes(error.source()).map(ToString::to_string).fold(error.to_string(), |line, cause| {
        if line.contains(&cause) { line } else { format!("{line}; cause: {cause}") }
    })
}

/// Returns true if the operation was refused for what it asks: by a rule of the service, by a job that
/// exists, or by the hub with a status of 4xx that a repetition would meet again.
pub(crate) fn is_refused(error: &Error) -> bool {
    match error {
        Error::InvalidRequest { .. } | Error::InvalidPayload(_) | Error::JobNotFound { .. } => true,
        Error::JobConflict { is_certain, .. } => *is_certain,
        Error::Service(service) => {
            service.status.is_client_error() && !error.is_retryable() && !error.is_outcome_unknown()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_without_a_response_have_a_type_and_a_level() {
        let conflict =
            || Error::JobConflict { job_id: "a".into(), differences: Vec::new(), is_certain: true };
        for (error, error_type, refused) in [
            (Error::from_status(404, ""), "404", true),
            (Error::from_status(429, ""), "429", false),
            (Error::from_status(503, ""), "503", false),
            (Error::MalformedPage("endless".into()), "malformed_page", false),
            (conflict(), "job_conflict", true),
            (Error::invalid_request("jobId", "must not be empty"), "invalid_request", true),
        ] {
            assert_eq!(super::error_type(&error), error_type);
            assert_eq!(is_refused(&error), refused, "{error}");
        }
    }
}
