use serde_json::{Value, json};

use super::*;

const SENT: &str = "2022-05-04T16:00:00Z";

fn request() -> Value {
    json!({
        "jobId": "job",
        "type": "scheduleDeviceMethod",
        "cloudToDeviceMethod": { "methodName": "reboot", "payload": { "delay": 5 } },
        "queryCondition": "*",
        "startTime": "2022-05-04T17:00:00.077Z",
    })
}

/// Returns the request as the hub keeps it, created a second after it was sent.
fn found() -> Value {
    with(&with(&request(), "status", json!("queued")), "createdTime", json!("2022-05-04T16:00:01Z"))
}

fn with(base: &Value, member: &str, value: Value) -> Value {
    let mut changed = base.clone();
    changed[member] = value;
    changed
}

/// Returns the job with a payload that cannot be compared.
fn unclear(job: &Value) -> Value {
    with(job, "cloudToDeviceMethod", json!({ "methodName": "reboot", "payload": "?" }))
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn create(job: &Value, sent: Option<&str>) -> String {
    let sent = sent.and_then(|sent| Timestamp::from(sent).to_utc());
    name(conclude_create("job", &read(&request()), read(job), sent))
}

fn ensure(job: &Value) -> String {
    name(conclude_ensure("job", &read(&request()), read(job)))
}

fn cancel(job: &Value) -> String {
    name(conclude_cancel("job", read(job)))
}

fn name(conclusion: Option<Conclusion<JobResponse>>) -> String {
    match conclusion {
        None => "none yet".into(),
        Some(Conclusion::Applied(_)) => "applied".into(),
        Some(Conclusion::NotApplied) => "not applied".into(),
        Some(Conclusion::Unknown) => "unknown".into(),
        Some(Conclusion::Refused(error)) => error.to_string(),
    }
}

#[test]
fn requested_job_created_after_the_first_attempt_is_its_own() {
    assert_eq!(create(&found(), Some(SENT)), "applied");
    assert_eq!(create(&unclear(&found()), Some(SENT)), "unknown");
    assert_eq!(create(&with(&found(), "queryCondition", json!("deviceId = 'a'")), Some(SENT)), "not applied");
}

#[test]
fn job_created_before_the_first_attempt_is_another() {
    let created = |time: &str| with(&found(), "createdTime", json!(time));
    assert_eq!(create(&created(SENT), Some(SENT)), "applied");
    assert_eq!(create(&created("2022-05-04T15:59:54.999Z"), Some(SENT)), "not applied");
    assert_eq!(create(&unclear(&created("2022-05-04T15:59:54.999Z")), Some(SENT)), "not applied");
}

#[test]
fn outcome_is_unknown_if_the_clocks_of_the_hub_may_be_apart() {
    for time in ["2022-05-04T15:59:55Z", "2022-05-04T15:59:59.999Z"] {
        assert_eq!(create(&with(&found(), "createdTime", json!(time)), Some(SENT)), "unknown");
    }
}

#[test]
fn answer_that_does_not_show_the_job_is_no_evidence() {
    for job in [
        json!({}),
        json!({ "jobId": "job", "type": "unknown", "status": "unknown" }),
        with(&found(), "status", Value::Null),
        with(&found(), "jobId", json!("other")),
        with(&found(), "jobId", Value::Null),
    ] {
        assert_eq!(create(&job, Some(SENT)), "none yet", "{job}");
        assert_eq!(ensure(&job), "none yet", "{job}");
        assert_eq!(cancel(&job), "none yet", "{job}");
    }
}

#[test]
fn creation_is_not_settled_without_a_time_to_compare() {
    assert_eq!(create(&found(), None), "none yet");
    assert_eq!(create(&with(&found(), "createdTime", Value::Null), Some(SENT)), "none yet");
}

#[test]
fn ensured_job_is_the_one_requested_whenever_it_was_created() {
    assert_eq!(ensure(&with(&found(), "createdTime", json!("2022-04-01T00:00:00Z"))), "applied");
    assert_eq!(
        ensure(&with(&found(), "queryCondition", json!("deviceId = 'a'"))),
        "a job with the id job exists and differs in queryCondition; hint: choose another id"
    );
    assert_eq!(
        ensure(&unclear(&found())),
        "a job with the id job exists and cannot be compared by cloudToDeviceMethod; the outcome is unknown: read \
         the job before you repeat the call"
    );
    assert_eq!(ensure(&with(&unclear(&found()), "createdTime", Value::Null)), "none yet");
}

#[test]
fn cancel_is_settled_by_a_status_that_does_not_change() {
    for (status, conclusion) in [
        ("cancelled", "applied"),
        ("canceled", "applied"),
        ("running", "not applied"),
        ("completed", "not applied"),
        ("failed", "not applied"),
        ("queued", "none yet"),
        ("scheduled", "none yet"),
        ("enqueued", "none yet"),
        ("notListed", "none yet"),
    ] {
        assert_eq!(cancel(&json!({ "jobId": "job", "status": status })), conclusion, "{status}");
    }
}
