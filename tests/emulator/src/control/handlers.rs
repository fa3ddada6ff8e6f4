//! The routes of control.

use chrono::{DateTime, TimeDelta, Utc};
use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::faults::{parse_fault, to_json};
use crate::dates::timestamp;
use crate::fleet::{Device, parse_device};
use crate::hub::Hub;
use crate::request::Request;
use crate::response::{Response, json_response};

/// Start of the paths that control the emulator.
pub(crate) const PREFIX: &str = "/_emulator/";

/// Description of the routes.
const DOCUMENT: &str = include_str!("../../openapi.json");

/// Most jobs of one answer: the newest.
const JOBS: usize = 1_000;

/// A refusal with its status and reason.
type Refused = (StatusCode, String);

/// Carries out a request for control.
pub(crate) async fn handle(hub: &Hub, head: &Parts, body: &Bytes) -> Response {
    match dispatch(hub, head, body).await {
        Ok(response) => response,
        Err((status, reason)) => json_response(status, json!({ "error": reason }).to_string()),
    }
}

async fn dispatch(hub: &Hub, head: &Parts, body: &Bytes) -> Result<Response, Refused> {
    let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let path =
        percent_decode_str(path).decode_utf8().map_err(|_| bad_request("the path cannot be decoded"))?;
    let json = || parse(body);
    match (&head.method, &path.split('/').collect::<Vec<_>>()[..]) {
        (&Method::GET, ["openapi.json"]) => Ok(json_response(StatusCode::OK, DOCUMENT)),
        (&Method::GET, ["health"]) => Ok(ok(health(hub))),
        (&Method::GET, ["clock"]) => Ok(ok(clock(hub))),
        (&Method::PUT, ["clock"]) => set_clock(hub, &json()?).await,
        (&Method::POST, ["clock", "advance"]) => advance_clock(hub, &json()?).await,
        (&Method::GET, ["faults"]) => {
            Ok(ok(json!({ "faults": hub.faults.list().iter().map(to_json).collect::<Vec<_>>() })))
        }
        (&Method::POST, ["faults"]) => {
            let (target, when, fault) = parse_fault(&json()?).map_err(bad_request)?;
            hub.faults.add(target, when, fault);
            Ok(done())
        }
        (&Method::DELETE, ["faults"]) => {
            hub.faults.clear();
            Ok(done())
        }
        (&Method::GET, ["jobs"]) => Ok(ok(jobs(hub))),
        (&Method::DELETE, ["jobs", id]) => {
            hub.change(|schedule, now| schedule.forget(id, now));
            Ok(done())
        }
        (&Method::GET, ["twins", id]) => twin(hub, id).map(ok),
        (&Method::PUT, ["twins", id]) => put_device(hub, id, json()?),
        (&Method::PATCH, ["twins", id]) => patch_device(hub, id, &json()?),
        (&Method::GET, ["requests"]) => requests(hub),
        (&Method::DELETE, ["requests"]) => {
            hub.recorder.clear();
            Ok(done())
        }
        (&Method::GET, ["throttle"]) => Ok(ok(throttle(hub))),
        (&Method::POST, ["reset"]) => {
            hub.reset();
            hub.settle().await;
            Ok(done())
        }
        (
            _,
            ["openapi.json" | "health" | "clock" | "faults" | "jobs" | "requests" | "throttle" | "reset"]
            | ["clock", "advance"]
            | ["twins" | "jobs", _],
        ) => Err((StatusCode::METHOD_NOT_ALLOWED, format!("the route does not support {}", head.method))),
        _ => Err((StatusCode::NOT_FOUND, format!("there is no such route: see {PREFIX}openapi.json"))),
    }
}

fn health(hub: &Hub) -> Value {
    let (devices, jobs) = {
        let schedule = hub.schedule();
        (schedule.registry().len(), schedule.job_count())
    };
    json!({
        "status": "ok",
        "version": env!("CARGO_PKG_VERSION"),
        "hubName": hub.authorizer.host_name,
        "now": timestamp(hub.now()),
        "devices": devices,
        "jobs": jobs,
    })
}

fn clock(hub: &Hub) -> Value {
    let now = hub.now();
    json!({ "now": timestamp(now), "aheadSeconds": (now - hub.clock.machine_now()).as_seconds_f64() })
}

async fn set_clock(hub: &Hub, body: &Value) -> Result<Response, Refused> {
    let now = body["now"].as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let now: DateTime<Utc> = now.ok_or_else(|| bad_request("now must be a date of RFC 3339"))?.to_utc();
    if !hub.clock.set(now) {
        return Err(bad_request("now must be within the years 1970 to 9000"));
    }
    hub.settle().await;
    Ok(ok(clock(hub)))
}

async fn advance_clock(hub: &Hub, body: &Value) -> Result<Response, Refused> {
    let seconds = body["seconds"].as_f64().filter(|seconds| *seconds >= 0.0 && *seconds < 1e12);
    let seconds = seconds.ok_or_else(|| bad_request("seconds must be a number from 0"))?;
    if !hub.clock.advance(TimeDelta::microseconds((seconds * 1e6) as i64)) {
        return Err(bad_request("the clock must stay within the years 1970 to 9000"));
    }
    hub.settle().await;
    Ok(ok(clock(hub)))
}

fn jobs(hub: &Hub) -> Value {
    let schedule = hub.schedule();
    let skipped = schedule.job_count().saturating_sub(JOBS);
    let jobs: Vec<Value> = schedule
        .jobs_from(0)
        .skip(skipped)
        .map(|(_, job)| job.to_json(job.status, &hub.settings.behavior))
        .collect();
    json!({ "count": schedule.job_count(), "jobs": jobs })
}

fn twin(hub: &Hub, id: &str) -> Result<Value, Refused> {
    hub.schedule().registry().get(id).map(|device| device.twin()).ok_or_else(|| no_device(id))
}

fn put_device(hub: &Hub, id: &str, mut body: Value) -> Result<Response, Refused> {
    if let Some(members) = body.as_object_mut() {
        members.insert("deviceId".into(), id.into());
    }
    let device = parse_device(&body).map_err(|error| bad_request(error.to_string()))?;
    hub.change(|schedule, now| schedule.change_devices(now, |registry| registry.insert(device, now)));
    twin(hub, id).map(ok)
}

/// Changes a device as its owner and the network would: reported properties and the connection included.
fn patch_device(hub: &Hub, id: &str, body: &Value) -> Result<Response, Refused> {
    let members = body.as_object().ok_or_else(|| bad_request("the body must be an object"))?;
    let unknown = |key: &&String| !["tags", "properties", "connectionState"].contains(&key.as_str());
    if let Some(unknown) = members.keys().find(unknown) {
        return Err(bad_request(format!(
            "unknown member {unknown:?}: expected tags, properties, connectionState"
        )));
    }
    let is_online = match members.get("connectionState").map(|state| state.as_str()) {
        None => None,
        Some(Some("Connected")) => Some(true),
        Some(Some("Disconnected")) => Some(false),
        Some(_) => return Err(bad_request("connectionState must be Connected or Disconnected")),
    };
    let change_device = |device: &mut Device, now| {
        if let Some(is_online) = is_online {
            device.set_online(is_online);
        }
        match members.contains_key("tags") || members.contains_key("properties") {
            true => device.update_twin(body, now),
            false => Ok(()),
        }
    };
    let changed = hub.change(|schedule, now| {
        schedule.change_devices(now, |registry| registry.get_mut(id).map(|device| change_device(device, now)))
    });
    changed.ok_or_else(|| no_device(id))?.map_err(bad_request)?;
    twin(hub, id).map(ok)
}

fn requests(hub: &Hub) -> Result<Response, Refused> {
    if !hub.recorder.is_on() {
        return Err((StatusCode::NOT_FOUND, "requests are not recorded: start with --record N".into()));
    }
    let requests: Vec<Value> = hub.recorder.requests().iter().map(request).collect();
    Ok(ok(json!({ "requests": requests })))
}

/// Describes a request; the credentials are left out.
fn request(request: &Request) -> Value {
    let headers = request.headers.iter().filter(|(name, _)| *name != hyper::header::AUTHORIZATION);
    let headers: serde_json::Map<String, Value> = headers
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned().into())
        })
        .collect();
    json!({
        "method": request.method.as_str(),
        "path": request.path,
        "query": request.query,
        "headers": headers,
        "body": String::from_utf8_lossy(&request.body),
    })
}

fn throttle(hub: &Hub) -> Value {
    let [job_operations, queries] = hub.meters.available(hub.now());
    json!({ "jobOperations": job_operations, "queries": queries })
}

fn parse(body: &Bytes) -> Result<Value, Refused> {
    serde_json::from_slice(body).map_err(|error| bad_request(format!("the body is not JSON: {error}")))
}

fn bad_request(reason: impl Into<String>) -> Refused {
    (StatusCode::BAD_REQUEST, reason.into())
}

fn no_device(id: &str) -> Refused {
    (StatusCode::NOT_FOUND, format!("there is no device {id:?}"))
}

fn ok(body: Value) -> Response {
    json_response(StatusCode::OK, body.to_string())
}

fn done() -> Response {
    ok(json!({}))
}
