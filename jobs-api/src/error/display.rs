//! The texts of errors, and the layers below them.

use std::fmt;

use super::Error;
use super::attempt::FailedAttempt;
use super::service::ServiceError;
use super::text::one_line;
use crate::auth::CredentialError;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential { error, target: None } => f.write_str(&credential_reason(error)),
            Self::Credential { error, target } => {
                write!(f, "{}: {}", not_sent(target), credential_reason(error))
            }
            Self::InvalidConfiguration { setting, rule } => write!(f, "{setting}: {rule}"),
            Self::InvalidRequest { field, rule, target } => write!(f, "{}: {field} {rule}", not_sent(target)),
            Self::DeadlineExceeded { reason, target } => write!(f, "{}: {reason}", not_sent(target)),
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
                let reason = credential_reason(credential);
                return write!(f, "{earlier}; then no request could be sent: {reason}");
            }
            Self::ListNotCompared { job_id, .. } => write!(
                f,
                "not created: {job_id} of the same list could not be read; hint: repeat the batch later"
            ),
            Self::JobOverdue { job_id } => {
                write!(f, "{job_id} has not ended long after its time limit; hint: run the roll-out again")
            }
            Self::Transport(error) => self.write_line(f, &error.attempt, &error.reason(), error.hint()),
            Self::UnreadableResponse(error) => {
                let reason = format!("the response cannot be read: {}", error.reason());
                let hint = "check the endpoint, and any proxy or cache before the hub";
                self.write_line(f, &error.attempt, &reason, Some(hint))
            }
            Self::Service(error) => {
                self.write_line(f, &error.attempt, &error.reason(), error.hint().as_deref())
            }
            Self::UnreadableRow(row) => row.fmt(f),
            Self::MalformedPage(defect) => f.write_str(defect),
            Self::InvalidPayload(_) => f.write_str("the payload cannot be converted to or from JSON"),
        }?;
        if self.is_outcome_unknown() {
            f.write_str("; the outcome is unknown: read the job before you repeat the call")?;
        }
        Ok(())
    }
}

impl Error {
    /// Writes the line of a failed attempt: the operation, the reason, the ids to quote to Azure support, and the hint.
    fn write_line(
        &self,
        f: &mut fmt::Formatter<'_>,
        attempt: &FailedAttempt,
        reason: &str,
        hint: Option<&str>,
    ) -> fmt::Result {
        write!(f, "{}: {reason} (", attempt.request)?;
        if let Some(id) = self.service().and_then(ServiceError::tracking_id) {
            write!(f, "tracking id {}, ", one_line(id))?;
        }
        write!(f, "{})", attempt.request.ids())?;
        hint.map_or(Ok(()), |hint| write!(f, "; hint: {hint}"))
    }
}

/// Returns why there is no token, and the advice for an operator.
fn credential_reason(error: &CredentialError) -> String {
    let hint = "; hint: check the identity and its token endpoint";
    let hint = if matches!(error, CredentialError::NoToken(_)) { hint } else { "" };
    format!("{}{hint}", one_line(&error.to_string()))
}

/// Returns that a call of this operation and job, if they are known, was not sent.
fn not_sent(target: &Option<String>) -> String {
    target.as_ref().map_or_else(|| "not sent".into(), |target| format!("{target} was not sent"))
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::MissingToken { earlier, .. } => Some(&**earlier),
            Self::Transport(error) => error.source.as_ref().map(|source| source as _),
            Self::InvalidPayload(error) => Some(error),
            _ => None,
        }
    }
}
