//! What passed between the client and the hub in one attempt.

use std::fmt;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use uuid::Uuid;

use crate::auth::{Authorization, REDACTED};

/// What an attempt leaves behind.
#[derive(Default)]
pub(crate) struct Record {
    /// The request, once there is one.
    pub(crate) request: Option<Origin>,
    /// The answer, as far as it came.
    pub(crate) answer: Option<Answer>,
}

/// A request, as the error that it leads to tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) request_id: Uuid,
    /// Which attempt at the operation it is, from 1.
    pub(crate) attempt: u32,
}

impl Origin {
    /// By what a log finds it, and after how many others it came.
    pub(crate) fn ids(&self) -> String {
        match self {
            Self { request_id, attempt: 1, .. } => format!("request id {request_id}"),
            Self { request_id, attempt, .. } => format!("request id {request_id}, attempt {attempt}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.operation, self.method, self.path)
    }
}

#[cfg(test)]
impl Origin {
    pub(crate) fn of_creation() -> Self {
        let (operation, path) = ("create_scheduled_job", "/jobs/v2/reboot-43".to_owned());
        Self { operation, method: Method::PUT, path, request_id: Uuid::nil(), attempt: 1 }
    }
}

/// An answer, as far as it came.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) extent: Extent,
    /// The host that answered in place of the one that was asked.
    pub(crate) redirected_to: Option<String>,
}

/// The headers of an answer without the tokens that they may echo.
pub(crate) fn redacted(headers: &HeaderMap, token: &Authorization) -> HeaderMap {
    let mut headers = headers.clone();
    for value in headers.values_mut() {
        if let Some(text) = token.redact_text(&String::from_utf8_lossy(value.as_bytes())) {
            *value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(REDACTED));
        }
    }
    headers
}

/// How much of an answer's body there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Extent {
    Whole,
    /// The connection ended before the body did.
    Broken,
    /// The body is larger than this many bytes and was not read on.
    OverLimit(usize),
}
