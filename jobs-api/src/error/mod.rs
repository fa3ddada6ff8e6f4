//! Errors: what failed, why, and what to do.
//!
//! An [`Error`] is made in one of two places. Before anything is sent, the modules above refuse what breaks a rule,
//! with a variant that names the rule. After an attempt, [`Error::from_attempt`] makes one of three from its record,
//! a [`FailedAttempt`]:
//!
//! | what came back | variant |
//! |---|---|
//! | no response, or not to its end | [`Error::Transport`] |
//! | a response with another status than success | [`Error::Service`] |
//! | a success that cannot be used | [`Error::UnreadableResponse`] |
//!
//! Everything that decides about an error asks its predicates, the retries of the pipeline too. A message is one line
//! of one layer, and ends with a hint where an operator can do something; causes follow by `source()`.

mod attempt;
mod body;
mod code;
mod deadline;
mod display;
mod from_attempt;
mod service;
pub(crate) mod telemetry;
pub(crate) mod text;
mod tls;
mod transport;
mod unreadable_response;

use http::StatusCode;

pub use self::attempt::FailedAttempt;
pub use self::code::ErrorCode;
pub use self::deadline::DeadlineExceeded;
pub use self::service::ServiceError;
pub use self::transport::TransportError;
pub use self::unreadable_response::UnreadableResponse;
use crate::auth::CredentialError;
use crate::runtime::attempt::RequestInfo;
use crate::runtime::{RequestId, UnreadableRow};

/// The reason why a client could not be built, or an operation failed.
///
/// `Display` prints this error's own layer on one line; [`source`](std::error::Error::source) has the
/// layers below. Neither `Display` nor `Debug` shows a key or a token.
///
/// | predicate | what to do |
/// |---|---|
/// | [`is_outcome_unknown`](Self::is_outcome_unknown) | read the job before the call is repeated |
/// | [`is_already_exists`](Self::is_already_exists) | use another id, or the job that exists |
/// | [`is_not_found`](Self::is_not_found) | check the id; a new job is shown after some seconds |
/// | [`is_job_slot_busy`](Self::is_job_slot_busy) | wait for a job to end, or cancel a scheduled one |
/// | [`is_not_cancellable`](Self::is_not_cancellable) | nothing: the job is running or has ended |
/// | [`is_throttled`](Self::is_throttled) | call later, or configure the [tier](crate::ClientBuilder::tier) |
/// | [`is_unauthorized`](Self::is_unauthorized) | check the credential, its rights and the host name |
/// | [`is_retryable`](Self::is_retryable) | call again later |
///
/// Several may be true of one error: the first one above counts. Use them instead of parsing messages:
///
/// ```
/// # fn react(error: jobs_api::Error) {
/// if error.is_outcome_unknown() {
///     println!("read the job before you repeat the call");
/// } else if error.is_already_exists() {
///     println!("choose another id");
/// } else if error.is_retryable() {
///     println!("call again later");
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The connection string or the credential cannot be used, or provides no token. Nothing was sent.
    #[non_exhaustive]
    Credential {
        /// The reason.
        error: CredentialError,
        /// The operation that needed a token and the job's id, if they are known.
        target: Option<String>,
    },
    /// The client cannot be built with this setting.
    #[non_exhaustive]
    InvalidConfiguration {
        /// The function that sets it, such as `ClientBuilder::endpoint`.
        setting: &'static str,
        /// The rule that it breaks.
        rule: String,
    },
    /// The request breaks a rule of the service; it was not sent.
    #[non_exhaustive]
    InvalidRequest {
        /// The member of the request, such as `cloudToDeviceMethod.methodName`, or the setting of a roll-out, such as
        /// `waves`.
        field: &'static str,
        /// The rule that it breaks.
        rule: String,
        /// The operation and the job's id, or the request's number in a batch, if they are known.
        target: Option<String>,
    },
    /// A job of this id exists, and is not the one requested, or not for certain.
    #[non_exhaustive]
    JobConflict {
        /// The job's id.
        job_id: String,
        /// The members in which the two differ, such as `queryCondition`.
        differences: Vec<&'static str>,
        /// False if the hub shows these members in a form that cannot be compared: the job may be the one
        /// requested.
        is_certain: bool,
    },
    /// The hub answers `unknown` for a job of this id: it does not know it, or does not show it yet. An import or
    /// export job, which belongs to older operations, reads the same.
    #[non_exhaustive]
    JobNotFound {
        /// The job's id.
        job_id: String,
        /// The `Request-Id` that the request carried.
        request_id: RequestId,
    },
    /// The call was not sent: it would wait for the rate limit, a job slot or the end of an outage longer than its
    /// deadline.
    #[non_exhaustive]
    DeadlineExceeded {
        /// What the call would wait for.
        reason: DeadlineExceeded,
        /// The operation and the job's id, if they are known.
        target: Option<String>,
    },
    /// An attempt failed, and no token was available for the next one, or for reading the job after a lost response. The
    /// message names both failures. The source is that of the earlier attempt, on which
    /// [`is_outcome_unknown`](Self::is_outcome_unknown) depends.
    #[non_exhaustive]
    MissingToken {
        /// The error of the credential.
        credential: CredentialError,
        /// The failure of the earlier attempt.
        earlier: Box<Error>,
    },
    /// A job of a list was not created, since another job of the list could not be read: a change of the list would
    /// have gone unnoticed.
    #[non_exhaustive]
    ListNotCompared {
        /// The id of the job that could not be read.
        job_id: String,
        /// The reading of that job may succeed later.
        is_retryable: bool,
    },
    /// A job of a roll-out did not end in its time limit and 4 hours.
    #[non_exhaustive]
    JobOverdue {
        /// The job's id.
        job_id: String,
    },
    /// No complete response came.
    Transport(Box<TransportError>),
    /// The hub refused or failed.
    Service(Box<ServiceError>),
    /// The hub reports success, but its response cannot be read.
    UnreadableResponse(Box<UnreadableResponse>),
    /// A row of a listing is not as the spec describes it. The listing continues with the next row.
    UnreadableRow(Box<UnreadableRow>),
    /// A page of a listing cannot be used: it has more items than were requested, or repeats a continuation token, so
    /// that the listing would never end. This text says which.
    MalformedPage(String),
    /// A payload cannot be written as JSON, or is not of the requested type.
    InvalidPayload(serde_json::Error),
}

impl Error {
    /// Returns what the hub says, if it refused or failed.
    ///
    /// ```
    /// # fn example(error: jobs_api::Error) {
    /// use jobs_api::ErrorCode;
    ///
    /// let code = error.service().and_then(|service| service.code());
    /// if code == Some(&ErrorCode::IOT_HUB_QUOTA_EXCEEDED) {
    ///     println!("the daily quota of messages is used up");
    /// }
    /// # }
    /// ```
    pub fn service(&self) -> Option<&ServiceError> {
        match self {
            Self::Service(error) => Some(error),
            _ => None,
        }
    }

    /// Returns the request and the response of the attempt that failed, if one was made.
    pub fn attempt(&self) -> Option<&FailedAttempt> {
        match self {
            Self::Transport(error) => Some(&error.attempt),
            Self::Service(error) => Some(&error.attempt),
            Self::UnreadableResponse(error) => Some(&error.attempt),
            _ => None,
        }
    }

    /// Returns the HTTP status, if a response began to arrive.
    pub fn status(&self) -> Option<StatusCode> {
        self.attempt().and_then(FailedAttempt::status)
    }

    /// Returns true if the request may have taken effect although the call failed: a response was lost,
    /// and reading the job did not settle the question; or a job of this id exists, and the hub shows it in a form
    /// that cannot be compared with the one requested.
    ///
    /// Read the job before you repeat such a call. False for operations that change nothing. After
    /// [`RetryPolicy::none`](crate::RetryPolicy::none) the job is never read, so every lost response leaves
    /// the outcome unknown.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::JobConflict { is_certain, .. } => !is_certain,
            _ => self.request().is_some_and(|request| request.is_outcome_unknown),
        }
    }

    /// Returns true if the hub throttled the call, with 429 of any kind, or the client held it back until
    /// its deadline.
    pub fn is_throttled(&self) -> bool {
        matches!(self, Self::DeadlineExceeded { reason, .. } if *reason != DeadlineExceeded::Outage)
            || self.status() == Some(StatusCode::TOO_MANY_REQUESTS)
    }

    /// Returns true if the hub has as many jobs as its tier allows (429004), running ones and scheduled ones
    /// together: one must end or be cancelled before another can be created.
    pub fn is_job_slot_busy(&self) -> bool {
        matches!(self, Self::DeadlineExceeded { reason: DeadlineExceeded::Slot, .. })
            || self.has_code(&ErrorCode::THROTTLING_MAX_ACTIVE_JOB_COUNT_EXCEEDED)
    }

    /// Returns true if the hub does not know the job.
    ///
    /// A hub also answers so for a job that was created a few seconds ago, and for import and export jobs. A 404
    /// without a name counts for a call that reads or cancels a job, and for no other one.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::JobNotFound { .. })
            || self.has_code(&ErrorCode::JOB_NOT_FOUND)
            || self.service().is_some_and(ServiceError::is_unnamed_not_found)
    }

    /// Returns true if a job of this id exists.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::JobConflict { .. })
            || self.has_code(&ErrorCode::JOB_ALREADY_EXISTS)
            || self.has_code(&ErrorCode::DEVICE_JOB_ALREADY_EXISTS)
    }

    /// Returns true if the job is in a state in which it cannot be cancelled: running or ended.
    pub fn is_not_cancellable(&self) -> bool {
        self.has_code(&ErrorCode::OPERATION_NOT_ALLOWED_IN_CURRENT_STATE)
    }

    /// Returns true if the connection string or the credential cannot be used, or the hub rejects it or its permissions.
    ///
    /// False if no token could be obtained: the token endpoint may be unreachable.
    pub fn is_unauthorized(&self) -> bool {
        match self {
            Self::Credential { error, .. } => {
                !matches!(error, CredentialError::NoToken(_) | CredentialError::NoRuntime)
            }
            _ => self.status() == Some(StatusCode::UNAUTHORIZED),
        }
    }

    /// Returns true if the same call may succeed later. The client has repeated it already, as often as its
    /// [`RetryPolicy`](crate::RetryPolicy) allows.
    ///
    /// True for an incomplete response, unless the certificate is not trusted or the port has no TLS; for the
    /// statuses 408, 429, 500, 502, 503 and 504; for a missing token; for a call that would have waited longer than its
    /// deadline; and for a job that is overdue.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Credential { error, .. } | Self::MissingToken { credential: error, .. } => {
                matches!(error, CredentialError::NoToken(_))
            }
            Self::DeadlineExceeded { .. } | Self::JobOverdue { .. } => true,
            Self::ListNotCompared { is_retryable, .. } => *is_retryable,
            Self::Transport(error) => error.tls_failure().is_none(),
            Self::Service(error) => matches!(error.status().as_u16(), 408 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// Returns true if this failure of an attempt leaves open whether the hub acted on the request.
    pub(crate) fn is_response_lost(&self) -> bool {
        let is_open = match self {
            Self::Transport(error) => error.is_sent,
            // 501 and 505 refuse the request as such.
            Self::Service(error) => matches!(error.status().as_u16(), 408 | 499 | 500 | 502..=504 | 506..),
            Self::UnreadableResponse(_) => true,
            _ => false,
        };
        is_open && self.request().is_some_and(|request| !request.is_read())
    }

    /// Returns the request of the failed attempt, or of the earlier one that the outcome depends on.
    pub(crate) fn request(&self) -> Option<&RequestInfo> {
        match self {
            Self::MissingToken { earlier, .. } => earlier.request(),
            _ => self.attempt().map(|attempt| &attempt.request),
        }
    }

    /// Sets whether the outcome of the operation is unknown, on the attempt that it depends on.
    pub(crate) fn with_outcome_unknown(mut self, is_unknown: bool) -> Self {
        self.set_outcome_unknown(is_unknown);
        self
    }

    fn set_outcome_unknown(&mut self, is_unknown: bool) {
        let attempt = match self {
            Self::Transport(error) => &mut error.attempt,
            Self::Service(error) => &mut error.attempt,
            Self::UnreadableResponse(error) => &mut error.attempt,
            Self::MissingToken { earlier, .. } => return earlier.set_outcome_unknown(is_unknown),
            _ => return,
        };
        attempt.request.is_outcome_unknown = is_unknown;
    }

    pub(crate) fn invalid_setting(setting: &'static str, rule: impl Into<String>) -> Self {
        Self::InvalidConfiguration { setting, rule: rule.into() }
    }

    /// Makes the error of a request whose member breaks a rule. The message reads `<field> <rule>`.
    pub(crate) fn invalid_request(field: &'static str, rule: impl Into<String>) -> Self {
        Self::InvalidRequest { field, rule: rule.into(), target: None }
    }

    /// Adds the operation and the job's id to an error of a call that was not sent, unless it has a target.
    pub(crate) fn in_operation(self, operation: &'static str, job_id: Option<&str>) -> Self {
        self.with_target(match job_id {
            Some(id) => format!("{operation} of {id}"),
            None => operation.to_owned(),
        })
    }

    /// Adds the target to an error of a call that was not sent, unless it has one.
    pub(crate) fn with_target(mut self, name: String) -> Self {
        if let Self::InvalidRequest { target, .. }
        | Self::Credential { target, .. }
        | Self::DeadlineExceeded { target, .. } = &mut self
        {
            target.get_or_insert(name);
        }
        self
    }

    fn has_code(&self, code: &ErrorCode) -> bool {
        self.service().is_some_and(|error| error.code() == Some(code))
    }
}

impl From<CredentialError> for Error {
    fn from(error: CredentialError) -> Self {
        Self::Credential { error, target: None }
    }
}
