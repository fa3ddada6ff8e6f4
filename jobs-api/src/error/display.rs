//! The texts of errors, and the layers below them.

use std::error::Error as _;
use std::fmt;

use super::Error;
use super::text::one_line;

/// Characters of an unreadable row that a message repeats.
const SHOWN_ROW: usize = 120;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionString(error) => error.fmt(f),
            Self::Credential { error, target: None } => error.fmt(f),
            Self::Credential { error, target: Some(target) } => write!(f, "{target} was not sent: {error}"),
            Self::InvalidConfiguration { setting, rule } => write!(f, "{setting}: {rule}"),
            Self::InvalidRequest { field, rule, target } => {
                write!(f, "{}: {field} {rule}", not_sent(target.as_deref()))
            }
            Self::DeadlineExceeded { reason, target } => {
                write!(f, "{}: {reason}", not_sent(target.as_deref()))
            }
            Self::JobConflict { job_id, differences, is_certain } => {
                let relation = if *is_certain { "differs in" } else { "cannot be compared by" };
                let hint = if *is_certain { "; hint: choose another id" } else { "" };
                write!(f, "a job with the id {job_id} exists and {relation} {}{hint}", differences.join(", "))
            }
            Self::JobNotFound { job_id, request_id } => write!(
                f,
                "get_scheduled_job of {job_id}: the hub does not know the job, or does not show it yet (request id \
                 {request_id}); hint: import and export jobs read the same"
            ),
            Self::MissingToken { credential, .. } => {
                write!(f, "not sent again: {credential}")?;
                // The source is the earlier attempt, not the cause of this failure.
                match credential.source() {
                    Some(cause) => write!(f, ": {}", one_line(&cause.to_string())),
                    None => Ok(()),
                }
            }
            Self::ListNotCompared { job_id, .. } => {
                write!(
                    f,
                    "not created: {job_id} of the same list could not be read; hint: repeat the batch later"
                )
            }
            Self::Transport(error) => error.fmt(f),
            Self::Service(error) => error.fmt(f),
            Self::UnreadableResponse(error) => error.fmt(f),
            Self::UnreadableRow(row) => write!(
                f,
                "row {} of a page cannot be read: {}; it begins with {:?}",
                row.index,
                one_line(&row.reason),
                row.text.chars().take(SHOWN_ROW).collect::<String>(),
            ),
            Self::OversizedPage { requested, received } => {
                write!(f, "the hub returned a page of {received} items instead of at most {requested}")
            }
            Self::EndlessListing => f.write_str(
                "the listing would never end: the hub repeats a continuation token that it was sent",
            ),
            Self::InvalidPayload(_) => f.write_str("the payload cannot be converted to or from JSON"),
        }?;
        if self.is_outcome_unknown() {
            f.write_str("; the outcome is unknown: read the job before you repeat the call")?;
        }
        Ok(())
    }
}

/// Returns that a call of this operation and job, if they are known, was not sent.
fn not_sent(target: Option<&str>) -> String {
    target.map_or_else(|| "not sent".into(), |target| format!("{target} was not sent"))
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::ConnectionString(error) => error.source(),
            Self::Credential { error, .. } => error.source(),
            Self::MissingToken { earlier, .. } => Some(&**earlier),
            Self::Transport(error) => error.source(),
            Self::UnreadableResponse(error) => error.source(),
            Self::InvalidPayload(error) => Some(error),
            _ => None,
        }
    }
}
