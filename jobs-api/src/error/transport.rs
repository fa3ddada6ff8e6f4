//! No complete answer.

use std::fmt;

use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};

use super::{CertificateError, start_of};
use crate::exchange::{Answer, Origin};

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

    /// Which attempt at the operation this was, from 1.
    pub fn attempt(&self) -> u32 {
        self.origin.attempt
    }

    /// The `Request-Id` that the request was sent with.
    pub fn request_id(&self) -> String {
        self.origin.request_id.to_string()
    }

    /// The host that the request was for, with its port if that is not the usual one.
    fn host(&self) -> &str {
        self.source.url().map_or("the hub", Url::authority)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (origin, certificate) = (&self.origin, self.certificate());
        write!(f, "{origin}: ")?;
        match self.status() {
            None if self.is_connect() => write!(f, "no connection to {}", self.host())?,
            None if self.is_timeout() => f.write_str("no answer in time")?,
            None => f.write_str("the connection ended before an answer came")?,
            Some(status) => {
                let ended = if self.is_timeout() {
                    "the answer did not end in time"
                } else {
                    "the connection ended within the answer"
                };
                write!(f, "{ended}, whose status is {}", status.as_u16())?;
            }
        }
        if let Some(certificate) = certificate {
            write!(f, ": {certificate}")?;
        }
        write!(f, " ({})", origin.ids())?;
        let hint = match certificate {
            Some(certificate) => certificate.hint(),
            None => {
                self.is_connect().then_some("check the host name, the network and the proxy, if there is one")
            }
        };
        hint.map_or(Ok(()), |hint| write!(f, "; hint: {hint}"))
    }
}
