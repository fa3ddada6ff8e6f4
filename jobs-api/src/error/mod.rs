//! Errors: what went wrong, where, and what to do about it.

mod body;
mod certificate;
mod code;
mod place;
mod service;
mod transport;
mod unreadable;

use std::fmt;

use chrono::{DateTime, Utc};
use progenitor_client::Error as Generated;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap};

pub use self::certificate::CertificateError;
pub use self::code::ErrorCode;
pub use self::service::{Cause, ServiceError};
pub use self::transport::TransportError;
pub use self::unreadable::UnreadableAnswer;
use crate::auth::{ConnectionStringError, CredentialError};
use crate::exchange::Record;

/// How much of a body an error keeps, in bytes.
const KEPT_BODY: usize = 64 * 1024;
/// How much of a text a message repeats, in characters.
const SHOWN_TEXT: usize = 1000;

/// Why a client could not be built, or an operation did not succeed.
///
/// `Display` prints one line of this error's own; [`source`](std::error::Error::source) has what lies
/// beneath. Neither it nor `Debug` ever shows a key or a token.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The connection string cannot be used.
    ConnectionString(ConnectionStringError),
    /// The credential cannot be used.
    Credential(CredentialError),
    /// The client cannot be built like this.
    InvalidConfiguration {
        /// The function that set it, such as `ClientBuilder::endpoint`.
        setting: &'static str,
        /// What it must be instead.
        rule: String,
    },
    /// The request breaks a rule of the service; it was not sent.
    InvalidRequest {
        /// The member of the request, such as `cloudToDeviceMethod.methodName`.
        field: &'static str,
        /// What it must be instead.
        rule: String,
    },
    /// No complete answer came; whether the hub did what was asked is not known.
    Transport(Box<TransportError>),
    /// The hub refused or failed.
    Service(Box<ServiceError>),
    /// The hub reports success, but its answer cannot be read.
    UnreadableAnswer(Box<UnreadableAnswer>),
    /// The hub answered with the continuation token that it was sent: the listing would never end.
    EndlessListing,
    /// A payload cannot be written as JSON, or is not of the type that was asked for.
    InvalidPayload(serde_json::Error),
}

impl Error {
    /// The hub's answer, when it refused or failed.
    pub fn service(&self) -> Option<&ServiceError> {
        match self {
            Self::Service(error) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status of the answer, when a complete one came.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Service(error) => Some(error.status()),
            Self::UnreadableAnswer(error) => Some(error.status()),
            _ => None,
        }
    }

    /// The hub was asked too much at once: 429 of any kind.
    pub fn is_throttled(&self) -> bool {
        self.status() == Some(StatusCode::TOO_MANY_REQUESTS)
    }

    /// The hub runs as many jobs as its tier allows (429004): one must end before another can start.
    pub fn is_job_slot_busy(&self) -> bool {
        self.has_code(&ErrorCode::ThrottlingMaxActiveJobCountExceeded)
    }

    /// The hub does not know the job.
    pub fn is_not_found(&self) -> bool {
        let code = self.service().and_then(ServiceError::code);
        let names_no_other_reason = matches!(code, None | Some(ErrorCode::GenericNotFound));
        self.has_code(&ErrorCode::JobNotFound)
            || self.is_status(StatusCode::NOT_FOUND) && names_no_other_reason
    }

    /// A job of this id exists.
    pub fn is_already_exists(&self) -> bool {
        self.has_code(&ErrorCode::JobAlreadyExists) || self.has_code(&ErrorCode::DeviceJobAlreadyExists)
    }

    /// The job is in a state in which it cannot be cancelled: it is running, or most likely has ended.
    pub fn is_not_cancellable(&self) -> bool {
        self.has_code(&ErrorCode::OperationNotAllowedInCurrentState)
    }

    /// The credential cannot be used, or the hub does not accept it or does not let it do this.
    ///
    /// That no token came is another matter: who issues them may be out of reach.
    pub fn is_unauthorized(&self) -> bool {
        match self {
            Self::Credential(error) => !matches!(error, CredentialError::NoToken(_)),
            Self::ConnectionString(error) => matches!(error, ConnectionStringError::Unusable { .. }),
            _ => self.is_status(StatusCode::UNAUTHORIZED),
        }
    }

    /// The same call may succeed later.
    ///
    /// True when no complete answer came, unless the certificate is to blame, for the statuses 408, 429,
    /// 500, 502, 503 and 504, and when no token came, which the credential has tried again by itself.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Credential(error) => matches!(error, CredentialError::NoToken(_)),
            Self::Transport(error) => error.certificate().is_none(),
            Self::Service(error) => matches!(error.status().as_u16(), 408 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    fn is_status(&self, status: StatusCode) -> bool {
        self.service().is_some_and(|error| error.status() == status)
    }

    fn has_code(&self, code: &ErrorCode) -> bool {
        self.service().is_some_and(|error| error.has_code(code))
    }

    pub(crate) fn invalid_request(field: &'static str, rule: impl Into<String>) -> Self {
        Self::InvalidRequest { field, rule: rule.into() }
    }

    /// What the failure of an attempt means, given what the attempt left behind.
    pub(crate) fn from_attempt<E>(error: Generated<E>, record: Record) -> Self {
        let Some(origin) = record.request else {
            return Self::invalid_request("request", refusal(error));
        };
        match (error, record.answer) {
            (_, Some(answer)) if answer.status != StatusCode::OK => {
                Self::Service(Box::new(ServiceError::new(origin, &answer)))
            }
            (Generated::CommunicationError(source) | Generated::ResponseBodyError(source), answer) => {
                Self::Transport(Box::new(TransportError { origin, answer, source }))
            }
            (Generated::InvalidResponsePayload(body, error), Some(answer)) => {
                let unreadable = UnreadableAnswer::broken_off(origin, answer, &body, error);
                Self::UnreadableAnswer(Box::new(unreadable))
            }
            (_, Some(answer)) => Self::UnreadableAnswer(Box::new(UnreadableAnswer::new(origin, answer))),
            (error, None) => Self::invalid_request("request", refusal(error)),
        }
    }

    /// The answer to an attempt was larger than it may be.
    pub(crate) fn over_limit(record: Record) -> Self {
        let (Some(origin), Some(answer)) = (record.request, record.answer) else {
            return Self::invalid_request("request", "it was not sent");
        };
        Self::UnreadableAnswer(Box::new(UnreadableAnswer::new(origin, answer)))
    }

    /// The caller's HTTP client followed a redirect, which this crate's own never does.
    pub(crate) fn redirected(host: &str) -> Self {
        let rule = format!("it followed a redirect to {host}; build it with `redirect::Policy::none()`");
        Self::InvalidConfiguration { setting: "ClientBuilder::http_client", rule }
    }
}

#[cfg(test)]
impl Error {
    /// The error that an answer of this status and body makes.
    pub(crate) fn of_answer(status: u16, body: &str) -> Self {
        use crate::exchange::{Answer, Extent, Origin};

        let origin = Origin::of_creation();
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
            extent: Extent::Whole,
            redirected_to: None,
        };
        Self::Service(Box::new(ServiceError::new(origin, &answer)))
    }
}

/// Why the generated client did not make a request.
fn refusal<E>(error: Generated<E>) -> String {
    match error {
        Generated::InvalidRequest(rule) | Generated::Custom(rule) => rule,
        Generated::CommunicationError(error) => error.to_string(),
        _ => "it could not be made".into(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionString(error) => error.fmt(f),
            Self::Credential(CredentialError::NoToken(error)) => write!(f, "not sent, since {error}"),
            Self::Credential(error) => error.fmt(f),
            Self::InvalidConfiguration { setting, rule } => write!(f, "{setting}: {rule}"),
            Self::InvalidRequest { field, rule } => {
                write!(f, "not sent, since {field} breaks a rule: {rule}")
            }
            Self::Transport(error) => error.fmt(f),
            Self::Service(error) => error.fmt(f),
            Self::UnreadableAnswer(error) => error.fmt(f),
            Self::EndlessListing => {
                f.write_str("the listing would never end: the hub repeats the continuation token it was sent")
            }
            Self::InvalidPayload(_) => f.write_str("the payload cannot be converted to or from JSON"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::ConnectionString(error) => error.source(),
            Self::Credential(error) => error.source(),
            Self::Transport(error) => Some(&error.source),
            Self::UnreadableAnswer(error) => error.cause().map(|cause| cause as _),
            Self::InvalidPayload(error) => Some(error),
            Self::InvalidConfiguration { .. }
            | Self::InvalidRequest { .. }
            | Self::Service(_)
            | Self::EndlessListing => None,
        }
    }
}

impl From<ConnectionStringError> for Error {
    fn from(error: ConnectionStringError) -> Self {
        Self::ConnectionString(error)
    }
}

impl From<CredentialError> for Error {
    fn from(error: CredentialError) -> Self {
        Self::Credential(error)
    }
}

/// The beginning of a body as text.
fn start_of(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(KEPT_BODY)]).into_owned()
}

/// A text of any shape and size as a part of one line.
fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    if let Some((end, _)) = line.char_indices().nth(SHOWN_TEXT) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The answer's own clock.
fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}
