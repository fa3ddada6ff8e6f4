//! Recorded requests.

use hyper::StatusCode;
use hyper::header::AUTHORIZATION;
use serde_json::{Map, Value, json};

use super::answer::{Refused, ok};
use crate::hub::Hub;
use crate::request::{Metering, Request};
use crate::response::Response;

pub(super) fn list_requests(hub: &Hub) -> Result<Response, Refused> {
    if !hub.recorder.is_on() {
        return Err((StatusCode::NOT_FOUND, "requests are not recorded: start with --record N".into()));
    }
    let requests: Vec<Value> = hub.recorder.requests().iter().map(to_json).collect();
    Ok(ok(json!({ "requests": requests })))
}

fn name(metering: Metering) -> &'static str {
    match metering {
        Metering::Immediate => "immediate",
        Metering::Queued => "queued",
        Metering::Rejected => "rejected",
    }
}

/// Describes a request; the credentials are left out.
fn to_json(request: &Request) -> Value {
    let headers = request.headers.iter().filter(|(name, _)| *name != AUTHORIZATION);
    let text = |value: &[u8]| Value::from(String::from_utf8_lossy(value));
    let headers: Map<_, _> =
        headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    json!({
        "method": request.method.as_str(),
        "path": request.path,
        "query": request.query,
        "headers": headers,
        "body": text(&request.body),
        "metering": request.metering.map(name),
        "status": request.status,
    })
}
