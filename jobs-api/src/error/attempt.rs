//! The record of a failed attempt.
//!
//! Redaction happens here, once: a response may echo the token that it answers, and what an error keeps of a response
//! comes from this record.

use http::{HeaderMap, HeaderValue, StatusCode};

use crate::auth::{AccessToken, REDACTED};
use crate::limits::CONTINUATION;
use crate::runtime::RequestId;
use crate::runtime::attempt::{ReceivedResponse, RequestInfo};

/// Bytes of a body that an error keeps.
const KEPT_BODY: usize = 64 * 1024;

/// The request and the response of a failed attempt, as far as they came.
///
/// Azure support finds a call by its [tracking id](crate::ServiceError::tracking_id), or by the two ids of the
/// request: the one that the client sent, and the header `x-ms-request-id` of the response. The client's own spans
/// have the first of them.
///
/// Tokens are removed from headers and body. The header `x-ms-continuation` is kept, and hidden from `Debug`.
///
/// ```
/// # fn example(error: jobs_api::Error) {
/// if let Some(attempt) = error.attempt() {
///     println!("for the support: {}", attempt.request_id());
///     println!("and its own id: {:?}", attempt.headers().get("x-ms-request-id"));
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    pub(super) request: RequestInfo,
    status: Option<StatusCode>,
    headers: HeaderMap,
    body: String,
}

impl FailedAttempt {
    /// Keeps the beginning of the response without tokens.
    ///
    /// The token of the next page may look like one of a credential, and is sent back as it is: `Debug` hides it.
    pub(super) fn new(request: RequestInfo, response: Option<ReceivedResponse>, token: &AccessToken) -> Self {
        let Some(mut response) = response else {
            return Self { request, status: None, headers: HeaderMap::new(), body: String::new() };
        };
        for (name, value) in &mut response.headers {
            if name == CONTINUATION {
                value.set_sensitive(true);
            } else if let Some(text) = token.redact_text(&String::from_utf8_lossy(value.as_bytes())) {
                *value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(REDACTED));
            }
        }
        let body = to_text(&response.body);
        let body = token.redact_text(&body).unwrap_or(body);
        Self { request, status: Some(response.status), headers: response.headers, body }
    }

    /// Returns the number of the attempt, from 1.
    pub fn number(&self) -> u32 {
        self.request.attempt
    }

    /// Returns the `Request-Id` that the request carried.
    pub fn request_id(&self) -> RequestId {
        self.request.request_id
    }

    /// Returns the HTTP status, if a response began to arrive.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Returns the headers of the response; none if no response began to arrive.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the part of the body that arrived: at most its first 64 KiB, bytes that are not UTF-8 replaced.
    pub fn body(&self) -> &str {
        &self.body
    }
}

/// Returns the beginning of a body as text, without a byte order mark.
fn to_text(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(KEPT_BODY)]);
    text.trim_start_matches('\u{FEFF}').to_owned()
}

#[cfg(test)]
impl FailedAttempt {
    pub(super) fn example(status: StatusCode, headers: HeaderMap, body: &str) -> Self {
        Self { request: RequestInfo::example(), status: Some(status), headers, body: body.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_is_kept_up_to_64_kib_without_its_byte_order_mark() {
        assert_eq!(to_text(b"\xEF\xBB\xBF{}"), "{}");
        assert_eq!(to_text(&[b'a'; 70_000]).len(), 65_536);
        assert_eq!(to_text(b"a\xFF"), "a\u{FFFD}");
    }
}
