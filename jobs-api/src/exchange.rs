//! What passed between the client and the hub in one attempt.

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};

use crate::auth::{Authorization, REDACTED};

/// What an attempt leaves behind.
#[derive(Default)]
pub(crate) struct Record {
    /// The request, once there is one.
    pub(crate) request: Option<(&'static str, Method, String)>,
    /// The answer, as far as it came.
    pub(crate) answer: Option<Answer>,
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
