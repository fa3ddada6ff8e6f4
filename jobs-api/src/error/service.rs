//! What the hub said when it refused or failed.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::body::ErrorBody;
use super::{ErrorCode, one_line, start_of};
use crate::Timestamp;
use crate::exchange::{Answer, Origin};

/// How far two clocks may be apart: what the service tolerates when it reads a token.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// A century: a clock that was never set begins in 1970 or later. A larger difference is nonsense, and is
/// ignored.
const CLOCK_NONSENSE: TimeDelta = TimeDelta::days(36_525);

/// An answer other than the one that the operation promises.
///
/// `Display` is one line: the operation, the status, the code, the message, the ids to quote to
/// Azure's support, and a hint where there is one.
#[derive(Clone, Debug)]
pub struct ServiceError {
    origin: Origin,
    status: StatusCode,
    content: ErrorBody,
    retry_after: Option<Duration>,
    service_request_id: Option<String>,
    clock_skew: Option<TimeDelta>,
    body: String,
}

impl ServiceError {
    pub(super) fn new(origin: Origin, answer: &Answer) -> Self {
        let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let body = start_of(&answer.body);
        let mut content = ErrorBody::read(&body);
        content.code = code(answer.status, &content, header("iothub-errorcode").and_then(ErrorCode::read));
        Self {
            origin,
            status: answer.status,
            content,
            retry_after: retry_after(&answer.headers),
            service_request_id: header("x-ms-request-id").map(str::to_owned),
            clock_skew: clock_skew(&answer.headers, Utc::now()),
            body,
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The service's name for the error, if it gave one.
    ///
    /// The body and the header `iothub-errorcode` may both have one. When they disagree, the one whose
    /// number begins with the HTTP status is taken; if that decides nothing, a name before a number, as
    /// two sources number differently; and if both are names, the body's.
    pub fn code(&self) -> Option<&ErrorCode> {
        self.content.code.as_ref()
    }

    /// What the service says, without the wrapping it comes in. Empty when it says nothing.
    pub fn message(&self) -> &str {
        &self.content.message
    }

    /// The error of a service behind the hub that this one reports, if it does.
    pub fn cause(&self) -> Option<Cause<'_>> {
        self.content.cause.as_deref().map(Cause)
    }

    /// The id under which Azure's support finds the call.
    pub fn tracking_id(&self) -> Option<&str> {
        self.content.tracking_id.as_deref()
    }

    /// When the error happened, by the service's clock.
    pub fn timestamp(&self) -> Option<&Timestamp> {
        self.content.timestamp.as_ref()
    }

    /// How long the service asks to wait, if it does.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Which attempt at the operation this was the answer to, from 1.
    pub fn attempt(&self) -> u32 {
        self.origin.attempt
    }

    /// The `Request-Id` that the request was sent with.
    pub fn request_id(&self) -> String {
        self.origin.request_id.to_string()
    }

    /// The service's own id of the request, from the header `x-ms-request-id`.
    pub fn service_request_id(&self) -> Option<&str> {
        self.service_request_id.as_deref()
    }

    /// How far the hub's clock is ahead of ours, when it is more than five minutes ahead or behind: a
    /// token that is signed by such a clock may be refused.
    pub fn clock_skew(&self) -> Option<TimeDelta> {
        self.clock_skew
    }

    /// The body as it came: at most its first 64 KiB, bytes that are not UTF-8 replaced.
    pub fn body(&self) -> &str {
        &self.body
    }

    pub(super) fn has_code(&self, code: &ErrorCode) -> bool {
        self.content.code.as_ref() == Some(code)
    }

    /// What an operator can do about it.
    fn hint(&self) -> Option<&'static str> {
        let of_code = match self.content.code {
            Some(ErrorCode::OperationNotAllowedInCurrentState) => {
                "a job that is running or has ended cannot be cancelled"
            }
            Some(ErrorCode::ThrottlingMaxActiveJobCountExceeded) => {
                "the hub's slots for running jobs are taken (1 on free and S1, 5 on S2, 10 on S3): wait for a job to end"
            }
            Some(ErrorCode::OperationNotAvailableInCurrentTier) => {
                "jobs need a hub of the free or a standard tier"
            }
            Some(ErrorCode::JobAlreadyExists) => "every job needs an id of its own",
            _ => return self.hint_of_status(),
        };
        Some(of_code)
    }

    fn hint_of_status(&self) -> Option<&'static str> {
        match self.status {
            StatusCode::UNAUTHORIZED => Some(
                "check the host name, the credential and the clock; a policy needs RegistryRead, RegistryWrite and \
                 ServiceConnect, an identity the role IoT Hub Data Contributor",
            ),
            StatusCode::PRECONDITION_FAILED => Some(
                "a twin update must carry the etag `*`; a condition of more than 8,192 characters is refused like this too",
            ),
            status if status.is_redirection() => Some("redirects are not followed: check the endpoint"),
            _ => None,
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        write_content(f, &self.content, Some(self.status))?;
        if let Some(cause) = self.cause() {
            write!(f, ", caused by {cause}")?;
        }
        match self.tracking_id() {
            Some(id) => write!(f, " (tracking id {}, {})", one_line(id), self.origin.ids())?,
            None => write!(f, " ({})", self.origin.ids())?,
        }
        if let (StatusCode::UNAUTHORIZED, Some(skew)) = (self.status, self.clock_skew) {
            let direction = if skew > TimeDelta::zero() { "behind" } else { "ahead of" };
            let minutes = (skew.num_seconds().abs() + 30) / 60;
            write!(f, "; the clock of this machine is {minutes} minutes {direction} the hub's")?;
        }
        match self.hint() {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The error of a service behind the hub.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a>(&'a ErrorBody);

impl<'a> Cause<'a> {
    /// Its name for the error, if it gave one.
    pub fn code(&self) -> Option<&'a ErrorCode> {
        self.0.code.as_ref()
    }

    /// What it says. Empty when it says nothing.
    pub fn message(&self) -> &'a str {
        &self.0.message
    }

    /// The id under which Azure's support finds its part of the call.
    pub fn tracking_id(&self) -> Option<&'a str> {
        self.0.tracking_id.as_deref()
    }

    /// When it happened, by the service's clock.
    pub fn timestamp(&self) -> Option<&'a Timestamp> {
        self.0.timestamp.as_ref()
    }

    /// What in turn caused it, if that is known.
    pub fn cause(&self) -> Option<Cause<'a>> {
        self.0.cause.as_deref().map(Cause)
    }
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_content(f, self.0, None)?;
        if let Some(id) = self.tracking_id() {
            write!(f, " (tracking id {})", one_line(id))?;
        }
        Ok(())
    }
}

/// `409 JobAlreadyExists (409104): the job exists`, as far as it is known.
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
    if content.message.is_empty() { Ok(()) } else { write!(f, ": {}", one_line(&content.message)) }
}

fn code(status: StatusCode, body: &ErrorBody, header: Option<ErrorCode>) -> Option<ErrorCode> {
    let fits = |code: &ErrorCode| code.number().map(|number| number / 1000) == Some(status.as_u16().into());
    let (Some(own), Some(header)) = (&body.code, &header) else { return body.code.clone().or(header) };
    let prefers_header = match (fits(own), fits(header)) {
        (true, true) | (false, false) => body.is_numbered,
        (_, header_fits) => header_fits,
    };
    Some(if prefers_header { header.clone() } else { own.clone() })
}

/// `Retry-After` in seconds, or as a date by the clock of the answer's own `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    text.parse().map(Duration::from_secs).ok().or_else(|| {
        let then = DateTime::parse_from_rfc2822(text).ok()?;
        let now = super::date(headers).unwrap_or_else(Utc::now);
        Some((then.to_utc() - now).to_std().unwrap_or_default())
    })
}

/// How far the answer's clock is ahead of `now`, when that is enough to matter.
fn clock_skew(headers: &HeaderMap, now: DateTime<Utc>) -> Option<TimeDelta> {
    let skew = super::date(headers)? - now;
    (CLOCK_TOLERANCE < skew.abs() && skew.abs() < CLOCK_NONSENSE).then_some(skew)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Extent;
    use crate::exchange::Origin;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> ServiceError {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let origin = Origin::of_creation();
        let (body, status) = (body.as_bytes().to_vec().into(), status.try_into().unwrap());
        ServiceError::new(
            origin,
            &Answer { status, headers, body, extent: Extent::Whole, redirected_to: None },
        )
    }

    #[test]
    fn an_error_is_one_line_that_tells_what_where_and_what_to_do() {
        let body = r#"{"Message":"ErrorCode:OperationNotAllowedInCurrentState;The job is\r\n in the state Running","ExceptionMessage":"Tracking ID:abc-G:7-TimeStamp:05/04/2022 15:53:00"}"#;
        assert_eq!(
            answer(405, &[], body).to_string(),
            "create_scheduled_job (PUT /jobs/v2/reboot-43): 405 OperationNotAllowedInCurrentState (405102): \
             The job is in the state Running (tracking id abc-G:7, request id 00000000-0000-0000-0000-000000000000); \
             hint: a job that is running or has ended cannot be cancelled"
        );
    }

    #[test]
    fn a_cause_is_part_of_the_line() {
        let body = r#"{"Message":"ErrorCode:ThrottlingMaxActiveJobCountExceeded;Error: 429 {\"Message\":\"ErrorCode:429004;full\",\"ExceptionMessage\":\"Tracking ID:inner\"}","ExceptionMessage":"Tracking ID:outer"}"#;
        let error = answer(429, &[], body);
        assert!(error.to_string().contains(
            "429 ThrottlingMaxActiveJobCountExceeded (429004): Error: 429, caused by \
             ThrottlingMaxActiveJobCountExceeded (429004): full (tracking id inner) (tracking id outer, "
        ));
        assert_eq!(error.cause().unwrap().tracking_id(), Some("inner"));
    }

    #[test]
    fn an_empty_answer_still_makes_a_line() {
        let line = answer(503, &[], "").to_string();
        assert!(line.starts_with(
            "create_scheduled_job (PUT /jobs/v2/reboot-43): 503 Service Unavailable (request id "
        ));
    }

    #[test]
    fn the_code_that_fits_the_status_is_taken_then_a_name_then_the_bodys() {
        let body = r#"{"errorCode":500001}"#;
        let code = |status, headers: &[_], body| answer(status, headers, body).code().cloned();
        let header = [("iothub-errorcode", "JobAlreadyExists")];
        assert_eq!(code(409, &header, body), Some(ErrorCode::JobAlreadyExists));
        assert_eq!(code(500, &header, body), Some(ErrorCode::ServerError));
        assert_eq!(code(418, &header, body), Some(ErrorCode::JobAlreadyExists));
        assert_eq!(code(409, &header, "<p>oops"), Some(ErrorCode::JobAlreadyExists));
        assert_eq!(code(500, &[], "<p>oops"), None);
        // Two sources number these two differently: the name decides.
        let quota = [("iothub-errorcode", "JobQuotaExceeded")];
        assert_eq!(code(403, &quota, r#"{"errorCode":403001}"#), Some(ErrorCode::JobQuotaExceeded));
        assert_eq!(code(403, &quota, "ErrorCode:IotHubSuspended;x"), Some(ErrorCode::IotHubSuspended));
    }

    #[test]
    fn a_clock_that_is_off_is_told_with_a_refused_token() {
        let date = (Utc::now() + TimeDelta::minutes(12) + TimeDelta::seconds(5)).to_rfc2822();
        let error = answer(401, &[("date", &date)], "");
        assert_eq!(error.clock_skew().unwrap().num_minutes(), 12);
        assert!(
            error.to_string().contains("; the clock of this machine is 12 minutes behind the hub's; hint: ")
        );
        let date = (Utc::now() - TimeDelta::minutes(4)).to_rfc2822();
        assert_eq!(answer(401, &[("date", &date)], "").clock_skew(), None);
        let nonsense = "31 Dec 262142 23:59:59 GMT";
        assert!(DateTime::parse_from_rfc2822(nonsense).is_ok());
        assert_eq!(answer(401, &[("date", nonsense)], "").clock_skew(), None);
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        let wait = |headers: &[_]| answer(429, headers, "").retry_after();
        assert_eq!(wait(&[("retry-after", " 7 ")]), Some(Duration::from_secs(7)));
        let date = ("date", "Wed, 04 May 2022 15:53:00 GMT");
        let later = ("retry-after", "Wed, 04 May 2022 15:54:30 GMT");
        assert_eq!(wait(&[date, later]), Some(Duration::from_secs(90)));
        assert_eq!(wait(&[later]), Some(Duration::ZERO));
        for odd in ["", "-1", "soon", "1.5", "99999999999999999999999"] {
            assert_eq!(wait(&[("retry-after", odd)]), None, "{odd}");
        }
    }
}
