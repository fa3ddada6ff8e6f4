//! The clock: read, set, paused and advanced.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::answer::{Refused, bad_request, members, ok};
use crate::dates::timestamp;
use crate::hub::Hub;
use crate::response::Response;

pub(super) fn read_clock(hub: &Hub) -> Response {
    let now = hub.now();
    ok(json!({
        "now": timestamp(now),
        "aheadSeconds": (now - hub.clock.machine_now()).as_seconds_f64(),
        "isPaused": hub.clock.is_paused(),
    }))
}

/// Sets the clock, or lets it stand still or run on, and waits until all has happened that is then due.
pub(super) async fn set_clock(hub: &Hub, body: &Value) -> Result<Response, Refused> {
    let members = members(body, &["now", "isPaused"]).map_err(bad_request)?;
    let now = members.get("now").map(parse_date).transpose()?;
    let is_paused =
        members.get("isPaused").map(|value| value.as_bool().ok_or("isPaused must be true or false"));
    let is_paused = is_paused.transpose().map_err(bad_request)?;
    if now.is_none() && is_paused.is_none() {
        return Err(bad_request("the body must have now or isPaused"));
    }
    if now.is_some_and(|now| !hub.clock.set(now)) {
        return Err(bad_request("now must be within the years 1970 to 9000"));
    }
    if let Some(is_paused) = is_paused {
        hub.clock.pause(is_paused);
    }
    hub.settle().await;
    Ok(read_clock(hub))
}

/// Advances the clock, and waits until all has happened that is then due.
pub(super) async fn advance_clock(hub: &Hub, body: &Value) -> Result<Response, Refused> {
    let seconds = members(body, &["seconds"]).map_err(bad_request)?.get("seconds").and_then(Value::as_f64);
    let seconds = seconds.filter(|seconds| *seconds >= 0.0);
    let seconds = seconds.ok_or_else(|| bad_request("seconds must be a number from 0"))?;
    if !hub.clock.advance(TimeDelta::microseconds((seconds * 1e6) as i64)) {
        return Err(bad_request("the clock must stay within the years 1970 to 9000"));
    }
    hub.settle().await;
    Ok(read_clock(hub))
}

fn parse_date(value: &Value) -> Result<DateTime<Utc>, Refused> {
    let date = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    date.map(|date| date.to_utc()).ok_or_else(|| bad_request("now must be a date of RFC 3339"))
}
