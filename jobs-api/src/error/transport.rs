//! No complete answer.

use std::fmt;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::{CertificateError, Origin, start_of};
use crate::exchange::Answer;

/// No complete answer came.
#[derive(Debug)]
pub struct TransportError {
    pub(super) origin: Origin,
    pub(super) answer: Option<Answer>,
    pub(super) source: reqwest::Error,
}

impl TransportError {
    /// The hub could not be reached: nothing was sent.
    pub fn is_connect(&self) -> bool {
        self.source.is_connect()
    }

    /// What is wrong with the certificate that was shown, when that is why there is no connection. Another
    /// attempt would meet it again, so none is made.
    pub fn certificate(&self) -> Option<CertificateError> {
        CertificateError::beneath(&self.source)
    }

    /// The attempt took longer than [`ClientBuilder::timeout`](crate::ClientBuilder::timeout) allows, or
    /// than was left of the [`RetryPolicy`](crate::RetryPolicy)'s deadline.
    pub fn is_timeout(&self) -> bool {
        self.source.is_timeout()
    }

    /// The HTTP status of the answer, if one began to come.
    pub fn status(&self) -> Option<StatusCode> {
        self.answer.as_ref().map(|answer| answer.status)
    }

    /// The headers of the answer, if one began to come.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.answer.as_ref().map(|answer| &answer.headers)
    }

    /// What came of the answer's body: at most its first 64 KiB, bytes that are not UTF-8 replaced.
    pub fn body(&self) -> String {
        self.answer.as_ref().map(|answer| start_of(&answer.body)).unwrap_or_default()
    }

    /// The `Request-Id` that the request was sent with.
    pub fn request_id(&self) -> String {
        self.origin.request_id.to_string()
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (origin, status) = (&self.origin, self.status());
        let what = match status {
            None if self.is_connect() => "no connection to the hub",
            None if self.is_timeout() => "no answer in time",
            None => "the connection ended before an answer came",
            Some(_) if self.is_timeout() => "the answer did not end in time",
            Some(_) => "the connection ended within the answer",
        };
        write!(f, "{origin}: {what}")?;
        if let Some(certificate) = self.certificate() {
            write!(f, ": {certificate}")?;
        }
        if let Some(status) = status {
            write!(f, ", whose status is {}", status.as_u16())?;
        }
        write!(f, " (request id {})", origin.request_id)
    }
}
