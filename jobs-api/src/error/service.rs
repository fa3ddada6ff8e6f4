//! Failures that the hub reports.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;

use super::body::ErrorBody;
use super::code::ErrorCode;
use super::headers::{date, retry_after};
use super::text::{body_text, one_line};
use super::throttling;
use crate::limits::{CONCURRENT_JOBS, CONDITION_LENGTH, PERMISSIONS, ROLE};
use crate::runtime::attempt::{ReceivedResponse, RequestInfo};
use crate::runtime::{RequestId, Timestamp};

/// The clock skew that the service tolerates when it reads a token.
const TOLERATED_SKEW: TimeDelta = TimeDelta::minutes(5);
/// The clock skew beyond which tokens are not signed by the hub's clock.
const CORRECTED_SKEW: TimeDelta = TimeDelta::days(1);

/// A response other than the success that the operation promises.
///
/// `Display` is one line: the operation, the status, the code, the message, the ids to quote to Azure
/// support, and a hint if there is one.
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
    pub(super) request: RequestInfo,
    status: StatusCode,
    content: ErrorBody,
    retry_after: Option<Duration>,
    operation_type: Option<String>,
    service_request_id: Option<String>,
    clock_skew: Option<TimeDelta>,
    body: String,
}

impl ServiceError {
    pub(super) fn new(request: RequestInfo, response: &ReceivedResponse) -> Self {
        let header = |name| response.headers.get(name).and_then(|value| value.to_str().ok());
        let body = body_text(&response.body);
        let mut content = ErrorBody::parse(&body);
        content.code = choose_code(response.status, &content, header("iothub-errorcode"));
        let is_throttled = response.status == StatusCode::TOO_MANY_REQUESTS;
        let texts = || content.chain().map(|content| content.message.as_str()).filter(|_| is_throttled);
        let retry_after = retry_after(&response.headers).max(texts().find_map(throttling::wait));
        let operation_type = texts().find_map(throttling::operation_type).map(str::to_owned);
        Self {
            request,
            status: response.status,
            content,
            retry_after,
            operation_type,
            service_request_id: header("x-ms-request-id").map(str::to_owned),
            clock_skew: date(&response.headers).and_then(|date| clock_skew(date, Utc::now())),
            body,
        }
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the service's name for the error, if it gave one.
    ///
    /// Both the body and the header `iothub-errorcode` may have one. If they disagree, one whose number does
    /// not begin with the HTTP status loses; then a name wins over a number, since two sources number
    /// differently; then a known name wins; then the body.
    pub fn code(&self) -> Option<&ErrorCode> {
        self.content.code.as_ref()
    }

    /// Returns the service's message without its wrapping; empty if there is none.
    pub fn message(&self) -> &str {
        &self.content.message
    }

    /// Returns the error of a service behind the hub, if this one reports it.
    pub fn cause(&self) -> Option<Cause<'_>> {
        self.content.cause.as_deref().map(Cause)
    }

    /// Returns the id by which Azure support finds the call.
    pub fn tracking_id(&self) -> Option<&str> {
        self.content.tracking_id.as_deref()
    }

    /// Returns the time of the error by the service's clock.
    pub fn timestamp(&self) -> Option<&Timestamp> {
        self.content.timestamp.as_ref()
    }

    /// Returns the wait that the service asks for: with `Retry-After`, or in the text of a 429, such as `Wait
    /// 10 seconds and try again`. The longer one counts.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the type of operation that is throttled, such as `CRUD`, if the text of a 429 names it.
    pub fn operation_type(&self) -> Option<&str> {
        self.operation_type.as_deref()
    }

    /// Returns the number of the attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.request.attempt
    }

    /// Returns the `Request-Id` that the request carried.
    pub fn request_id(&self) -> RequestId {
        self.request.request_id
    }

    /// Returns the service's own id of the request, from the header `x-ms-request-id`.
    pub fn service_request_id(&self) -> Option<&str> {
        self.service_request_id.as_deref()
    }

    /// Returns how far the hub's clock is ahead of this machine's, if the two are more than five minutes
    /// apart: a hub may reject a token that such a clock dates.
    pub fn clock_skew(&self) -> Option<TimeDelta> {
        self.clock_skew
    }

    /// Returns the body: at most its first 64 KiB, bytes that are not UTF-8 replaced.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Returns true for a 404 to a call on a job that names no other reason.
    pub(super) fn is_unnamed_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
            && matches!(self.code(), None | Some(ErrorCode::GenericNotFound))
            && matches!(self.request.operation, "get_scheduled_job" | "cancel_scheduled_job")
    }

    /// Returns the advice for an operator.
    fn hint(&self) -> Option<String> {
        let hint = match self.content.code {
            Some(ErrorCode::OperationNotAllowedInCurrentState) => {
                "a job that is running or has ended cannot be cancelled".into()
            }
            Some(ErrorCode::ThrottlingMaxActiveJobCountExceeded) => {
                format!(
                    "every slot for jobs is taken ({CONCURRENT_JOBS}), and a scheduled job holds one until it \
                     has run: wait for a job to end, or cancel a scheduled one"
                )
            }
            Some(ErrorCode::OperationNotAvailableInCurrentTier) => {
                "jobs need a hub of the free or a standard tier".into()
            }
            Some(ErrorCode::JobAlreadyExists) => "every job needs its own id".into(),
            _ => match self.status {
                StatusCode::UNAUTHORIZED => format!(
                    "check the host name, the credential, the clock and the network rules of the hub; a policy \
                     needs {PERMISSIONS}, an identity the role {ROLE}"
                ),
                StatusCode::PRECONDITION_FAILED => format!(
                    "a twin update must carry the etag `*`; the hub also rejects a condition of more than \
                     {CONDITION_LENGTH} characters like this"
                ),
                status if status.is_redirection() => "redirects are not followed: check the endpoint".into(),
                _ => return None,
            },
        };
        Some(hint)
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.request)?;
        write_content(f, &self.content, Some(self.status))?;
        if let Some(cause) = self.cause() {
            write!(f, ", caused by {cause}")?;
        }
        match self.tracking_id() {
            Some(id) => write!(f, " (tracking id {}, {})", one_line(id), self.request.ids())?,
            None => write!(f, " ({})", self.request.ids())?,
        }
        if let (StatusCode::UNAUTHORIZED, Some(skew)) = (self.status, self.clock_skew) {
            write_clock_skew(f, skew)?;
        }
        match self.hint() {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ServiceError {}

/// The error of a service behind the hub, as the hub reports it.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a>(&'a ErrorBody);

impl<'a> Cause<'a> {
    /// Returns its name for the error, if it gave one.
    pub fn code(&self) -> Option<&'a ErrorCode> {
        self.0.code.as_ref()
    }

    /// Returns its message; empty if there is none.
    pub fn message(&self) -> &'a str {
        &self.0.message
    }

    /// Returns the id by which Azure support finds its part of the call.
    pub fn tracking_id(&self) -> Option<&'a str> {
        self.0.tracking_id.as_deref()
    }

    /// Returns the time of the error by the service's clock.
    pub fn timestamp(&self) -> Option<&'a Timestamp> {
        self.0.timestamp.as_ref()
    }

    /// Returns its own cause, if that is known.
    pub fn cause(&self) -> Option<Cause<'a>> {
        self.0.cause.as_deref().map(Cause)
    }
}

impl std::error::Error for Cause<'_> {}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_content(f, self.0, None)?;
        if let Some(id) = self.tracking_id() {
            write!(f, " (tracking id {})", one_line(id))?;
        }
        Ok(())
    }
}

/// Writes `409 JobAlreadyExists (409104): the job exists`, as far as it is known.
fn write_content(f: &mut fmt::Formatter<'_>, content: &ErrorBody, status: Option<StatusCode>) -> fmt::Result {
    if let Some(status) = status {
        write!(f, "{}", status.as_u16())?;
    }
    let name = content.code.as_ref().map(ErrorCode::as_str);
    let name = name.or(status.and_then(|status| status.canonical_reason())).unwrap_or("an error");
    write!(f, "{}{}", if status.is_some() { " " } else { "" }, one_line(name))?;
    if let Some(number) = content.code.as_ref().and_then(ErrorCode::number) {
        write!(f, " ({number})")?;
    }
    let message = one_line(&content.message);
    if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
}

/// Writes how far the clocks are apart, and what follows beyond the skew that is corrected.
fn write_clock_skew(f: &mut fmt::Formatter<'_>, skew: TimeDelta) -> fmt::Result {
    let direction = if skew > TimeDelta::zero() { "behind" } else { "ahead of" };
    if skew.abs() > CORRECTED_SKEW {
        let days = skew.num_days().abs();
        return write!(
            f,
            "; the clock of this machine is {days} days {direction} the hub's, too far for tokens to be \
             signed by the hub's: set the clock"
        );
    }
    let minutes = (skew.num_seconds().abs() + 30) / 60;
    write!(f, "; the clock of this machine is {minutes} minutes {direction} the hub's")
}

/// Chooses between the code of the body and that of the header: see [`ServiceError::code`].
fn choose_code(status: StatusCode, body: &ErrorBody, header: Option<&str>) -> Option<ErrorCode> {
    let rank = |code: &ErrorCode, is_name: bool| {
        let fits = code.number().map(|number| number / 1000 == u32::from(status.as_u16()));
        (fits != Some(false), is_name, fits.is_some())
    };
    let header_code = header.and_then(ErrorCode::parse);
    let (Some(own), Some(other)) = (&body.code, &header_code) else {
        return body.code.clone().or(header_code);
    };
    let is_name = header.is_some_and(|text| text.trim().parse::<u32>().is_err());
    let prefers_header = rank(other, is_name) > rank(own, !body.is_numbered);
    Some(if prefers_header { other.clone() } else { own.clone() })
}

/// Returns how far the hub's clock is ahead of `now`, if that is more than the service tolerates.
fn clock_skew(date: DateTime<Utc>, now: DateTime<Utc>) -> Option<TimeDelta> {
    let skew = date - now;
    (skew.abs() > TOLERATED_SKEW).then_some(skew)
}

#[cfg(test)]
mod tests;
