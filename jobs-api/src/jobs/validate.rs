//! Validation of requests by the service's rules, before anything is sent.

use std::borrow::Cow;
use std::io;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::condition::UNUSABLE;
use super::request::ANY_ETAG;
use crate::error::Error;
use crate::error::text::one_line;
use crate::generated::types::{CloudToDeviceMethod, JobRequest, JobType, Twin};
use crate::limits::{
    CONDITION_LENGTH, CONNECT_TIMEOUT, JOB_ID_LENGTH, LATEST_START, PAYLOAD_SIZE, RESPONSE_TIMEOUT,
    TWIN_DEPTH, is_job_id,
};

/// Checks the request for the job `id`.
pub(crate) fn check_request(id: &str, request: &JobRequest) -> Result<(), Error> {
    check_job_id(id)?;
    if request.job_id.as_deref().is_some_and(|own| own != id) {
        return Err(Error::invalid_request("jobId", "must equal the id under which the job is created"));
    }
    check_work(request)?;
    check_condition(request.query_condition.as_deref())?;
    if request.max_execution_time_in_seconds.is_some_and(i64::is_negative) {
        return Err(Error::invalid_request("maxExecutionTimeInSeconds", "must not be negative"));
    }
    if request.start_time.as_ref().is_some_and(|start| start.to_utc().is_none()) {
        return Err(Error::invalid_request("startTime", "must be a time between the years 2 and 9999"));
    }
    Ok(())
}

/// Checks that the job to create does not start too far ahead of the hub's time.
pub(crate) fn check_start(request: &JobRequest, hub_time: DateTime<Utc>) -> Result<(), Error> {
    let start = request.start_time.as_ref().and_then(|start| start.to_utc());
    if start.is_some_and(|start| start.signed_duration_since(hub_time) > LATEST_START) {
        let hours = LATEST_START.num_hours();
        let rule = format!("must be at most {hours} hours ahead, by the hub's clock");
        return Err(Error::invalid_request("startTime", rule));
    }
    Ok(())
}

/// Returns the request as it is sent: with the values that the service requires.
pub(crate) fn complete_request(id: &str, request: &JobRequest) -> JobRequest {
    let mut request = request.clone();
    request.job_id = Some(id.to_owned());
    request.start_time = request.start_time.map(|start| start.truncate_to_millis());
    if let Some(twin) = &mut request.update_twin {
        twin.etag.get_or_insert_with(|| ANY_ETAG.into());
    }
    request
}

/// Checks the id of a job.
pub(crate) fn check_job_id(id: &str) -> Result<(), Error> {
    if !is_job_id(id) {
        let (least, most) = (JOB_ID_LENGTH.start(), JOB_ID_LENGTH.end());
        let rule = format!("must have {least} to {most} ASCII letters, digits and `-`");
        return Err(Error::invalid_request("jobId", rule));
    }
    if id.eq_ignore_ascii_case("query") {
        let rule = "must not be `query`: that path lists jobs, so the job could never be read";
        return Err(Error::invalid_request("jobId", rule));
    }
    Ok(())
}

/// Checks that the request has the one kind of work that its type names.
fn check_work(request: &JobRequest) -> Result<(), Error> {
    let (method, twin) = (&request.cloud_to_device_method, &request.update_twin);
    let (field, rule) = match (&request.type_, method, twin) {
        (Some(JobType::ScheduleDeviceMethod), Some(method), None) => return check_method(method),
        (Some(JobType::ScheduleUpdateTwin), None, Some(twin)) => return check_twin(twin),
        (Some(JobType::ScheduleDeviceMethod), None, _) => {
            ("cloudToDeviceMethod", "is required by the type scheduleDeviceMethod")
        }
        (Some(JobType::ScheduleUpdateTwin), _, None) => {
            ("updateTwin", "is required by the type scheduleUpdateTwin")
        }
        (Some(JobType::ScheduleDeviceMethod), _, Some(_)) => {
            ("updateTwin", "must be absent beside a method: a job does one or the other")
        }
        (Some(JobType::ScheduleUpdateTwin), Some(_), _) => {
            ("cloudToDeviceMethod", "must be absent beside a twin update: a job does one or the other")
        }
        _ => ("type", "must be scheduleDeviceMethod or scheduleUpdateTwin"),
    };
    Err(Error::invalid_request(field, rule))
}

fn check_method(method: &CloudToDeviceMethod) -> Result<(), Error> {
    if method.method_name.as_deref().unwrap_or_default().trim().is_empty() {
        return Err(Error::invalid_request("cloudToDeviceMethod.methodName", "must not be empty"));
    }
    let payload_size = method.payload.as_ref().map_or(0, json_size);
    if payload_size > PAYLOAD_SIZE {
        let rule = format!("must be at most {PAYLOAD_SIZE} bytes of JSON; it is {payload_size}");
        return Err(Error::invalid_request("cloudToDeviceMethod.payload", rule));
    }
    for (field, seconds, allowed) in [
        (
            "cloudToDeviceMethod.responseTimeoutInSeconds",
            method.response_timeout_in_seconds,
            RESPONSE_TIMEOUT,
        ),
        ("cloudToDeviceMethod.connectTimeoutInSeconds", method.connect_timeout_in_seconds, CONNECT_TIMEOUT),
    ] {
        if seconds.is_some_and(|seconds| !allowed.contains(&seconds)) {
            let rule = format!("must be {} to {} seconds", allowed.start(), allowed.end());
            return Err(Error::invalid_request(field, rule));
        }
    }
    let (connect, response) = (method.connect_timeout_in_seconds, method.response_timeout_in_seconds);
    if connect.zip(response).is_some_and(|(connect, response)| connect > response) {
        let rule = "must not be longer than responseTimeoutInSeconds";
        return Err(Error::invalid_request("cloudToDeviceMethod.connectTimeoutInSeconds", rule));
    }
    Ok(())
}

/// Returns the size of a value written as JSON, without keeping the text.
fn json_size(value: &Value) -> usize {
    struct Counter(usize);

    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut counter = Counter(0);
    // Neither a JSON value nor the counter can fail to be written.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

fn check_twin(twin: &Twin) -> Result<(), Error> {
    if twin.etag.as_deref().is_some_and(|etag| etag != ANY_ETAG) {
        let rule = format!("must be `{ANY_ETAG}`: a job updates twins of any version");
        return Err(Error::invalid_request("updateTwin.etag", rule));
    }
    let desired = twin.properties.as_ref().and_then(|properties| properties.desired.as_ref());
    let collections = [("updateTwin.tags", twin.tags.as_ref()), ("updateTwin.properties.desired", desired)];
    if collections.iter().all(|(_, members)| members.is_none_or(Map::is_empty)) {
        let rule = "must have tags or properties.desired; a job writes nothing else: reported properties are the device's";
        return Err(Error::invalid_request("updateTwin", rule));
    }
    for (field, members) in collections {
        let Some(members) = members else { continue };
        if members.values().any(|value| is_deeper_than(value, TWIN_DEPTH)) {
            let rule = format!("must not nest objects deeper than {TWIN_DEPTH}");
            return Err(Error::invalid_request(field, rule));
        }
        if has_control_in_key(members) {
            let rule = "must be a JSON object without control characters in its keys";
            return Err(Error::invalid_request(field, rule));
        }
        if members.values().any(|value| has_null_in_array(value, false)) {
            return Err(Error::invalid_request(field, "must not have null within an array"));
        }
    }
    Ok(())
}

fn has_control_in_key(members: &Map<String, Value>) -> bool {
    members.iter().any(|(key, value)| {
        key.chars().any(char::is_control) || value.as_object().is_some_and(has_control_in_key)
    })
}

/// Returns true if null is within an array, as an item or deeper: the hub rejects both.
fn has_null_in_array(value: &Value, is_in_array: bool) -> bool {
    match value {
        Value::Null => is_in_array,
        Value::Array(items) => items.iter().any(|item| has_null_in_array(item, true)),
        Value::Object(members) => members.values().any(|member| has_null_in_array(member, is_in_array)),
        _ => false,
    }
}

/// Returns true if `value` nests more than `depth` objects. Recurses no further than that.
fn is_deeper_than(value: &Value, depth: usize) -> bool {
    match value {
        Value::Object(members) => {
            depth == 0 || members.values().any(|member| is_deeper_than(member, depth - 1))
        }
        Value::Array(items) => items.iter().any(|item| is_deeper_than(item, depth)),
        _ => false,
    }
}

/// Checks the condition of a job, or of a query.
pub(crate) fn check_condition(condition: Option<&str>) -> Result<(), Error> {
    let condition = condition.unwrap_or_default();
    let refuse = |rule: Cow<'static, str>| Err(Error::invalid_request("queryCondition", rule));
    if let Some(problem) = condition.strip_prefix(UNUSABLE).map(one_line).filter(|text| !text.is_empty()) {
        return refuse(format!("cannot be used: {problem}").into());
    }
    if condition.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return refuse(
            "must not have control characters, except as escapes in a string, such as `\\u001B`".into(),
        );
    }
    if condition.trim().is_empty() {
        return refuse("must not be empty; `*` selects every device".into());
    }
    let length = condition.chars().count();
    if length > CONDITION_LENGTH {
        let rule = format!(
            "must have at most {CONDITION_LENGTH} characters; it has {length}: split it into several jobs"
        );
        return refuse(rule.into());
    }
    let first_word = condition.trim_start().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
    if first_word.is_some_and(|word| word.eq_ignore_ascii_case("SELECT")) {
        return refuse("must be the part after WHERE, not a query that starts with SELECT".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
