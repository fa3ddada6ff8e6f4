//! Responses that report success but cannot be used.

use progenitor_client::Error as GeneratedError;
use serde::de::Error as _;

use super::attempt::FailedAttempt;
use super::json_path::json_path;
use super::text::one_line;
use crate::auth::AccessToken;
use crate::runtime::attempt::BodyExtent;

/// Characters of the body that a message repeats.
const SHOWN_BODY: usize = 120;

/// A response with the status of success whose body is not the one that the operation promises.
///
/// After a change it counts as a lost response: the job is then read. A listing continues with the next page, if the
/// headers name one.
///
/// ```
/// # fn example(error: jobs_api::Error) {
/// if let jobs_api::Error::UnreadableResponse(unreadable) = &error {
///     let body = error.attempt().map(|attempt| attempt.body());
///     println!("cannot be read at {}: {body:?}", unreadable.path());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct UnreadableResponse {
    pub(crate) attempt: FailedAttempt,
    /// What is wrong with the body.
    reason: String,
    path: String,
    pub(super) source: Option<serde_json::Error>,
}

impl UnreadableResponse {
    /// Makes the error of a body that was read to this extent. What quotes the body is redacted.
    pub(super) fn new<E>(
        attempt: FailedAttempt,
        extent: BodyExtent,
        error: Option<GeneratedError<E>>,
        token: &AccessToken,
    ) -> Self {
        let redact = |text: String| token.redact_text(&text).unwrap_or(text);
        let mut unreadable = Self { attempt, reason: String::new(), path: String::new(), source: None };
        unreadable.reason = match (extent, error) {
            (BodyExtent::OverLimit(limit), _) => format!("it is larger than {limit} bytes"),
            (_, Some(GeneratedError::Custom(reason))) => redact(reason),
            (_, Some(GeneratedError::InvalidResponsePayload(body, cause))) => {
                unreadable.path = redact(json_path(&body, cause.line(), cause.column()));
                let cause = one_line(&redact(cause.to_string()));
                unreadable.source = Some(serde_json::Error::custom(cause));
                let start: String = unreadable.attempt.body().chars().take(SHOWN_BODY).collect();
                format!("it begins with {start:?}")
            }
            _ => "unexpected response body".into(),
        };
        unreadable
    }

    /// Returns the path of the member at which reading stopped, such as
    /// `[3].deviceJobStatistics.failedCount`; empty for the body as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn reason(&self) -> String {
        let reason = one_line(&self.reason);
        if self.path.is_empty() {
            return format!("the response cannot be read: {reason}");
        }
        format!("the response cannot be read at {}: {reason}", one_line(&self.path))
    }

    /// Returns the advice for an operator.
    pub(super) fn hint(&self) -> Option<&'static str> {
        let hint = "check the endpoint, and any proxy or cache before the hub";
        self.path.is_empty().then_some(hint)
    }
}
