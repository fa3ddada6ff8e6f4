use serde_json::json;

use super::*;

fn request() -> Value {
    json!({
        "jobId": "job",
        "type": "scheduleDeviceMethod",
        "cloudToDeviceMethod": { "methodName": "reboot", "payload": { "delay": 5, "name": "é" } },
        "queryCondition": "*",
        "startTime": "2022-05-04T17:00:00.077Z",
        "maxExecutionTimeInSeconds": 60,
    })
}

fn patch() -> Value {
    let patch = json!({ "etag": "*", "tags": { "a": null, "b": { "c": [1, 2] } } });
    json!({ "jobId": "job", "type": "scheduleUpdateTwin", "queryCondition": "*", "updateTwin": patch })
}

/// Returns the request as the hub keeps it.
fn kept(request: &Value) -> Value {
    with(request, "/createdTime", json!("2022-05-04T16:00:01Z"))
}

fn with(base: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = base.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    changed.pointer_mut(parent).unwrap()[name] = value;
    changed
}

fn likeness(verdict: Verdict, members: &[&'static str]) -> Likeness {
    Likeness { verdict, members: members.to_vec() }
}

fn compare_json(job: &Value, request: &Value) -> Likeness {
    compare(&serde_json::from_value(job.clone()).unwrap(), &serde_json::from_value(request.clone()).unwrap())
}

#[track_caller]
fn assert_each(request: &Value, expected: impl Fn(&'static str) -> Likeness, changes: &[(&str, Value)]) {
    for (pointer, value) in changes {
        let likeness = compare_json(&with(&kept(request), pointer, value.clone()), request);
        let members = ["type", "queryCondition", "cloudToDeviceMethod", "updateTwin", "startTime"];
        let member = members.into_iter().find(|member| pointer[1..].starts_with(member));
        assert_eq!(likeness, expected(member.unwrap_or("maxExecutionTimeInSeconds")), "{pointer} {value}");
    }
}

#[test]
fn job_in_another_form_is_the_same() {
    let bytes: Vec<u8> = r#"{"name": "é", "delay": 5.0}"#.into();
    assert_each(
        &request(),
        |_| likeness(Same, &[]),
        &[
            ("/startTime", json!("2022-05-04T17:00:00.0770000Z")),
            ("/startTime", json!("2022-05-04T19:00:00+02:00")),
            ("/cloudToDeviceMethod/responseTimeoutInSeconds", json!(30)),
            ("/cloudToDeviceMethod/connectTimeoutInSeconds", json!(0)),
            ("/cloudToDeviceMethod/payload", json!({ "name": "é", "delay": 5.0 })),
            ("/cloudToDeviceMethod/payload", json!(BASE64.encode(&bytes))),
            ("/cloudToDeviceMethod/payload", json!(r#"{"delay":5,"name":"é"}"#)),
            ("/cloudToDeviceMethod/payload", json!(bytes)),
            ("/updateTwin", json!({ "deviceId": null })),
        ],
    );
}

#[test]
fn job_that_differs_in_what_a_hub_keeps_is_another() {
    assert_each(
        &request(),
        |member| likeness(Differs, &[member]),
        &[
            ("/type", json!("scheduleUpdateTwin")),
            ("/queryCondition", json!("deviceId = 'a'")),
            ("/startTime", json!("2022-05-04T17:00:00.078Z")),
            ("/maxExecutionTimeInSeconds", json!(61)),
            ("/cloudToDeviceMethod/methodName", json!("Reboot")),
        ],
    );
    let request = with(&request(), "/cloudToDeviceMethod/responseTimeoutInSeconds", json!(60));
    let other = ("/cloudToDeviceMethod/responseTimeoutInSeconds", json!(61));
    assert_each(&request, |member| likeness(Differs, &[member]), &[other]);
}

#[test]
fn job_that_a_hub_shows_in_part_is_not_certain() {
    assert_each(
        &request(),
        |member| likeness(Unclear, &[member]),
        &[
            ("/type", Value::Null),
            ("/queryCondition", Value::Null),
            ("/startTime", Value::Null),
            ("/startTime", json!("9999-12-31T23:59:59Z")),
            ("/maxExecutionTimeInSeconds", Value::Null),
            ("/cloudToDeviceMethod", Value::Null),
            ("/cloudToDeviceMethod/methodName", Value::Null),
            ("/cloudToDeviceMethod/responseTimeoutInSeconds", json!(31)),
            ("/cloudToDeviceMethod/connectTimeoutInSeconds", json!(1)),
        ],
    );
}

#[test]
fn payload_never_makes_a_job_another_one() {
    for payload in [Value::Null, json!({ "delay": 6 }), json!([1, 2]), json!([300]), json!("gibberish")] {
        let change = ("/cloudToDeviceMethod/payload", payload);
        assert_each(&request(), |member| likeness(Unclear, &[member]), &[change]);
    }
    let none = with(&request(), "/cloudToDeviceMethod/payload", Value::Null);
    assert_eq!(compare_json(&kept(&none), &none), likeness(Same, &[]));
}

#[test]
fn start_is_compared_by_what_was_asked_for() {
    let starting = |start: Value| with(&request(), "/startTime", start);
    let shown = |start: &str| with(&kept(&request()), "/startTime", json!(start));
    let differs = likeness(Differs, &["startTime"]);
    let unclear = likeness(Unclear, &["startTime"]);
    let (at_once, later) = ("2022-05-04T16:00:01.5Z", "2022-05-04T17:00:00Z");
    for (requested, start, likeness) in [
        (Value::Null, at_once, &likeness(Same, &[])),
        (Value::Null, later, &differs),
        // The hub may date a start that has passed by when it started the job.
        (json!("2022-05-04T15:00:00Z"), at_once, &unclear),
        (json!("2022-05-04T15:00:00Z"), "2022-05-04T15:00:00Z", &likeness(Same, &[])),
        (json!("2022-05-04T15:00:00Z"), later, &differs),
    ] {
        assert_eq!(
            compare_json(&shown(start), &starting(requested.clone())),
            *likeness,
            "{requested} {start}"
        );
    }
    let undated = with(&shown(at_once), "/createdTime", Value::Null);
    assert_eq!(compare_json(&undated, &request()), unclear);
    assert_eq!(compare_json(&undated, &starting(Value::Null)), unclear);
    assert_eq!(
        compare_json(&with(&undated, "/startTime", Value::Null), &starting(Value::Null)),
        likeness(Same, &[])
    );
}

#[test]
fn time_limit_that_was_not_sent_is_the_hubs() {
    let unlimited = with(&request(), "/maxExecutionTimeInSeconds", Value::Null);
    let shown = |limit: i64| with(&kept(&unlimited), "/maxExecutionTimeInSeconds", json!(limit));
    assert_eq!(compare_json(&shown(3600), &unlimited), likeness(Same, &[]));
    let unclear = likeness(Unclear, &["maxExecutionTimeInSeconds"]);
    assert_eq!(compare_json(&shown(60), &unlimited), unclear);
}

#[test]
fn twin_patch_is_compared_by_what_it_writes() {
    assert_each(
        &patch(),
        |_| likeness(Same, &[]),
        &[
            ("/updateTwin/deviceId", Value::Null),
            ("/updateTwin/version", json!(7)),
            ("/updateTwin/properties", json!({ "desired": { "$version": 4 }, "reported": { "a": 1 } })),
            ("/updateTwin/tags", json!({ "b": { "c": [1.0, 2] }, "a": null })),
        ],
    );
    assert_each(
        &patch(),
        |member| likeness(Differs, &[member]),
        &[
            ("/updateTwin/tags", json!({ "a": 1, "b": { "c": [1, 2] } })),
            ("/updateTwin/tags", json!({ "a": null, "b": { "c": [2, 1] } })),
            ("/updateTwin/tags", json!({ "a": null })),
            ("/updateTwin/properties", json!({ "desired": { "a": 1 } })),
        ],
    );
    // A hub that leaves nulls out, or fills them in.
    assert_each(
        &patch(),
        |member| likeness(Unclear, &[member]),
        &[
            ("/updateTwin/tags", json!({ "b": { "c": [1, 2] } })),
            ("/updateTwin/properties", json!({ "desired": { "a": null } })),
            ("/updateTwin", Value::Null),
            ("/updateTwin", json!({ "deviceId": null, "etag": "*", "tags": null })),
        ],
    );
}

#[test]
fn large_integers_are_not_rounded() {
    assert_eq!(compare_values(&json!(9007199254740993_i64), &json!(9007199254740992_i64)), Differs);
    assert_eq!(compare_values(&json!(-1), &json!(-1.0)), Same);
}
