//! The error of a failed attempt, made from the generated client's error and the record of the attempt.

use progenitor_client::Error as GeneratedError;

use super::Error;
use super::attempt::FailedAttempt;
use super::service::ServiceError;
use super::transport::TransportError;
use super::unreadable_response::UnreadableResponse;
use crate::auth::AccessToken;
use crate::runtime::Failure;
use crate::runtime::attempt::{Exchange, ReceivedResponse};

impl Error {
    /// Makes the error of an attempt that failed, or whose response [must not be used](Exchange::is_unusable);
    /// the error of the generated client is then ignored.
    pub(crate) fn from_attempt(failure: Option<Failure>, exchange: Exchange, token: &AccessToken) -> Self {
        let error = failure.filter(|_| !exchange.is_unusable()).map(|Failure(error)| *error);
        let Exchange { request, response, is_sent, is_late, .. } = exchange;
        if let Some(ReceivedResponse { redirected_to: Some(host), .. }) = &response {
            let rule = format!("it followed a redirect to {host}; build it with `redirect::Policy::none()`");
            return Self::InvalidConfiguration { setting: "ClientBuilder::http_client", rule };
        }
        let Some(request) = request else { return not_made(error) };
        let extent = response.as_ref().map(|response| response.extent);
        let attempt = FailedAttempt::new(request, response, token);
        match (attempt.status(), extent, error) {
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
        use http::{HeaderMap, StatusCode};

        let status = StatusCode::from_u16(status).unwrap();
        let attempt = FailedAttempt::example(status, HeaderMap::new(), body);
        Self::Service(Box::new(ServiceError::new(attempt, status)))
    }
}
