//! Errors as the service answers them.

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde_json::json;

use crate::response::{Response, json_response};

/// An error answer: the hub's name for it, and the reason in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ServiceError {
    status: u16,
    name: &'static str,
    reason: String,
}

macro_rules! service_errors {
    ($($function:ident => $status:literal $name:literal,)*) => {
        impl ServiceError {
            $(pub(crate) fn $function(reason: impl Into<String>) -> Self {
                Self { status: $status, name: $name, reason: reason.into() }
            })*
        }
    };
}

service_errors! {
    bad_request => 400 "GenericBadRequest",
    invalid_protocol_version => 400 "InvalidProtocolVersion",
    argument_invalid => 400 "ArgumentInvalid",
    request_timed_out => 400 "RequestTimedOut",
    hub_not_found => 401 "IotHubNotFound",
    unauthorized_access => 401 "IotHubUnauthorizedAccess",
    unauthorized => 401 "IotHubUnauthorized",
    not_in_this_tier => 403 "OperationNotAvailableInCurrentTier",
    not_found => 404 "GenericNotFound",
    job_not_found => 404 "JobNotFound",
    method_not_allowed => 405 "GenericMethodNotAllowed",
    not_allowed_in_state => 405 "OperationNotAllowedInCurrentState",
    job_already_exists => 409 "JobAlreadyExists",
    precondition_failed => 412 "PreconditionFailed",
    entity_too_large => 413 "GenericRequestEntityTooLarge",
    message_too_large => 413 "MessageTooLarge",
    throttled => 429 "ThrottlingException",
    too_many_active_jobs => 429 "ThrottlingMaxActiveJobCountExceeded",
    server_error => 500 "ServerError",
}

impl ServiceError {
    /// Returns the answer in the hub's usual shape.
    pub(crate) fn to_response(&self, now: DateTime<Utc>) -> Response {
        let tracking_id = fastrand::u128(..);
        let body = json!({
            "Message": format!("ErrorCode:{};{}", self.name, self.reason),
            "ExceptionMessage":
                format!("Tracking ID:{tracking_id:032x}-G:0-TimeStamp:{}", now.format("%m/%d/%Y %H:%M:%S")),
        });
        let mut response =
            json_response(StatusCode::from_u16(self.status).unwrap_or_default(), body.to_string());
        response.headers_mut().insert("iothub-errorcode", HeaderValue::from_static(self.name));
        response
    }
}
