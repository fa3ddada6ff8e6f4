//! The error of a failed attempt, made from the generated client's error and the record of the attempt.
//!
//! Redaction happens here, once: a response may echo the token that it answers, and everything that an
//! error keeps of it has passed through [`redact`].

use progenitor_client::Error as GeneratedError;
use reqwest::header::HeaderValue;

use super::Error;
use super::service::ServiceError;
use super::text::KEPT_BODY;
use super::transport::TransportError;
use super::unreadable_response::UnreadableResponse;
use crate::auth::{AccessToken, REDACTED};
use crate::limits::CONTINUATION;
use crate::runtime::Failure;
use crate::runtime::attempt::{Exchange, ReceivedResponse};

impl Error {
    /// Makes the error of an attempt that failed, or whose response [must not be used](Exchange::is_unusable);
    /// the error of the generated client is then ignored.
    pub(crate) fn from_attempt(failure: Option<Failure>, exchange: Exchange, token: &AccessToken) -> Self {
        let error = failure.filter(|_| !exchange.is_unusable()).map(|Failure(error)| *error);
        let Exchange { request, response, is_sent, is_late, .. } = exchange;
        let response = response.map(|response| redact(response, token));
        match (request, response, error) {
            (_, Some(ReceivedResponse { redirected_to: Some(host), .. }), _) => {
                let rule =
                    format!("it followed a redirect to {host}; build it with `redirect::Policy::none()`");
                Self::InvalidConfiguration { setting: "ClientBuilder::http_client", rule }
            }
            // Even without its end a response is the hub's refusal or failure, if its status says so.
            (Some(request), Some(response), _) if !response.status.is_success() => {
                Self::Service(Box::new(ServiceError::new(request, &response)))
            }
            (Some(request), response, _) if is_late => {
                let mut late = TransportError::new(request, response, None);
                late.is_sent = is_sent;
                Self::Transport(Box::new(late))
            }
            (
                Some(request),
                response,
                Some(GeneratedError::CommunicationError(source) | GeneratedError::ResponseBodyError(source)),
            ) => Self::Transport(Box::new(TransportError::new(request, response, Some(source)))),
            (Some(request), Some(response), error) => {
                let unreadable = UnreadableResponse::new(request, response);
                Self::UnreadableResponse(Box::new(match error {
                    Some(GeneratedError::InvalidResponsePayload(body, cause)) => {
                        unreadable.with_cause(&body, cause, token)
                    }
                    _ => unreadable,
                }))
            }
            (_, _, error) => Self::invalid_request("request", reason_of_refusal(error)),
        }
    }

    /// Makes the error that a response of this status and body leads to.
    #[cfg(test)]
    pub(crate) fn from_status(status: u16, body: &str) -> Self {
        use crate::runtime::attempt::{BodyExtent, RequestInfo};

        let response = ReceivedResponse {
            status: reqwest::StatusCode::from_u16(status).unwrap(),
            headers: reqwest::header::HeaderMap::new(),
            body: body.to_owned().into(),
            extent: BodyExtent::Complete,
            redirected_to: None,
        };
        Self::Service(Box::new(ServiceError::new(RequestInfo::example(), &response)))
    }
}

/// Returns the reason why the generated client made no request.
fn reason_of_refusal<E>(error: Option<GeneratedError<E>>) -> String {
    match error {
        Some(GeneratedError::InvalidRequest(rule) | GeneratedError::Custom(rule)) => rule,
        Some(GeneratedError::CommunicationError(error)) => error.to_string(),
        Some(_) => "it could not be made".into(),
        None => "it was not sent".into(),
    }
}

/// Removes tokens from the headers and from the part of the body that is kept.
///
/// The token of the next page may look like one of a credential, and is sent back as it is: `Debug` hides it.
fn redact(mut response: ReceivedResponse, token: &AccessToken) -> ReceivedResponse {
    response.body.truncate(KEPT_BODY);
    response.body = token.redact_body(response.body);
    for (name, value) in &mut response.headers {
        if name == CONTINUATION {
            value.set_sensitive(true);
        } else if let Some(text) = token.redact_text(&String::from_utf8_lossy(value.as_bytes())) {
            *value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(REDACTED));
        }
    }
    response
}
