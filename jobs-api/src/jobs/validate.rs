//! Validation of requests by the service's rules, before anything is sent.
//!
//! A rule is checked here if the hub states it clearly and a request that breaks it can only fail, or would be accepted
//! and then fail as a job. Each error names the field and the rule. What a hub may answer in more than one way, such as
//! upper case in an id, is left to it.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::request::ANY_ETAG;
use crate::error::Error;
use crate::generated::types::{CloudToDeviceMethod, JobRequest, JobType, Twin};
use crate::limits::{
    CONDITION_LENGTH, CONNECT_TIMEOUT, JOB_ID_LENGTH, LATEST_START, PAYLOAD_SIZE, RESPONSE_TIMEOUT,
    TWIN_DEPTH, is_job_id,
};

/// Returns the error of a field that breaks a rule.
macro_rules! require {
    ($is_kept:expr, $field:expr, $($rule:tt)+) => {
        if !$is_kept {
            return Err(Error::invalid_request($field, format!($($rule)+)));
        }
    };
}

/// Checks the request for the job `id`.
pub(crate) fn check_request(id: &str, request: &JobRequest) -> Result<(), Error> {
    check_job_id(id)?;
    let is_its_own = request.job_id.as_deref().is_none_or(|own| own == id);
    require!(is_its_own, "jobId", "must equal the id under which the job is created");
    check_work(request)?;
    check_condition(request.query_condition.as_deref())?;
    let limit = request.max_execution_time_in_seconds.unwrap_or_default();
    require!(limit >= 0, "maxExecutionTimeInSeconds", "must not be negative");
    let is_time = request.start_time.as_ref().is_none_or(|start| start.to_utc().is_some());
    require!(is_time, "startTime", "must be a time between the years 2 and 9999");
    Ok(())
}

/// Checks that the job to create does not start too far ahead of the hub's time.
pub(crate) fn check_start(request: &JobRequest, hub_time: DateTime<Utc>) -> Result<(), Error> {
    let start = request.start_time.as_ref().and_then(|start| start.to_utc());
    let is_near = start.is_none_or(|start| start.signed_duration_since(hub_time) <= LATEST_START);
    let hours = LATEST_START.num_hours();
    require!(is_near, "startTime", "must be at most {hours} hours ahead, by the hub's clock");
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
    let (least, most) = (JOB_ID_LENGTH.start(), JOB_ID_LENGTH.end());
    require!(is_job_id(id), "jobId", "must have {least} to {most} ASCII letters, digits and `-`");
    let is_list = id.eq_ignore_ascii_case("query");
    require!(!is_list, "jobId", "must not be `query`: that path lists jobs, so the job could never be read");
    Ok(())
}

/// Checks that the request has the one kind of work that its type names.
fn check_work(request: &JobRequest) -> Result<(), Error> {
    let (method, twin) = (request.cloud_to_device_method.as_ref(), request.update_twin.as_ref());
    match request.type_ {
        Some(JobType::ScheduleDeviceMethod) => {
            require!(method.is_some(), "cloudToDeviceMethod", "is required by the type scheduleDeviceMethod");
            require!(twin.is_none(), "updateTwin", "must be absent beside a method");
        }
        Some(JobType::ScheduleUpdateTwin) => {
            require!(twin.is_some(), "updateTwin", "is required by the type scheduleUpdateTwin");
            require!(method.is_none(), "cloudToDeviceMethod", "must be absent beside a twin update");
        }
        _ => {
            let rule = "must be scheduleDeviceMethod or scheduleUpdateTwin";
            return Err(Error::invalid_request("type", rule));
        }
    }
    method.map_or(Ok(()), check_method)?;
    twin.map_or(Ok(()), check_twin)
}

fn check_method(method: &CloudToDeviceMethod) -> Result<(), Error> {
    let name = method.method_name.as_deref().unwrap_or_default();
    require!(!name.trim().is_empty(), "cloudToDeviceMethod.methodName", "must not be empty");
    let size = method.payload.as_ref().map_or(0, |payload| payload.to_string().len());
    let field = "cloudToDeviceMethod.payload";
    require!(size <= PAYLOAD_SIZE, field, "must be at most {PAYLOAD_SIZE} bytes of JSON; it is {size}");
    let (response, connect) = (method.response_timeout_in_seconds, method.connect_timeout_in_seconds);
    let field = "cloudToDeviceMethod.connectTimeoutInSeconds";
    check_timeout("cloudToDeviceMethod.responseTimeoutInSeconds", response, RESPONSE_TIMEOUT)?;
    check_timeout(field, connect, CONNECT_TIMEOUT)?;
    let is_longer = connect.zip(response).is_some_and(|(connect, response)| connect > response);
    require!(!is_longer, field, "must not be longer than responseTimeoutInSeconds");
    Ok(())
}

fn check_timeout(field: &'static str, seconds: Option<i32>, range: RangeInclusive<i32>) -> Result<(), Error> {
    let is_allowed = seconds.is_none_or(|seconds| range.contains(&seconds));
    require!(is_allowed, field, "must be {} to {} seconds", range.start(), range.end());
    Ok(())
}

fn check_twin(twin: &Twin) -> Result<(), Error> {
    let is_any = twin.etag.as_deref().is_none_or(|etag| etag == ANY_ETAG);
    require!(is_any, "updateTwin.etag", "must be `{ANY_ETAG}`: a job updates twins of any version");
    let (tags, none) = (twin.tags.as_ref(), &Map::new());
    let desired = twin.properties.as_ref().and_then(|properties| properties.desired.as_ref());
    let (tags, desired) = (tags.unwrap_or(none), desired.unwrap_or(none));
    require!(
        !tags.is_empty() || !desired.is_empty(),
        "updateTwin",
        "must have tags or properties.desired; a job writes nothing else: reported properties are the device's"
    );
    check_members("updateTwin.tags", tags, TWIN_DEPTH, false)?;
    check_members("updateTwin.properties.desired", desired, TWIN_DEPTH, false)
}

/// Checks the members of an object of a patch, in which objects may nest this deep.
fn check_members(
    field: &'static str,
    members: &Map<String, Value>,
    depth: usize,
    is_in_array: bool,
) -> Result<(), Error> {
    let has_control = members.keys().any(|key| key.chars().any(char::is_control));
    require!(!has_control, field, "must have keys without control characters");
    members.values().try_for_each(|value| check_member(field, value, depth, is_in_array))
}

fn check_member(field: &'static str, value: &Value, depth: usize, is_in_array: bool) -> Result<(), Error> {
    match value {
        // The hub rejects it within an array, as an item or deeper.
        Value::Null => require!(!is_in_array, field, "must not have null within an array"),
        Value::Array(items) => items.iter().try_for_each(|item| check_member(field, item, depth, true))?,
        Value::Object(members) => {
            require!(depth > 0, field, "must not nest objects deeper than {TWIN_DEPTH}");
            check_members(field, members, depth - 1, is_in_array)?;
        }
        _ => {}
    }
    Ok(())
}

/// Checks the condition of a job, or of a query.
pub(crate) fn check_condition(condition: Option<&str>) -> Result<(), Error> {
    let (field, condition) = ("queryCondition", condition.unwrap_or_default());
    let has_control = condition.chars().any(|c| c.is_control() && !c.is_whitespace());
    require!(!has_control, field, "must not have control characters, except as escapes such as `\\u001B`");
    require!(!condition.trim().is_empty(), field, "must not be empty; `*` selects every device");
    let (length, most) = (condition.chars().count(), CONDITION_LENGTH);
    require!(length <= most, field, "must have at most {most} characters; it has {length}: use several jobs");
    let first_word = condition.trim_start().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
    let is_query = first_word.is_some_and(|word| word.eq_ignore_ascii_case("SELECT"));
    require!(!is_query, field, "must be the part after WHERE, not a query that starts with SELECT");
    Ok(())
}

#[cfg(test)]
mod tests;
