//! What the hub checks in a request that creates a job.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::job::{Definition, Work};
use crate::refusal::Refusal;

const JOB_ID_LENGTH: usize = 64;
const CONDITION_LENGTH: usize = 8192;
const PAYLOAD_SIZE: usize = 128 * 1024;
const TWIN_DEPTH: usize = 10;

/// Reads and checks the body of `PUT /jobs/v2/{id}`.
pub(crate) fn read(id: &str, body: &[u8]) -> Result<Definition, Refusal> {
    check_id(id)?;
    let body: Value =
        serde_json::from_slice(body).map_err(|error| Refusal::bad_request(error.to_string()))?;
    if !body.is_object() {
        return Err(Refusal::bad_request("The body must be a JSON object"));
    }
    if body.get("jobId").is_some_and(|own| own != id) {
        return Err(invalid("jobId must be the ID in the path"));
    }
    for name in ["startTime", "maxExecutionTimeInSeconds"] {
        if body.get(name).is_some_and(Value::is_null) {
            return Err(invalid(format!("{name} must not be null")));
        }
    }
    let work = match body["type"].as_str() {
        Some("scheduleDeviceMethod") => method(&body["cloudToDeviceMethod"])?,
        Some("scheduleUpdateTwin") => twin_update(&body["updateTwin"])?,
        _ => return Err(invalid(format!("type must be a type of scheduled job, not {}", body["type"]))),
    };
    Ok(Definition {
        id: id.to_owned(),
        work,
        condition: condition(&body["queryCondition"])?,
        start: start(&body["startTime"])?,
        max_execution_seconds: whole_number(&body["maxExecutionTimeInSeconds"], 0..=i64::MAX)?,
    })
}

fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal::argument_invalid(reason)
}

fn check_id(id: &str) -> Result<(), Refusal> {
    let is_valid = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match id.len() {
        1..=JOB_ID_LENGTH if is_valid => Ok(()),
        _ => Err(invalid("The ID must have 1 to 64 letters, digits and '-'")),
    }
}

fn method(method: &Value) -> Result<Work, Refusal> {
    if method["methodName"].as_str().unwrap_or_default().is_empty() {
        return Err(invalid("cloudToDeviceMethod.methodName must not be empty"));
    }
    if method["payload"].to_string().len() > PAYLOAD_SIZE {
        return Err(Refusal::message_too_large("cloudToDeviceMethod.payload is larger than 128 KB"));
    }
    whole_number(&method["responseTimeoutInSeconds"], 5..=300)?;
    whole_number(&method["connectTimeoutInSeconds"], 0..=300)?;
    Ok(Work::Method(method.clone()))
}

fn twin_update(twin: &Value) -> Result<Work, Refusal> {
    let collections = [&twin["tags"], &twin["properties"]["desired"]];
    if collections.iter().all(|collection| collection.is_null()) {
        return Err(invalid("updateTwin must have tags or properties.desired"));
    }
    for collection in collections {
        // The collection itself is not counted.
        if !(collection.is_object() || collection.is_null()) || depth(collection) > TWIN_DEPTH + 1 {
            return Err(invalid("tags and properties.desired must be objects of at most 10 levels"));
        }
    }
    match twin["etag"].as_str() {
        Some(_) => Ok(Work::TwinUpdate(twin.clone())),
        None => Err(Refusal::precondition_failed("updateTwin must have the etag *")),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Value::Array(items) => items.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn condition(condition: &Value) -> Result<String, Refusal> {
    let condition = condition.as_str().unwrap_or_default();
    if condition.trim().is_empty() {
        return Err(invalid("queryCondition must not be empty"));
    }
    if condition.chars().count() > CONDITION_LENGTH {
        // The hub's own answer misleads in the same way.
        return Err(Refusal::precondition_failed("Precondition failed: the etag does not match"));
    }
    Ok(condition.to_owned())
}

fn start(start: &Value) -> Result<Option<DateTime<Utc>>, Refusal> {
    match start {
        Value::Null => Ok(None),
        Value::String(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(start) => Ok(Some(start.to_utc())),
            Err(error) => Err(invalid(format!("startTime is no date: {error}"))),
        },
        other => Err(invalid(format!("startTime is no date: {other}"))),
    }
}

fn whole_number(value: &Value, range: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
    match (value, value.as_i64()) {
        (Value::Null, _) => Ok(None),
        (_, Some(number)) if range.contains(&number) => Ok(Some(number)),
        _ => Err(invalid(format!(
            "{value} must be a whole number within [{}; {}]",
            range.start(),
            range.end()
        ))),
    }
}
