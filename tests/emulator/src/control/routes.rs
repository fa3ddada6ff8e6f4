//! The routes of control.

use hyper::body::Bytes;
use hyper::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::answer::{Refused, bad_request, done, ok, parse};
use super::clock::{advance_clock, read_clock, set_clock};
use super::devices::{count_devices, patch_device, put_device, read_twin};
use super::faults::{parse_fault, to_json};
use super::requests::list_requests;
use crate::dates::timestamp;
use crate::hub::Hub;
use crate::response::{Response, json_response, response};

/// Start of the paths that control the emulator.
pub(crate) const PREFIX: &str = "/_emulator/";

/// Description of the routes.
const DOCUMENT: &str = include_str!("../../openapi.json");

const PAGE: &str = include_str!("../../page.html");

/// Most jobs of one answer: the newest.
const JOBS: usize = 1_000;

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
        (&Method::GET, [""]) => Ok(page()),
        (&Method::GET, ["devices"]) => Ok(count_devices(hub).await),
        (&Method::GET, ["openapi.json"]) => Ok(json_response(StatusCode::OK, DOCUMENT)),
        (&Method::GET, ["health"]) => Ok(ok(health(hub))),
        (&Method::GET, ["clock"]) => Ok(read_clock(hub)),
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
        (&Method::GET, ["twins", id]) => read_twin(hub, id),
        (&Method::PUT, ["twins", id]) => put_device(hub, id, json()?),
        (&Method::PATCH, ["twins", id]) => patch_device(hub, id, &json()?),
        (&Method::GET, ["requests"]) => list_requests(hub),
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
            [
                "" | "openapi.json" | "health" | "clock" | "devices" | "faults" | "jobs" | "requests"
                | "throttle" | "reset",
            ]
            | ["clock", "advance"]
            | ["twins" | "jobs", _],
        ) => Err((StatusCode::METHOD_NOT_ALLOWED, format!("the route does not support {}", head.method))),
        _ => Err((StatusCode::NOT_FOUND, format!("there is no such route: see {PREFIX}openapi.json"))),
    }
}

/// Answers the page that shows the state of the hub. It loads nothing from elsewhere.
fn page() -> Response {
    const POLICY: &str = "default-src 'none'; connect-src 'self'; img-src data:; script-src 'unsafe-inline'; \
                          style-src 'unsafe-inline'; frame-ancestors 'none'";
    let mut response = response(StatusCode::OK, "text/html; charset=utf-8", PAGE);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

fn health(hub: &Hub) -> Value {
    let (devices, jobs) = {
        let schedule = hub.schedule();
        (schedule.registry().len(), schedule.job_count())
    };
    json!({
        "status": "ok",
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "hubName": hub.authorizer.host_name,
        "now": timestamp(hub.now()),
        "devices": devices,
        "jobs": jobs,
    })
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

fn throttle(hub: &Hub) -> Value {
    let [job_operations, queries] = hub.meters.available(hub.now());
    json!({ "jobOperations": job_operations, "queries": queries })
}
