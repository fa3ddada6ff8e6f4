//! Errors as the service answers them.

use chrono::{DateTime, SecondsFormat, Utc};
use hyper::StatusCode;
use hyper::header::{CONNECTION, HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};

use crate::behavior::{ErrorBody, HubBehavior, TrackingIds};
use crate::response::{Response, json_response, response};

/// An error answer: the hub's number and name for it, and the reason in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ServiceError {
    /// Begins with the HTTP status.
    number: u32,
    name: &'static str,
    reason: String,
}

macro_rules! service_errors {
    ($($function:ident => $number:literal $name:literal,)*) => {
        impl ServiceError {
            $(pub(crate) fn $function(reason: impl Into<String>) -> Self {
                Self { number: $number, name: $name, reason: reason.into() }
            })*
        }
    };
}

service_errors! {
    bad_request => 400_000 "GenericBadRequest",
    invalid_protocol_version => 400_001 "InvalidProtocolVersion",
    argument_invalid => 400_004 "ArgumentInvalid",
    request_timed_out => 400_024 "RequestTimedOut",
    hub_not_found => 401_001 "IotHubNotFound",
    unauthorized_access => 401_002 "IotHubUnauthorizedAccess",
    unauthorized => 401_003 "IotHubUnauthorized",
    not_in_this_tier => 403_010 "OperationNotAvailableInCurrentTier",
    not_found => 404_000 "GenericNotFound",
    device_not_found => 404_001 "DeviceNotFound",
    job_not_found => 404_002 "JobNotFound",
    device_not_online => 404_103 "DeviceNotOnline",
    method_not_allowed => 405_000 "GenericMethodNotAllowed",
    not_allowed_in_state => 405_102 "OperationNotAllowedInCurrentState",
    job_already_exists => 409_104 "JobAlreadyExists",
    precondition_failed => 412_001 "PreconditionFailed",
    entity_too_large => 413_000 "GenericRequestEntityTooLarge",
    message_too_large => 413_001 "MessageTooLarge",
    throttled => 429_001 "ThrottlingException",
    backlog_timeout => 429_003 "ThrottlingBacklogTimeout",
    too_many_active_jobs => 429_004 "ThrottlingMaxActiveJobCountExceeded",
    server_error => 500_001 "ServerError",
    gateway_timeout => 504_101 "GatewayTimeout",
}

impl ServiceError {
    /// Returns the answer as the hub writes it at `now`.
    pub(crate) fn to_response(&self, behavior: &HubBehavior, now: DateTime<Utc>) -> Response {
        let status = u16::try_from(self.number / 1000).unwrap_or_default();
        let status = StatusCode::from_u16(status).unwrap_or_default();
        let body = self.body(behavior, now).to_string();
        let mut response = named(json_response(status, body), self.name);
        if status == StatusCode::TOO_MANY_REQUESTS {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
            headers.extend(behavior.retry_after.map(|seconds| (RETRY_AFTER, HeaderValue::from(seconds))));
        }
        response
    }

    fn body(&self, behavior: &HubBehavior, now: DateTime<Utc>) -> Value {
        let tracking_id = tracking_id(behavior.tracking_ids, now);
        let flat = || {
            json!({
                "errorCode": self.number,
                "trackingId": tracking_id,
                "message": self.reason,
                "timestampUtc": now.to_rfc3339_opts(SecondsFormat::Micros, true),
            })
        };
        match behavior.error_body {
            ErrorBody::Named => json!({
                "Message": format!("ErrorCode:{};{}", self.name, self.reason),
                "ExceptionMessage": format!("Tracking ID:{tracking_id}"),
            }),
            ErrorBody::Nested => json!({ "Message": flat().to_string(), "ExceptionMessage": "" }),
            ErrorBody::Flat => flat(),
        }
    }
}

/// Returns the answer to a query that cannot be parsed: a bare text without a reason.
pub(crate) fn unreadable_query() -> Response {
    named(response(StatusCode::BAD_REQUEST, "text/plain", "ArgumentInvalid;BadRequest"), "ArgumentInvalid")
}

fn named(mut response: Response, name: &'static str) -> Response {
    response.headers_mut().insert("iothub-errorcode", HeaderValue::from_static(name));
    response
}

fn tracking_id(form: TrackingIds, now: DateTime<Utc>) -> String {
    let number = fastrand::u128(..);
    match form {
        TrackingIds::G => format!("{number:032x}-G:0-TimeStamp:{}", now.format("%m/%d/%Y %H:%M:%S")),
        TrackingIds::G2 => {
            let date = now.to_rfc3339_opts(SecondsFormat::Nanos, true);
            format!("{number:032X}-G2:-TimeStamp:{date}")
        }
    }
}
