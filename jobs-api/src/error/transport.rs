//! Responses that never came, or not to their end.

use std::fmt;

use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};

use super::certificate::{CertificateError, is_plain_port};
use super::text::body_text;
use crate::runtime::RequestId;
use crate::runtime::attempt::{ReceivedResponse, RequestInfo};

/// No complete response came.
///
/// ```
/// # fn example(error: jobs_api::Error) {
/// if let jobs_api::Error::Transport(error) = error {
///     match error.certificate() {
///         Some(defect) => println!("certificate: {defect}"),
///         None if error.is_timeout() => println!("no answer in time"),
///         None => println!("{error}"),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct TransportError {
    pub(super) request: RequestInfo,
    response: Option<ReceivedResponse>,
    /// `None` if the time ran out.
    source: Option<reqwest::Error>,
    /// False if no connection was made, or no time was left to send the request.
    pub(super) is_sent: bool,
}

impl TransportError {
    pub(super) fn new(
        request: RequestInfo,
        response: Option<ReceivedResponse>,
        source: Option<reqwest::Error>,
    ) -> Self {
        let is_sent = !source.as_ref().is_some_and(reqwest::Error::is_connect);
        Self { request, response, source, is_sent }
    }

    /// Returns true if the hub could not be reached: nothing was sent.
    pub fn is_connect(&self) -> bool {
        self.source.as_ref().is_some_and(reqwest::Error::is_connect)
    }

    /// Returns the defect of the server's certificate, if that is why there is no connection. The attempt
    /// is not repeated: another would meet the same certificate.
    pub fn certificate(&self) -> Option<CertificateError> {
        CertificateError::find(self.source.as_ref()?)
    }

    /// Returns true if the server at the address does not speak TLS.
    pub(super) fn is_plain_port(&self) -> bool {
        self.source.as_ref().is_some_and(is_plain_port)
    }

    /// Returns true if the attempt took longer than
    /// [`ClientBuilder::attempt_timeout`](crate::ClientBuilder::attempt_timeout) allows, or than was left of
    /// the [`RetryPolicy`](crate::RetryPolicy)'s deadline.
    pub fn is_timeout(&self) -> bool {
        self.source.as_ref().is_none_or(reqwest::Error::is_timeout)
    }

    /// Returns the HTTP status, if a response began to arrive.
    pub fn status(&self) -> Option<StatusCode> {
        self.response.as_ref().map(|response| response.status)
    }

    /// Returns the headers, if a response began to arrive.
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.response.as_ref().map(|response| &response.headers)
    }

    /// Returns the part of the body that arrived: at most its first 64 KiB, bytes that are not UTF-8
    /// replaced.
    pub fn body(&self) -> String {
        self.response.as_ref().map(|response| body_text(&response.body)).unwrap_or_default()
    }

    /// Returns the number of the attempt, from 1.
    pub fn attempt(&self) -> u32 {
        self.request.attempt
    }

    /// Returns the `Request-Id` that the request carried.
    pub fn request_id(&self) -> RequestId {
        self.request.request_id
    }

    /// Returns the host that the request was for, with its port if that is not the default.
    fn host(&self) -> &str {
        self.source.as_ref().and_then(reqwest::Error::url).map_or("the hub", Url::authority)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (request, certificate) = (&self.request, self.certificate());
        write!(f, "{request}: ")?;
        match self.status() {
            None if self.is_connect() => write!(f, "no connection to {}", self.host())?,
            None if !self.is_sent => f.write_str("not sent: no time was left")?,
            None if self.source.is_none() => write!(f, "no response within {:.1?}", request.timeout)?,
            None if self.is_timeout() => f.write_str("no response in time")?,
            None => f.write_str("the connection ended before a response came")?,
            Some(status) => {
                let ended = if self.is_timeout() {
                    "the response did not end in time"
                } else {
                    "the connection ended within the response"
                };
                write!(f, "{ended}; its status is {}", status.as_u16())?;
            }
        }
        if let Some(certificate) = certificate {
            write!(f, ": {certificate}")?;
        }
        if self.is_plain_port() {
            f.write_str(": the server does not speak TLS")?;
        }
        write!(f, " ({})", request.ids())?;
        let hint = match certificate {
            Some(certificate) => certificate.hint(),
            None if self.is_plain_port() => Some("check the port and the scheme of the endpoint"),
            None => self.is_connect().then_some("check the host name, the network and the proxy, if any"),
        };
        hint.map_or(Ok(()), |hint| write!(f, "; hint: {hint}"))
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
