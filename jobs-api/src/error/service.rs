//! Failures that the hub reports.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;

use super::attempt::FailedAttempt;
use super::body::ErrorBody;
use super::code::ErrorCode;
use super::text::one_line;
use crate::limits::{CONCURRENT_JOBS, CONDITION_LENGTH, PERMISSIONS, ROLE};

/// The clock skew that the service tolerates when it reads a token.
const TOLERATED_SKEW: TimeDelta = TimeDelta::minutes(5);

/// A response other than the success that the operation promises.
///
/// The message of the [`Error`](crate::Error) is one line: the operation, the status, the code, the message, the ids to
/// quote to Azure support, and a hint if there is one:
///
/// | error | hint |
/// |---|---|
/// | 401 | host name, credential, clock, network rules, and the rights that jobs need |
/// | 403010, `OperationNotAvailableInCurrentTier` | the tiers that have jobs |
/// | 405102, `OperationNotAllowedInCurrentState` | when a job cannot be cancelled |
/// | 409104, `JobAlreadyExists` | every job needs its own id |
/// | 412 | the etag of a twin update, and the length of a condition |
/// | 429004, `ThrottlingMaxActiveJobCountExceeded` | the slots of each tier, and what frees one |
/// | 3xx | redirects are not followed |
///
/// After a 401 it also says how far the clocks are apart, if that may be the reason.
///
/// ```
/// # fn example(error: jobs_api::Error) {
/// if let Some(service) = error.service() {
///     println!("{}: {}", service.status(), service.message());
///     println!("tell Azure support: {:?}", service.tracking_id());
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServiceError {
    pub(super) attempt: FailedAttempt,
    pub(super) status: StatusCode,
    code: Option<ErrorCode>,
    message: String,
    tracking_id: Option<String>,
    retry_after: Option<Duration>,
    clock_skew: Option<TimeDelta>,
}

impl ServiceError {
    pub(super) fn new(attempt: FailedAttempt, status: StatusCode) -> Self {
        let header = |name| attempt.headers().get(name).and_then(|value| value.to_str().ok());
        let ErrorBody { code, message, tracking_id } = ErrorBody::parse(attempt.body());
        let code = ErrorCode::choose([code.as_deref(), header("iothub-errorcode")]);
        let wait = stated_wait(&message).filter(|_| status == StatusCode::TOO_MANY_REQUESTS);
        let date = header("date").and_then(parse_date);
        let retry_after =
            header("retry-after").and_then(|text| parse_retry_after(text.trim(), date)).max(wait);
        let clock_skew = date.map(|date| date - Utc::now());
        let clock_skew = clock_skew.filter(|skew| skew.abs() > TOLERATED_SKEW);
        Self { attempt, status, code, message, tracking_id, retry_after, clock_skew }
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the service's name for the error, if it gave one.
    ///
    /// Both the body and the header `iothub-errorcode` may have one. A name wins over a number, since sources number
    /// differently, and then the body over the header.
    pub fn code(&self) -> Option<&ErrorCode> {
        self.code.as_ref()
    }

    /// Returns the service's message without its wrapping; empty if there is none.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the id by which Azure support finds the call.
    pub fn tracking_id(&self) -> Option<&str> {
        self.tracking_id.as_deref()
    }

    /// Returns the wait that the service asks for: with `Retry-After`, in seconds or as a date, or in the text of a
    /// 429, such as `Wait 10 seconds and try again`. The longer one counts.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns how far the hub's clock, by the header `Date`, is ahead of this machine's, if the two are more than
    /// five minutes apart: a hub may reject a token that such a clock dates.
    pub fn clock_skew(&self) -> Option<TimeDelta> {
        self.clock_skew
    }

    /// Returns true for a 404 to a call on a job that names no other reason.
    pub(super) fn is_unnamed_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
            && self.code.as_ref().is_none_or(|code| *code == ErrorCode::GENERIC_NOT_FOUND)
            && matches!(self.attempt.request.operation, "get_scheduled_job" | "cancel_scheduled_job")
    }

    /// Returns `409 JobAlreadyExists (409104): the job exists`, as far as it is known.
    pub(super) fn reason(&self) -> String {
        let name = self.code.as_ref().map(ErrorCode::as_str).or(self.status.canonical_reason());
        let mut reason = format!("{} {}", self.status.as_u16(), one_line(name.unwrap_or("an error")));
        if let Some(number) = self.code.as_ref().and_then(ErrorCode::number) {
            reason += &format!(" ({number})");
        }
        let message = one_line(&self.message);
        if !message.is_empty() {
            reason += &format!(": {message}");
        }
        if let (StatusCode::UNAUTHORIZED, Some(skew)) = (self.status, self.clock_skew) {
            reason += &format!("; {}", skew_text(skew));
        }
        reason
    }

    /// Returns the advice for an operator.
    pub(super) fn hint(&self) -> Option<String> {
        let name = self.code.as_ref().map(ErrorCode::as_str).unwrap_or_default();
        Some(match (name, self.status.as_u16()) {
            ("OperationNotAllowedInCurrentState", _) => {
                "a job that is running or has ended cannot be cancelled".into()
            }
            ("ThrottlingMaxActiveJobCountExceeded", _) => format!(
                "every slot for jobs is taken ({CONCURRENT_JOBS}), and a scheduled job holds one until it has \
                 run: wait for a job to end, or cancel a scheduled one"
            ),
            ("OperationNotAvailableInCurrentTier", _) => {
                "jobs need a hub of the free or a standard tier".into()
            }
            ("JobAlreadyExists", _) => "every job needs its own id".into(),
            (_, 401) => format!(
                "check the host name, the credential, the clock and the network rules of the hub; a policy \
                 needs {PERMISSIONS}, an identity the role {ROLE}"
            ),
            (_, 412) => format!(
                "a twin update must carry the etag `*`; the hub also rejects a condition of more than \
                 {CONDITION_LENGTH} characters like this"
            ),
            (_, 300..=399) => "redirects are not followed: check the endpoint".into(),
            _ => return None,
        })
    }
}

/// Returns how far the clocks are apart, in words.
fn skew_text(skew: TimeDelta) -> String {
    let direction = if skew > TimeDelta::zero() { "behind" } else { "ahead of" };
    let apart = match skew.num_days().abs() {
        0 => format!("{} minutes", (skew.num_seconds().abs() + 30) / 60),
        days => format!("{days} days"),
    };
    format!("the clock of this machine is {apart} {direction} the hub's")
}

fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

/// Returns the time in seconds, or until a date that is compared with that of the response.
fn parse_retry_after(text: &str, now: Option<DateTime<Utc>>) -> Option<Duration> {
    text.parse().map(Duration::from_secs).ok().or_else(|| {
        let wait = parse_date(text)? - now.unwrap_or_else(Utc::now);
        Some(wait.to_std().unwrap_or_default())
    })
}

/// Returns the wait that the text of a throttled request asks for, as in `Wait 10 seconds and try again`: see
/// `Azure-Samples/Iot-Telemetry-Simulator` issue 39.
fn stated_wait(text: &str) -> Option<Duration> {
    text.split("Wait ").skip(1).find_map(|rest| {
        let (number, unit) = rest.split_once(' ')?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit()) && unit.starts_with("second");
        number.parse().ok().filter(|_| is_number).map(Duration::from_secs)
    })
}

#[cfg(test)]
mod tests;
