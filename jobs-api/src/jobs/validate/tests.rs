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
    JobRequest::twin_update(Twin::patch().with_desired([("interval", 30)]), "*")
}

fn sent(request: &JobRequest) -> Value {
    check_request("job", request).unwrap();
    serde_json::to_value(complete_request("job", request)).unwrap()
}

#[track_caller]
fn assert_refused(request: JobRequest, field: &str, rule: &str) {
    match check_request("job", &request).unwrap_err() {
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
        .with_start_time(start)
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
    assert_refused(JobRequest { query_condition: None, ..method() }, "queryCondition", "must not be empty");
    assert_refused(condition(" \n"), "queryCondition", "must not be empty");
    assert_refused(condition(&"é".repeat(8193)), "queryCondition", "it has 8193");
    assert_refused(condition(" select * FROM devices"), "queryCondition", "the part after WHERE");
    assert_refused(condition("SELECT"), "queryCondition", "the part after WHERE");
    for text in ["*", "selected = 1", "tags.select = 1", &"é".repeat(8192)] {
        assert!(check_request("job", &condition(text)).is_ok());
    }
}

#[test]
fn method_has_a_name_a_bounded_payload_and_bounded_timeouts() {
    let call = |method| JobRequest::device_method(method, "*");
    assert_refused(call(CloudToDeviceMethod::new("")), "cloudToDeviceMethod.methodName", "must not be empty");
    assert_refused(
        call(CloudToDeviceMethod::default()),
        "cloudToDeviceMethod.methodName",
        "must not be empty",
    );
    let of_size = |size: usize| call(CloudToDeviceMethod::new("m").with_payload("x".repeat(size - 2)));
    assert!(check_request("job", &of_size(PAYLOAD_SIZE)).is_ok());
    assert_refused(of_size(PAYLOAD_SIZE + 1), "cloudToDeviceMethod.payload", "it is 131073");
    for seconds in [0, 4, 301, u64::MAX] {
        let method = CloudToDeviceMethod::new("m").with_response_timeout(Duration::from_secs(seconds));
        assert_refused(call(method), "cloudToDeviceMethod.responseTimeoutInSeconds", "5 to 300");
    }
    let both = |connect: u64, response: u64| {
        let method = CloudToDeviceMethod::new("m").with_connect_timeout(Duration::from_secs(connect));
        call(method.with_response_timeout(Duration::from_secs(response)))
    };
    assert_refused(
        both(31, 30),
        "cloudToDeviceMethod.connectTimeoutInSeconds",
        "not be longer than response",
    );
    check_request("job", &both(30, 30)).unwrap();
    for seconds in [301, u64::MAX] {
        let method = CloudToDeviceMethod::new("m").with_connect_timeout(Duration::from_secs(seconds));
        assert_refused(call(method), "cloudToDeviceMethod.connectTimeoutInSeconds", "0 to 300");
    }
}

#[test]
fn twin_patch_writes_tags_or_desired_properties() {
    let patch = |twin| JobRequest::twin_update(twin, "*");
    let reported = TwinProperties { reported: Some(Map::from_iter([("a".into(), json!(1))])), desired: None };
    for twin in [Twin::patch(), Twin { properties: Some(reported), ..Twin::patch() }] {
        assert_refused(patch(twin), "updateTwin", "must have tags or properties.desired");
    }
    assert!(check_request("job", &patch(Twin::patch().with_tags([("a", Value::Null)]))).is_ok());
}

#[test]
fn twin_patch_has_no_null_within_an_array() {
    let patch = |tags: Value| {
        JobRequest::twin_update(Twin::patch().with_tags(tags.as_object().unwrap().clone()), "*")
    };
    for tags in [
        json!({ "a": [null] }),
        json!({ "a": { "b": [1, null, 2] } }),
        json!({ "a": [[[null]]] }),
        json!({ "a": [{ "b": null }] }),
        json!({ "a": [1, { "b": { "c": null } }] }),
        json!({ "": [{ "b": [null] }] }),
    ] {
        assert_refused(patch(tags), "updateTwin.tags", "must not have null within an array");
    }
    let desired = Twin::patch().with_desired([("a", json!([null]))]);
    assert_refused(JobRequest::twin_update(desired, "*"), "updateTwin.properties.desired", "null within");
    for tags in [json!({ "a": null }), json!({ "a": { "b": null } }), json!({ "a": [] })] {
        check_request("job", &patch(tags)).unwrap();
    }
}

#[test]
fn twin_patch_has_keys_without_control_characters() {
    let patch = |tags: Value| {
        JobRequest::twin_update(Twin::patch().with_tags(tags.as_object().unwrap().clone()), "*")
    };
    for key in ["\0", "a\nb", "\u{7f}", "\u{85}"] {
        for tags in [json!({ key: 1 }), json!({ "a": { "b": { key: 1 } } }), json!({ "a": [{ key: 1 }] })] {
            assert_refused(patch(tags), "updateTwin.tags", "without control characters");
        }
    }
    for key in ["", "größe", "\u{1F980}"] {
        check_request("job", &patch(json!({ key: { key: 1 } }))).unwrap();
    }
}

#[test]
fn twin_patch_is_for_any_version() {
    for etag in ["", "\"*\"", "AAAAAAAAAAE=", "**", "*\n"] {
        let twin = Twin { etag: Some(etag.into()), ..Twin::patch().with_tags([("a", 1)]) };
        assert_refused(JobRequest::twin_update(twin, "*"), "updateTwin.etag", "must be `*`");
    }
}

#[test]
fn twin_patch_nests_at_most_10_objects() {
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({ "a": [inner] }));
    let patch = |depth| JobRequest::twin_update(Twin::patch().with_tags([("a", nested(depth))]), "*");
    assert!(check_request("job", &patch(10)).is_ok());
    assert_refused(patch(11), "updateTwin.tags", "deeper than 10");
}

#[test]
fn start_is_at_most_168_hours_ahead() {
    let now = Utc.with_ymd_and_hms(2026, 8, 15, 9, 0, 0).unwrap();
    let start = |hours, millis| {
        method()
            .with_start_time(now + chrono::TimeDelta::hours(hours) + chrono::TimeDelta::milliseconds(millis))
    };
    for request in [method(), start(-1_000_000, 0), start(0, 0), start(168, 0)] {
        check_start(&request, now).unwrap();
    }
    for request in [start(168, 1), start(1_000_000, 0)] {
        let error = check_start(&request, now).unwrap_err().to_string();
        assert_eq!(error, "not sent: startTime must be at most 168 hours ahead, by the hub's clock");
    }
}

#[test]
fn condition_has_no_control_characters() {
    for condition in ["\0", "\0\0\u{1b}", "\0 \n", "deviceId = 'a\0'", "tags.a = 1\u{7f}"] {
        let request = JobRequest::device_method(CloudToDeviceMethod::new("m"), condition);
        assert_refused(request, "queryCondition", "must not have control characters");
    }
    let request = JobRequest::device_method(CloudToDeviceMethod::new("m"), "tags.a = 1\r\n\tAND tags.b = 2");
    check_request("job", &request).unwrap();
}

#[test]
fn start_and_time_limit_are_bounded() {
    let limit = |seconds| JobRequest { max_execution_time_in_seconds: Some(seconds), ..method() };
    assert_refused(limit(-1), "maxExecutionTimeInSeconds", "must not be negative");
    assert!(check_request("job", &limit(0)).is_ok());
    for start in ["", "tomorrow", "0001-01-01T00:00:00", "9999-12-31T23:59:59Z"] {
        let request = JobRequest { start_time: Some(Timestamp::from(start)), ..method() };
        assert_refused(request, "startTime", "must be a time");
    }
}
