//! The body of a request that creates a job.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::method::{Method, whole_number};
use crate::behavior::JobIds;
use crate::fleet::read_patch;
use crate::limits::{DEFAULT_MAX_EXECUTION_SECONDS, JOB_ID_LENGTH, QUERY_LENGTH, START_HOURS};
use crate::service_error::ServiceError;

/// A job as it was requested.
#[derive(Clone, Debug)]
pub(crate) struct JobRequest {
    pub(crate) id: String,
    pub(crate) work: Work,
    pub(crate) condition: String,
    pub(crate) start: Option<DateTime<Utc>>,
    pub(crate) max_execution_seconds: i64,
}

/// Work of a job on each device.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Method(Arc<Method>),
    TwinUpdate(Arc<Value>),
}

impl Work {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Method(_) => "scheduleDeviceMethod",
            Self::TwinUpdate(_) => "scheduleUpdateTwin",
        }
    }
}

/// Parses and checks the body of `PUT /jobs/v2/{id}` at `now`.
pub(crate) fn parse_job_request(
    id: &str,
    body: &[u8],
    ids: JobIds,
    now: DateTime<Utc>,
) -> Result<JobRequest, ServiceError> {
    check_id(id, ids)?;
    let body: Value =
        serde_json::from_slice(body).map_err(|error| ServiceError::bad_request(error.to_string()))?;
    if !body.is_object() {
        return Err(ServiceError::bad_request("The body must be a JSON object"));
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
        Some("scheduleDeviceMethod") => {
            Work::Method(Arc::new(Method::parse("cloudToDeviceMethod", &body["cloudToDeviceMethod"])?))
        }
        Some("scheduleUpdateTwin") => twin_update(&body["updateTwin"])?,
        _ => {
            let found = &body["type"];
            return Err(invalid(format!(
                "type must be scheduleDeviceMethod or scheduleUpdateTwin, not {found}"
            )));
        }
    };
    Ok(JobRequest {
        id: id.to_owned(),
        work,
        condition: condition(&body["queryCondition"])?,
        start: start(&body["startTime"], now)?,
        max_execution_seconds: whole_number(
            "maxExecutionTimeInSeconds",
            &body["maxExecutionTimeInSeconds"],
            0..=i64::MAX,
        )?
        .unwrap_or(DEFAULT_MAX_EXECUTION_SECONDS),
    })
}

fn invalid(reason: impl Into<String>) -> ServiceError {
    ServiceError::argument_invalid(reason)
}

fn check_id(id: &str, ids: JobIds) -> Result<(), ServiceError> {
    let is_letter =
        |byte: u8| byte.is_ascii_lowercase() || ids == JobIds::AnyCase && byte.is_ascii_uppercase();
    let is_mark = |byte| byte == b'-' || ids == JobIds::LowerCase && byte == b'\'';
    let is_valid = id.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit() || is_mark(byte));
    let characters = match ids {
        JobIds::LowerCase => "lower-case letters, digits, - and '",
        JobIds::AnyCase => "letters, digits and -",
    };
    match id.len() {
        1..=JOB_ID_LENGTH if is_valid => Ok(()),
        _ => Err(invalid(format!("The ID must have 1 to {JOB_ID_LENGTH} {characters}"))),
    }
}

fn twin_update(twin: &Value) -> Result<Work, ServiceError> {
    let mut patch = read_patch("updateTwin", twin).map_err(invalid)?;
    if patch.as_object().is_none_or(Map::is_empty) {
        return Err(invalid("updateTwin must have tags or properties.desired"));
    }
    if twin["etag"] != "*" {
        return Err(ServiceError::precondition_failed("updateTwin must have the etag *"));
    }
    patch["etag"] = json!("*");
    Ok(Work::TwinUpdate(Arc::new(patch)))
}

fn condition(condition: &Value) -> Result<String, ServiceError> {
    let condition = condition.as_str().unwrap_or_default();
    if condition.trim().is_empty() {
        return Err(invalid("queryCondition must not be empty"));
    }
    if condition.chars().count() > QUERY_LENGTH {
        // The hub's own answer misleads in the same way.
        return Err(ServiceError::precondition_failed("Precondition failed: the etag does not match"));
    }
    Ok(condition.to_owned())
}

fn start(start: &Value, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, ServiceError> {
    let start = match start {
        Value::Null => return Ok(None),
        Value::String(text) => DateTime::parse_from_rfc3339(text)
            .map_err(|error| invalid(format!("startTime is not a date: {error}")))?
            .to_utc(),
        other => return Err(invalid(format!("startTime is not a date: {other}"))),
    };
    if start > now + TimeDelta::hours(START_HOURS) {
        return Err(invalid(format!("startTime must be within {START_HOURS} hours")));
    }
    Ok(Some(start))
}
