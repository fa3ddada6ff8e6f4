//! Validation of requests by the service's rules, before anything is sent.

use std::borrow::Cow;
use std::io;

use serde_json::{Map, Value};

use super::condition::UNUSABLE;
use super::request::ANY_ETAG;
use crate::error::Error;
use crate::generated::types::{CloudToDeviceMethod, JobRequest, JobType, Twin};
use crate::limits::{
    CONDITION_LENGTH, CONNECT_TIMEOUT, JOB_ID_LENGTH, PAYLOAD_SIZE, RESPONSE_TIMEOUT, TWIN_DEPTH,
};

/// Checks the request for the job `id` and fills in the values that the service requires.
pub(crate) fn prepare(id: &str, request: &JobRequest) -> Result<JobRequest, Error> {
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
    let mut request = request.clone();
    request.job_id = Some(id.to_owned());
    request.start_time = request.start_time.map(|start| start.truncate_to_millis());
    if let Some(twin) = &mut request.update_twin {
        twin.etag.get_or_insert_with(|| ANY_ETAG.into());
    }
    Ok(request)
}

/// Checks the id of a job.
pub(crate) fn check_job_id(id: &str) -> Result<(), Error> {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !JOB_ID_LENGTH.contains(&id.len()) || !id.chars().all(is_valid) {
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
    let desired = twin.properties.as_ref().and_then(|properties| properties.desired.as_ref());
    let collections = [("updateTwin.tags", twin.tags.as_ref()), ("updateTwin.properties.desired", desired)];
    if collections.iter().all(|(_, members)| members.is_none_or(Map::is_empty)) {
        let rule = "must have tags or properties.desired; a job writes nothing else: reported properties are the device's";
        return Err(Error::invalid_request("updateTwin", rule));
    }
    for (field, members) in collections {
        let Some(members) = members else { continue };
        if members.contains_key("") {
            return Err(Error::invalid_request(field, "must be a JSON object without an empty key"));
        }
        if members.values().any(|value| is_deeper_than(value, TWIN_DEPTH)) {
            let rule = format!("must not nest objects deeper than {TWIN_DEPTH}");
            return Err(Error::invalid_request(field, rule));
        }
    }
    Ok(())
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

fn check_condition(condition: Option<&str>) -> Result<(), Error> {
    let condition = condition.unwrap_or_default();
    let refuse = |rule: Cow<'static, str>| Err(Error::invalid_request("queryCondition", rule));
    if let Some(problem) = condition.strip_prefix(UNUSABLE) {
        return refuse(format!("cannot be used: {problem}").into());
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
mod tests {
    use std::time::Duration;

    use chrono::{TimeZone as _, Utc};
    use serde_json::json;

    use super::*;
    use crate::generated::types::TwinProperties;
    use crate::runtime::Timestamp;

    fn method() -> JobRequest {
        JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "*")
    }

    fn twin() -> JobRequest {
        JobRequest::twin_update(Twin::patch().with_desired(json!({ "interval": 30 })), "*")
    }

    fn sent(request: &JobRequest) -> Value {
        serde_json::to_value(prepare("job", request).unwrap()).unwrap()
    }

    #[track_caller]
    fn assert_refused(request: JobRequest, field: &str, rule: &str) {
        match prepare("job", &request).unwrap_err() {
            Error::InvalidRequest { field: f, rule: r, .. } => {
                assert_eq!(f, field);
                assert!(r.contains(rule), "{r}");
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn request_has_the_members_that_were_set_and_no_null() {
        let start =
            Utc.with_ymd_and_hms(2022, 5, 4, 15, 53, 0).unwrap() + chrono::TimeDelta::microseconds(77_999);
        let call = CloudToDeviceMethod::new("reboot")
            .with_payload(json!({ "delay": 5, "reason": null }))
            .with_response_timeout(Duration::from_millis(29_001))
            .with_connect_timeout(Duration::ZERO);
        let request = JobRequest::device_method(call, "tags.building = '43'")
            .starting_at(start)
            .with_max_execution_time(Duration::from_secs(3600));
        assert_eq!(
            sent(&request),
            json!({
                "jobId": "job",
                "type": "scheduleDeviceMethod",
                "cloudToDeviceMethod": {
                    "methodName": "reboot",
                    "payload": { "delay": 5, "reason": null },
                    "responseTimeoutInSeconds": 30,
                    "connectTimeoutInSeconds": 0,
                },
                "queryCondition": "tags.building = '43'",
                "startTime": "2022-05-04T15:53:00.077Z",
                "maxExecutionTimeInSeconds": 3600,
            })
        );
        assert_eq!(
            sent(&method()),
            json!({
                "jobId": "job",
                "type": "scheduleDeviceMethod",
                "cloudToDeviceMethod": { "methodName": "reboot" },
                "queryCondition": "*",
            })
        );
    }

    #[test]
    fn twin_update_is_sent_with_an_etag() {
        let expected = json!({
            "jobId": "job",
            "type": "scheduleUpdateTwin",
            "updateTwin": { "etag": "*", "properties": { "desired": { "interval": 30 } } },
            "queryCondition": "*",
        });
        let mut without_etag = twin();
        without_etag.update_twin.as_mut().unwrap().etag = None;
        assert_eq!(sent(&twin()), expected);
        assert_eq!(sent(&without_etag), expected);
    }

    #[test]
    fn payload_may_be_any_json() {
        for payload in [json!(null), json!(0), json!(false), json!(""), json!([1, "a"])] {
            let request =
                JobRequest::device_method(CloudToDeviceMethod::new("m").with_payload(payload.clone()), "*");
            assert_eq!(sent(&request)["cloudToDeviceMethod"].get("payload"), Some(&payload));
        }
    }

    #[test]
    fn job_id_has_1_to_64_letters_digits_and_hyphens() {
        for id in ["a", "Reboot-43", "-", &"x".repeat(64)] {
            assert!(check_job_id(id).is_ok(), "{id}");
        }
        for id in ["", " ", "a b", "a/b", "a_b", "é", "..", "a?b", "query", "Query", &"x".repeat(65)] {
            assert!(check_job_id(id).is_err(), "{id}");
        }
    }

    #[test]
    fn job_id_of_the_body_must_equal_that_of_the_path() {
        let own = JobRequest { job_id: Some("job".into()), ..method() };
        assert_eq!(sent(&own)["jobId"], "job");
        assert_refused(JobRequest { job_id: Some("other".into()), ..method() }, "jobId", "must equal");
    }

    #[test]
    fn type_must_match_the_work() {
        let type_ = |type_| JobRequest { type_, ..method() };
        assert_refused(type_(None), "type", "must be scheduleDeviceMethod or");
        assert_refused(type_(Some(JobType::Export)), "type", "must be scheduleDeviceMethod or");
        assert_refused(type_(Some(JobType::ScheduleUpdateTwin)), "updateTwin", "is required");
        assert_refused(
            JobRequest { cloud_to_device_method: None, ..method() },
            "cloudToDeviceMethod",
            "is required",
        );
        assert_refused(
            JobRequest { update_twin: Some(Twin::patch()), ..method() },
            "updateTwin",
            "beside a method",
        );
        let both = JobRequest { cloud_to_device_method: Some(CloudToDeviceMethod::new("m")), ..twin() };
        assert_refused(both, "cloudToDeviceMethod", "beside a twin");
    }

    #[test]
    fn condition_is_a_where_clause_of_at_most_8192_characters() {
        let condition = |text: &str| JobRequest { query_condition: Some(text.into()), ..method() };
        assert_refused(
            JobRequest { query_condition: None, ..method() },
            "queryCondition",
            "must not be empty",
        );
        assert_refused(condition(" \n"), "queryCondition", "must not be empty");
        assert_refused(condition(&"é".repeat(8193)), "queryCondition", "it has 8193");
        assert_refused(condition(" select * FROM devices"), "queryCondition", "the part after WHERE");
        assert_refused(condition("SELECT"), "queryCondition", "the part after WHERE");
        for text in ["*", "selected = 1", "tags.select = 1", &"é".repeat(8192)] {
            assert!(prepare("job", &condition(text)).is_ok());
        }
    }

    #[test]
    fn method_has_a_name_a_bounded_payload_and_bounded_timeouts() {
        let call = |method| JobRequest::device_method(method, "*");
        assert_refused(
            call(CloudToDeviceMethod::new("")),
            "cloudToDeviceMethod.methodName",
            "must not be empty",
        );
        assert_refused(
            call(CloudToDeviceMethod::default()),
            "cloudToDeviceMethod.methodName",
            "must not be empty",
        );
        let of_size = |size: usize| call(CloudToDeviceMethod::new("m").with_payload("x".repeat(size - 2)));
        assert!(prepare("job", &of_size(PAYLOAD_SIZE)).is_ok());
        assert_refused(of_size(PAYLOAD_SIZE + 1), "cloudToDeviceMethod.payload", "it is 131073");
        for seconds in [0, 4, 301, u64::MAX] {
            let method = CloudToDeviceMethod::new("m").with_response_timeout(Duration::from_secs(seconds));
            assert_refused(call(method), "cloudToDeviceMethod.responseTimeoutInSeconds", "5 to 300");
        }
        for seconds in [301, u64::MAX] {
            let method = CloudToDeviceMethod::new("m").with_connect_timeout(Duration::from_secs(seconds));
            assert_refused(call(method), "cloudToDeviceMethod.connectTimeoutInSeconds", "0 to 300");
        }
    }

    #[test]
    fn twin_patch_writes_tags_or_desired_properties() {
        let patch = |twin| JobRequest::twin_update(twin, "*");
        let reported =
            TwinProperties { reported: Some(Map::from_iter([("a".into(), json!(1))])), desired: None };
        for twin in [Twin::patch(), Twin { properties: Some(reported), ..Twin::patch() }] {
            assert_refused(patch(twin), "updateTwin", "must have tags or properties.desired");
        }
        assert!(prepare("job", &patch(Twin::patch().with_tags(json!({ "a": null })))).is_ok());
        assert_refused(
            patch(Twin::patch().with_desired(7)),
            "updateTwin.properties.desired",
            "a JSON object",
        );
        assert_refused(patch(Twin::patch().with_tags("a")), "updateTwin.tags", "a JSON object");
    }

    #[test]
    fn twin_patch_nests_at_most_10_objects() {
        let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({ "a": [inner] }));
        let patch =
            |depth| JobRequest::twin_update(Twin::patch().with_tags(json!({ "a": nested(depth) })), "*");
        assert!(prepare("job", &patch(10)).is_ok());
        assert_refused(patch(11), "updateTwin.tags", "deeper than 10");
    }

    #[test]
    fn start_and_time_limit_are_bounded() {
        let limit = |seconds| JobRequest { max_execution_time_in_seconds: Some(seconds), ..method() };
        assert_refused(limit(-1), "maxExecutionTimeInSeconds", "must not be negative");
        assert!(prepare("job", &limit(0)).is_ok());
        for start in ["", "tomorrow", "0001-01-01T00:00:00", "9999-12-31T23:59:59Z"] {
            let request = JobRequest { start_time: Some(Timestamp::from(start)), ..method() };
            assert_refused(request, "startTime", "must be a time");
        }
    }
}
