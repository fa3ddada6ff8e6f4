//! The record of a failed attempt, and the error that is made of it.
//!
//! Redaction happens here, once: a response may echo the token that it answers, and nothing else of a response
//! gets into an error.

use std::fmt;

use http::{HeaderMap, HeaderValue, StatusCode};
use progenitor_client::Error as GeneratedError;

use super::Error;
use super::service::ServiceError;
use super::text::{KEPT_BODY, body_text, one_line};
use super::transport::TransportError;
use super::unreadable_response::UnreadableResponse;
use crate::auth::{AccessToken, REDACTED};
use crate::limits::CONTINUATION;
use crate::runtime::RequestId;
use crate::runtime::attempt::{Exchange, ReceivedResponse, RequestInfo};

/// The request and the response of a failed attempt, as far as they came.
///
/// Azure support finds a call by its tracking id, [`ServiceError::tracking_id`], or by the two ids of the request: the
/// one that the client sent, and the header `x-ms-request-id` of the response. The client's own logs and spans name the
/// first of them.
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
    fn new(request: RequestInfo, response: Option<ReceivedResponse>, token: &AccessToken) -> Self {
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
        response.body.truncate(KEPT_BODY);
        let body = body_text(&token.redact_body(response.body));
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

    /// Writes the line of an error: the operation, the reason, the ids to quote to Azure support, and the hint.
    pub(super) fn write_line(
        &self,
        f: &mut fmt::Formatter<'_>,
        reason: &str,
        tracking_id: Option<&str>,
        hint: Option<&str>,
    ) -> fmt::Result {
        write!(f, "{}: {reason} (", self.request)?;
        if let Some(id) = tracking_id {
            write!(f, "tracking id {}, ", one_line(id))?;
        }
        write!(f, "{})", self.request.ids())?;
        hint.map_or(Ok(()), |hint| write!(f, "; hint: {hint}"))
    }
}

impl Error {
    /// Makes the error of an attempt that failed, or whose response [must not be used](Exchange::is_unusable);
    /// the error of the generated client is then ignored.
    pub(crate) fn from_attempt<E>(
        error: Option<GeneratedError<E>>,
        exchange: Exchange,
        token: &AccessToken,
    ) -> Self {
        let error = error.filter(|_| !exchange.is_unusable());
        let Exchange { request, response, is_sent, is_late, .. } = exchange;
        if let Some(ReceivedResponse { redirected_to: Some(host), .. }) = &response {
            let rule = format!("it followed a redirect to {host}; build it with `redirect::Policy::none()`");
            return Self::InvalidConfiguration { setting: "ClientBuilder::http_client", rule };
        }
        let Some(request) = request else { return not_made(error) };
        let extent = response.as_ref().map(|response| response.extent);
        let attempt = FailedAttempt::new(request, response, token);
        match (attempt.status, extent, error) {
            // Even without its end a response is the hub's refusal or failure, if its status says so.
            (Some(status), ..) if !status.is_success() => {
                Self::Service(Box::new(ServiceError::new(attempt, status)))
            }
            _ if is_late => Self::Transport(Box::new(TransportError::new(attempt, None, is_sent))),
            (
                ..,
                Some(GeneratedError::CommunicationError(source) | GeneratedError::ResponseBodyError(source)),
            ) => Self::Transport(Box::new(TransportError::new(attempt, Some(source), is_sent))),
            (_, Some(extent), error) => {
                Self::UnreadableResponse(Box::new(UnreadableResponse::new(attempt, extent, error, token)))
            }
            (_, None, error) => not_made(error),
        }
    }
}

/// Returns the error of a request that the generated client did not make.
fn not_made<E>(error: Option<GeneratedError<E>>) -> Error {
    let rule = match error {
        Some(GeneratedError::InvalidRequest(rule) | GeneratedError::Custom(rule)) => rule,
        Some(GeneratedError::CommunicationError(error)) => error.to_string(),
        _ => "could not be made".into(),
    };
    Error::invalid_request("request", rule)
}

#[cfg(test)]
impl Error {
    /// Makes the error that a response of this status and body leads to.
    pub(crate) fn from_status(status: u16, body: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        let attempt = FailedAttempt::example(status, HeaderMap::new(), body);
        Self::Service(Box::new(ServiceError::new(attempt, status)))
    }
}

#[cfg(test)]
impl FailedAttempt {
    pub(super) fn example(status: StatusCode, headers: HeaderMap, body: &str) -> Self {
        Self { request: RequestInfo::example(), status: Some(status), headers, body: body.to_owned() }
    }
}
