//! The body of a request that creates a job.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::fleet::{check_properties, check_tags};
use crate::limits::{
    CONNECT_TIMEOUT_SECONDS, DEFAULT_RESPONSE_TIMEOUT, JOB_ID_LENGTH, METHOD_PAYLOAD_SIZE, QUERY_LENGTH,
    RESPONSE_TIMEOUT_SECONDS,
};
use crate::service_error::ServiceError;

/// Members of a twin that a patch may carry; all but tags and properties are ignored.
const PATCH_MEMBERS: [&str; 20] = [
    "deviceId",
    "moduleId",
    "etag",
    "version",
    "tags",
    "properties",
    "deviceEtag",
    "status",
    "statusReason",
    "statusUpdateTime",
    "connectionState",
    "lastActivityTime",
    "cloudToDeviceMessageCount",
    "authenticationType",
    "x509Thumbprint",
    "capabilities",
    "configurations",
    "modelId",
    "deviceScope",
    "parentScopes",
];

/// A job as it was requested.
#[derive(Clone, Debug)]
pub(crate) struct JobRequest {
    pub(crate) id: String,
    pub(crate) work: Work,
    pub(crate) condition: String,
    pub(crate) start: Option<DateTime<Utc>>,
    pub(crate) max_execution_seconds: Option<i64>,
}

/// Work of a job on each device.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Method(Arc<Method>),
    TwinUpdate(Arc<Value>),
}

/// A direct method that a job calls.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: String,
    /// The method as it was sent.
    pub(crate) json: Value,
    pub(crate) response_timeout: Duration,
    pub(crate) connect_timeout: Duration,
}

impl Work {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Method(_) => "scheduleDeviceMethod",
            Self::TwinUpdate(_) => "scheduleUpdateTwin",
        }
    }
}

/// Parses and checks the body of `PUT /jobs/v2/{id}`.
pub(crate) fn parse_job_request(id: &str, body: &[u8]) -> Result<JobRequest, ServiceError> {
    check_id(id)?;
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
        Some("scheduleDeviceMethod") => method(&body["cloudToDeviceMethod"])?,
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
        start: start(&body["startTime"])?,
        max_execution_seconds: whole_number(
            "maxExecutionTimeInSeconds",
            &body["maxExecutionTimeInSeconds"],
            0..=i64::MAX,
        )?,
    })
}

fn invalid(reason: impl Into<String>) -> ServiceError {
    ServiceError::argument_invalid(reason)
}

fn check_id(id: &str) -> Result<(), ServiceError> {
    let is_valid = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match id.len() {
        1..=JOB_ID_LENGTH if is_valid => Ok(()),
        _ => Err(invalid(format!("The ID must have 1 to {JOB_ID_LENGTH} letters, digits and '-'"))),
    }
}

fn method(method: &Value) -> Result<Work, ServiceError> {
    let name = method["methodName"].as_str().unwrap_or_default();
    if name.is_empty() {
        return Err(invalid("cloudToDeviceMethod.methodName must not be empty"));
    }
    if method["payload"].to_string().len() > METHOD_PAYLOAD_SIZE {
        return Err(ServiceError::message_too_large(format!(
            "cloudToDeviceMethod.payload is larger than {} KB",
            METHOD_PAYLOAD_SIZE / 1024
        )));
    }
    let seconds = |name: &str, range| {
        whole_number(name, &method[name], range)
            .map(|seconds| seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs))
    };
    let response_timeout = seconds("responseTimeoutInSeconds", RESPONSE_TIMEOUT_SECONDS)?;
    let connect_timeout = seconds("connectTimeoutInSeconds", CONNECT_TIMEOUT_SECONDS)?;
    Ok(Work::Method(Arc::new(Method {
        name: name.to_owned(),
        json: method.clone(),
        response_timeout: response_timeout.unwrap_or(DEFAULT_RESPONSE_TIMEOUT),
        connect_timeout: connect_timeout.unwrap_or_default(),
    })))
}

fn twin_update(twin: &Value) -> Result<Work, ServiceError> {
    let known = |key: &String| PATCH_MEMBERS.contains(&key.as_str());
    let members = twin.as_object().ok_or_else(|| invalid("updateTwin must be an object"))?;
    if let Some(unknown) = members.keys().find(|key| !known(key)) {
        let reason = match unknown.as_str() {
            "desired" | "reported" => format!("updateTwin.{unknown} must be within updateTwin.properties"),
            _ => format!("updateTwin.{unknown} is not a member of a twin"),
        };
        return Err(invalid(reason));
    }
    let (tags, desired) = (&twin["tags"], &twin["properties"]["desired"]);
    if tags.is_null() && desired.is_null() {
        return Err(invalid("updateTwin must have tags or properties.desired"));
    }
    if !tags.is_null() {
        check_tags(tags).map_err(invalid)?;
    }
    if !desired.is_null() {
        check_properties("properties.desired", desired).map_err(invalid)?;
    }
    if twin["etag"].as_str().is_none() {
        return Err(ServiceError::precondition_failed("updateTwin must have the etag *"));
    }
    // Reported properties are the device's: a patch of them has no effect.
    let mut patch = twin.clone();
    if let Some(properties) = patch["properties"].as_object_mut() {
        properties.remove("reported");
    }
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

fn start(start: &Value) -> Result<Option<DateTime<Utc>>, ServiceError> {
    match start {
        Value::Null => Ok(None),
        Value::String(text) => match DateTime::parse_from_rfc3339(text) {
            Ok(start) => Ok(Some(start.to_utc())),
            Err(error) => Err(invalid(format!("startTime is not a date: {error}"))),
        },
        other => Err(invalid(format!("startTime is not a date: {other}"))),
    }
}

fn whole_number(name: &str, value: &Value, range: RangeInclusive<i64>) -> Result<Option<i64>, ServiceError> {
    match (value, value.as_i64()) {
        (Value::Null, _) => Ok(None),
        (_, Some(number)) if range.contains(&number) => Ok(Some(number)),
        _ => {
            let (least, most) = range.into_inner();
            Err(invalid(format!("{name} must be a whole number within [{least}; {most}], not {value}")))
        }
    }
}
