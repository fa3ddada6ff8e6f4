//! Answers of control, and the reading of its bodies.

use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use crate::response::{Response, json_response};

/// A refusal with its status and reason.
pub(super) type Refused = (StatusCode, String);

pub(super) fn ok(body: Value) -> Response {
    json_response(StatusCode::OK, body.to_string())
}

/// Answers what has no result.
pub(super) fn done() -> Response {
    ok(json!({}))
}

pub(super) fn bad_request(reason: impl Into<String>) -> Refused {
    (StatusCode::BAD_REQUEST, reason.into())
}

pub(super) fn parse(body: &Bytes) -> Result<Value, Refused> {
    serde_json::from_slice(body).map_err(|error| bad_request(format!("the body is not JSON: {error}")))
}

/// Returns the members of an object, all of which must have one of these names.
pub(super) fn members<'a>(value: &'a Value, names: &[&str]) -> Result<&'a Map<String, Value>, String> {
    let members = value.as_object().ok_or("the body must be an object")?;
    match members.keys().find(|key| !names.contains(&key.as_str())) {
        Some(unknown) => Err(format!("unknown member {unknown:?}: expected {}", names.join(", "))),
        None => Ok(members),
    }
}
