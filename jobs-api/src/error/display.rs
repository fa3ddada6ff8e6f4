//! The texts of errors, and the layers below them.

use std::fmt;

use super::Error;
use super::text::one_line;
use crate::auth::CredentialError;

/// Characters of an unreadable row that a message repeats.
const SHOWN_ROW: usize = 120;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential { error, target: None } => f.write_str(&credential_reason(error)),
            Self::Credential { error, target } => {
                write!(f, "{}: {}", not_sent(target.as_deref()), credential_reason(error))
            }
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
            Self::MissingToken { credential, earlier } => {
                // The line of the earlier attempt says that the outcome is unknown, if it is.
                return write!(
                    f,
                    "{earlier}; then no request could be sent: {}",
                    credential_reason(credential)
                );
            }
            Self::ListNotCompared { job_id, .. } => {
                write!(
                    f,
                    "not created: {job_id} of the same list could not be read; hint: repeat the batch later"
                )
            }
            Self::JobOverdue { job_id } => {
                write!(f, "{job_id} has not ended long after its time limit; hint: run the roll-out again")
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
            Self::MalformedPage(defect) => f.write_str(defect),
            Self::InvalidPayload(_) => f.write_str("the payload cannot be converted to or from JSON"),
        }?;
        if self.is_outcome_unknown() {
            f.write_str("; the outcome is unknown: read the job before you repeat the call")?;
        }
        Ok(())
    }
}

/// Returns why there is no token, and the advice for an operator.
fn credential_reason(error: &CredentialError) -> String {
    let hint = "; hint: check the identity and its token endpoint";
    let hint = if matches!(error, CredentialError::NoToken(_)) { hint } else { "" };
    format!("{}{hint}", one_line(&error.to_string()))
}

/// Returns that a call of this operation and job, if they are known, was not sent.
fn not_sent(target: Option<&str>) -> String {
    target.map_or_else(|| "not sent".into(), |target| format!("{target} was not sent"))
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::MissingToken { earlier, .. } => Some(&**earlier),
            Self::Transport(error) => error.source(),
            Self::UnreadableResponse(error) => error.source(),
            Self::InvalidPayload(error) => Some(error),
            _ => None,
        }
    }
}
