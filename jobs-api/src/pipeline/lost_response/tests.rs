use serde_json::json;

use super::*;

const SENT: &str = "2022-05-04T16:00:00Z";

fn request() -> Value {
    json!({
        "jobId": "job",
        "type": "scheduleDeviceMethod",
        "cloudToDeviceMethod": { "methodName": "reboot", "payload": { "delay": 5 } },
        "queryCondition": "*",
        "startTime": "2022-05-04T17:00:00.077Z",
        "maxExecutionTimeInSeconds": 60,
    })
}

/// The request as the hub keeps it, created a second after it was sent.
fn found() -> Value {
    with(&request(), "/createdTime", json!("2022-05-04T16:00:01Z"))
}

fn with(base: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = base.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    changed.pointer_mut(parent).unwrap()[name] = value;
    changed
}

fn resolve(job: &Value, request: &Value, sent: Option<&str>) -> &'static str {
    let request = serde_json::from_value(request.clone()).unwrap();
    let sent = sent.and_then(|sent| Timestamp::from(sent).to_utc());
    name(&Change::Create(&request).resolve("job", serde_json::from_value(job.clone()).unwrap(), sent, true))
}

fn resolve_cancel(status: &str, may_be_pending: bool) -> &'static str {
    let job = serde_json::from_value(json!({ "jobId": "job", "status": status })).unwrap();
    name(&Change::Cancel.resolve("job", job, None, may_be_pending))
}

fn name(resolution: &Resolution) -> &'static str {
    match resolution {
        Resolution::Applied(_) => "applied",
        Resolution::NotApplied => "not applied",
        Resolution::Unknown => "unknown",
    }
}

#[test]
fn job_with_values_of_the_hub_is_the_requested_one() {
    let found = with(&found(), "/startTime", json!("2022-05-04T17:00:00.0770000Z"));
    let found = with(&found, "/cloudToDeviceMethod/responseTimeoutInSeconds", json!(30));
    let found = with(&found, "/cloudToDeviceMethod/connectTimeoutInSeconds", json!(0));
    let found = with(&found, "/status", json!("running"));
    assert_eq!(resolve(&found, &request(), Some(SENT)), "applied");
}

#[test]
fn job_that_differs_in_anything_sent_is_another() {
    for (pointer, value) in [
        ("/type", json!("scheduleUpdateTwin")),
        ("/queryCondition", json!("deviceId = 'a'")),
        ("/startTime", json!("2022-05-04T17:00:00.078Z")),
        ("/startTime", Value::Null),
        ("/maxExecutionTimeInSeconds", json!(61)),
        ("/cloudToDeviceMethod", Value::Null),
        ("/cloudToDeviceMethod/methodName", json!("Reboot")),
        ("/cloudToDeviceMethod/payload", Value::Null),
        ("/cloudToDeviceMethod/responseTimeoutInSeconds", json!(31)),
        ("/cloudToDeviceMethod/connectTimeoutInSeconds", json!(1)),
        ("/updateTwin", json!({ "tags": { "a": 1 } })),
    ] {
        assert_eq!(
            resolve(&with(&found(), pointer, value), &request(), Some(SENT)),
            "not applied",
            "{pointer}"
        );
    }
}

#[test]
fn job_created_before_the_first_attempt_is_another() {
    let created = |time: &str| with(&found(), "/createdTime", json!(time));
    assert_eq!(resolve(&created(SENT), &request(), Some(SENT)), "applied");
    assert_eq!(resolve(&created("2022-05-04T15:59:54.999Z"), &request(), Some(SENT)), "not applied");
}

#[test]
fn outcome_is_unknown_if_the_clocks_of_the_hub_may_be_apart() {
    for time in ["2022-05-04T15:59:55Z", "2022-05-04T15:59:59.999Z"] {
        let slightly_earlier = with(&found(), "/createdTime", json!(time));
        assert_eq!(resolve(&slightly_earlier, &request(), Some(SENT)), "unknown");
    }
}

#[test]
fn answer_that_is_not_about_the_job_is_inconclusive() {
    for job in [json!({}), with(&found(), "/jobId", json!("other"))] {
        assert_eq!(resolve(&job, &request(), Some(SENT)), "unknown");
        let job = serde_json::from_value(job).unwrap();
        assert_eq!(name(&Change::Cancel.resolve("job", job, None, false)), "unknown");
    }
}

#[test]
fn outcome_is_unknown_without_a_time_to_compare() {
    assert_eq!(resolve(&found(), &request(), None), "unknown");
    let undated = with(&found(), "/createdTime", Value::Null);
    assert_eq!(resolve(&undated, &request(), Some(SENT)), "unknown");
}

#[test]
fn job_scheduled_for_later_is_not_one_requested_for_now() {
    let request = with(&request(), "/startTime", Value::Null);
    let immediate = with(&found(), "/startTime", json!("2022-05-04T16:00:01.5Z"));
    assert_eq!(resolve(&immediate, &request, Some(SENT)), "applied");
    assert_eq!(resolve(&found(), &request, Some(SENT)), "not applied");
}

#[test]
fn twin_patch_is_compared_by_what_it_writes() {
    let patch = json!({ "etag": "*", "tags": { "a": null } });
    let sent =
        json!({ "jobId": "job", "type": "scheduleUpdateTwin", "queryCondition": "*", "updateTwin": patch });
    let found = with(&sent, "/updateTwin/deviceId", Value::Null);
    let found = with(&found, "/updateTwin/properties", json!({ "desired": {} }));
    let found = with(&found, "/createdTime", json!(SENT));
    assert_eq!(resolve(&found, &sent, Some(SENT)), "applied");
    for (pointer, value) in [
        ("/updateTwin/tags", json!({ "a": 1 })),
        ("/updateTwin/properties", json!({ "desired": { "a": 1 } })),
    ] {
        assert_eq!(resolve(&with(&found, pointer, value), &sent, Some(SENT)), "not applied");
    }
}

#[test]
fn cancel_is_resolved_by_the_status() {
    for status in ["cancelled", "canceled"] {
        assert_eq!(resolve_cancel(status, true), "applied");
    }
    for status in ["running", "completed", "failed"] {
        assert_eq!(resolve_cancel(status, true), "not applied");
    }
    for status in ["queued", "scheduled", "enqueued", "paused"] {
        assert_eq!(resolve_cancel(status, true), "unknown");
        assert_eq!(resolve_cancel(status, false), "not applied");
    }
}

#[test]
fn missing_job_is_conclusive_once_every_attempt_was_answered() {
    assert_eq!(name(&resolve_missing(true)), "unknown");
    assert_eq!(name(&resolve_missing(false)), "not applied");
}
