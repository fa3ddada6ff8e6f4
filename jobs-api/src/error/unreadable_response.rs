//! Responses that report success but cannot be used.

use progenitor_client::Error as GeneratedError;

use super::attempt::FailedAttempt;
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
///     println!("{}: {body:?}", unreadable.reason());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct UnreadableResponse {
    pub(crate) attempt: FailedAttempt,
    reason: String,
}

impl UnreadableResponse {
    /// Makes the error of a body that was read to this extent. What quotes the body is redacted.
    pub(super) fn new<E>(
        attempt: FailedAttempt,
        extent: BodyExtent,
        error: Option<GeneratedError<E>>,
        token: &AccessToken,
    ) -> Self {
        let redact = |text: String| one_line(&token.redact_text(&text).unwrap_or(text));
        let reason = match (extent, error) {
            (BodyExtent::OverLimit(limit), _) => format!("it is larger than {limit} bytes"),
            (_, Some(GeneratedError::Custom(reason))) => redact(reason),
            (_, Some(GeneratedError::InvalidResponsePayload(_, cause))) => {
                let start: String = attempt.body().chars().take(SHOWN_BODY).collect();
                format!("{}; it begins with {start:?}", redact(cause.to_string()))
            }
            _ => "unexpected response body".into(),
        };
        Self { attempt, reason }
    }

    /// Returns what is wrong with the body, on one line. The path of a member that cannot be read comes first, such as
    /// `deviceJobStatistics.failedCount`.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
