//! How the hub says no.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;
use uuid::Uuid;

/// A refusal with the hub's name for it and a reason in words.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    name: &'static str,
    reason: String,
}

macro_rules! refusals {
    ($($function:ident => $status:literal $name:literal,)*) => {
        impl Refusal {
            $(pub(crate) fn $function(reason: impl Into<String>) -> Self {
                Self { status: $status, name: $name, reason: reason.into() }
            })*
        }
    };
}

refusals! {
    bad_request => 400 "GenericBadRequest",
    invalid_protocol_version => 400 "InvalidProtocolVersion",
    argument_invalid => 400 "ArgumentInvalid",
    hub_not_found => 401 "IotHubNotFound",
    unauthorized => 401 "IotHubUnauthorizedAccess",
    not_found => 404 "GenericNotFound",
    job_not_found => 404 "JobNotFound",
    method_not_allowed => 405 "GenericMethodNotAllowed",
    not_allowed_in_state => 405 "OperationNotAllowedInCurrentState",
    job_already_exists => 409 "JobAlreadyExists",
    precondition_failed => 412 "PreconditionFailed",
    message_too_large => 413 "MessageTooLarge",
    too_many_active_jobs => 429 "ThrottlingMaxActiveJobCountExceeded",
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let tracking_id = Uuid::new_v4().simple();
        let timestamp = Utc::now().format("%m/%d/%Y %H:%M:%S");
        let body = json!({
            "Message": format!("ErrorCode:{};{}", self.name, self.reason),
            "ExceptionMessage": format!("Tracking ID:{tracking_id}-G:0-TimeStamp:{timestamp}"),
        });
        let mut response =
            json_response(StatusCode::from_u16(self.status).unwrap_or_default(), body.to_string());
        response.headers_mut().insert("iothub-errorcode", HeaderValue::from_static(self.name));
        response
    }
}

/// The answer of the front end to a body whose length is not stated.
pub(crate) fn length_required() -> Response {
    let page = "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n\
         <HTML><HEAD><TITLE>Length Required</TITLE></HEAD>\r\n\
         <BODY><h2>Length Required</h2>\r\n<hr><p>HTTP Error 411. The request must be chunked or have a content length.</p>\r\n\
         </BODY></HTML>\r\n";
    let mut response = Response::new(Body::from(page));
    *response.status_mut() = StatusCode::LENGTH_REQUIRED;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=us-ascii"));
    response
}

pub(crate) fn json_response(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
