//! The body of a request that creates a job.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::behavior::{JobIds, PayloadEcho};
use crate::fleet::{check_properties, check_tags};
use crate::limits::{
    CONNECT_TIMEOUT_SECONDS, DEFAULT_MAX_EXECUTION_SECONDS, DEFAULT_RESPONSE_TIMEOUT, JOB_ID_LENGTH,
    METHOD_PAYLOAD_SIZE, QUERY_LENGTH, RESPONSE_TIMEOUT_SECONDS, START_HOURS,
};
use crate::service_error::ServiceError;

/// Members of a twin that a patch may carry; all but etag, tags and properties are ignored.
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
    pub(crate) max_execution_seconds: i64,
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

impl Method {
    /// Returns the method as a job shows it.
    pub(super) fn echo(&self, form: PayloadEcho) -> Value {
        let mut echo = self.json.clone();
        match (form, echo.get_mut("payload")) {
            (PayloadEcho::Bytes, Some(payload)) if !payload.is_null() => {
                *payload = payload.to_string().into_bytes().into();
            }
            _ => {}
        }
        echo
    }
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
    let response_timeout = response_timeout.unwrap_or(DEFAULT_RESPONSE_TIMEOUT);
    let connect_timeout = seconds("connectTimeoutInSeconds", CONNECT_TIMEOUT_SECONDS)?.unwrap_or_default();
    if connect_timeout > response_timeout {
        return Err(invalid("connectTimeoutInSeconds must not be longer than responseTimeoutInSeconds"));
    }
    let (name, json) = (name.to_owned(), method.clone());
    Ok(Work::Method(Arc::new(Method { name, json, response_timeout, connect_timeout })))
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
    if twin["etag"] != "*" {
        return Err(ServiceError::precondition_failed("updateTwin must have the etag *"));
    }
    let mut patch = json!({ "etag": "*" });
    if !tags.is_null() {
        check_tags(tags).map_err(invalid)?;
        patch["tags"] = tags.clone();
    }
    // Reported properties are the device's: a patch of them has no effect.
    if !desired.is_null() {
        check_properties("properties.desired", desired).map_err(invalid)?;
        patch["properties"] = json!({ "desired": desired });
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
