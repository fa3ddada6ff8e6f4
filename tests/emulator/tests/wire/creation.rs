//! Checks of requests by the hub.

use chrono::{TimeDelta, Utc};
use jobs_emulator::{Device, Emulator, HubBehavior, JobIds, Tier};
use serde_json::{Value, json};

use crate::support::{Caller, VERSION, method_job, quick, quick_hub, twin_job, with};

/// Name of the error for a body that creates a job.
async fn error(caller: &Caller, body: &Value) -> (u16, String) {
    let answer = caller.create("job", body).await;
    (answer.status, answer.error())
}

#[tokio::test]
async fn invalid_jobs_are_refused_in_the_hubs_words() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    let method = |value: Value| with(method_job(), json!({ "cloudToDeviceMethod": value }));
    for (body, status, name) in [
        (json!([1]), 400, "GenericBadRequest"),
        (with(method_job(), json!({ "jobId": "other" })), 400, "ArgumentInvalid"),
        (with(method_job(), json!({ "type": "import" })), 400, "ArgumentInvalid"),
        (with(method_job(), json!({ "startTime": null })), 400, "ArgumentInvalid"),
        (with(method_job(), json!({ "startTime": "soon" })), 400, "ArgumentInvalid"),
        (
            with(method_job(), json!({ "startTime": Utc::now() + TimeDelta::hours(169) })),
            400,
            "ArgumentInvalid",
        ),
        (with(method_job(), json!({ "maxExecutionTimeInSeconds": -1 })), 400, "ArgumentInvalid"),
        (with(method_job(), json!({ "queryCondition": "" })), 400, "ArgumentInvalid"),
        (with(method_job(), json!({ "queryCondition": "x".repeat(8193) })), 412, "PreconditionFailed"),
        (method(json!({ "methodName": "" })), 400, "ArgumentInvalid"),
        (method(json!({ "methodName": "m", "responseTimeoutInSeconds": 301 })), 400, "ArgumentInvalid"),
        (method(json!({ "methodName": "m", "connectTimeoutInSeconds": "1" })), 400, "ArgumentInvalid"),
        (
            method(json!({ "methodName": "m", "responseTimeoutInSeconds": 5, "connectTimeoutInSeconds": 6 })),
            400,
            "ArgumentInvalid",
        ),
        (method(json!({ "methodName": "m", "connectTimeoutInSeconds": 31 })), 400, "ArgumentInvalid"),
        (method(json!({ "methodName": "m", "payload": "x".repeat(131_072) })), 413, "MessageTooLarge"),
        (
            with(twin_job(json!({ "tags": { "a": 1 } })), json!({ "updateTwin": { "tags": { "a": 1 } } })),
            412,
            "PreconditionFailed",
        ),
        (
            json!({ "type": "scheduleUpdateTwin", "queryCondition": "*", "updateTwin": { "etag": "AAAA", "tags": {} } }),
            412,
            "PreconditionFailed",
        ),
        (twin_job(json!({ "tags": [1] })), 400, "ArgumentInvalid"),
        (twin_job(json!({ "tags": { "a": [1, null] } })), 400, "ArgumentInvalid"),
        (twin_job(json!({ "tags": { "a": 1 }, "desired": { "b": 2 } })), 400, "ArgumentInvalid"),
        (twin_job(json!({ "tags": { "a.b": 1 } })), 400, "ArgumentInvalid"),
        (twin_job(json!({ "tags": { "a": vec!["x".repeat(4000); 3] } })), 400, "ArgumentInvalid"),
        (
            twin_job(json!({ "properties": { "desired": { "n": 4_503_599_627_370_496_i64 } } })),
            400,
            "ArgumentInvalid",
        ),
    ] {
        assert_eq!(error(&caller, &body).await, (status, name.to_owned()), "{body:.200}");
    }
    assert_eq!(caller.create("job", &method_job()).await.status, 200);
}

#[tokio::test]
async fn misplaced_desired_properties_are_named() {
    let hub = quick_hub().await;
    let body = twin_job(json!({ "tags": { "a": 1 }, "desired": { "b": 2 } }));
    let reason = Caller::of(&hub).create("job", &body).await.reason();
    assert_eq!(reason, "updateTwin.desired must be within updateTwin.properties");
}

#[tokio::test]
async fn whole_twin_with_nulls_is_accepted_as_a_patch() {
    let hub = quick_hub().await;
    let patch = json!({
        "deviceId": null, "version": null, "status": null, "tags": { "a": 1 },
        "properties": { "desired": { "b": 2 }, "reported": { "c": 3 } },
    });
    let caller = Caller::of(&hub);
    assert_eq!(caller.create("job", &twin_job(patch)).await.status, 200);
    caller.wait_for("job", "completed").await;
    let twin = hub.twin("pump-1").unwrap();
    assert_eq!((&twin["tags"]["a"], &twin["properties"]["desired"]["b"]), (&json!(1), &json!(2)));
    assert_eq!(twin["properties"]["reported"]["c"], Value::Null, "reported properties are the device's");
}

#[tokio::test]
async fn empty_and_unicode_keys_are_accepted_and_null_deletes_at_any_level() {
    let tags = json!({ "a": { "gone": 1, "kept": 1.0 }, "gone": 2 });
    let hub = quick().device(Device::new("pump-1").with_tags(tags)).start().await;
    let caller = Caller::of(&hub);
    let patch = json!({ "": 0, "ä": "ö", "a": { "gone": null, "one": 1 }, "gone": null });
    caller.create("job", &twin_job(json!({ "tags": patch }))).await;
    caller.wait_for("job", "completed").await;
    let expected = json!({ "": 0, "ä": "ö", "a": { "kept": 1.0, "one": 1 } });
    assert_eq!(hub.twin("pump-1").unwrap()["tags"].to_string(), expected.to_string());
}

#[tokio::test]
async fn ids_have_lower_case_letters_digits_hyphens_and_apostrophes() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    for id in ["a".repeat(65).as_str(), "a_b", "a%20b", "%C3%A4", "a.b", "Ab"] {
        let answer = caller.create(id, &method_job()).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "ArgumentInvalid"), "{id}");
    }
    for id in ["a".repeat(64).as_str(), "0-'z"] {
        assert_eq!(caller.create(id, &method_job()).await.status, 200, "{id}");
        caller.wait_for(id, "completed").await;
    }
    let any_case = HubBehavior { job_ids: JobIds::AnyCase, ..HubBehavior::default() };
    let hub = quick().behavior(any_case).start().await;
    assert_eq!(Caller::of(&hub).create("Ab-0", &method_job()).await.status, 200);
    assert_eq!(Caller::of(&hub).create("a'b", &method_job()).await.status, 400);
}

#[tokio::test]
async fn versions_of_clients_in_use_are_accepted_or_one_only() {
    let hub = quick_hub().await;
    let strict = quick().strict_api_version("2020-09-30").start().await;
    let status = async |hub: &Emulator, query: &str| {
        let answer = Caller::of(hub).get(&format!("/jobs/v2/none{query}")).await;
        if answer.status == 400 {
            assert_eq!(answer.error(), "InvalidProtocolVersion");
        }
        answer.status
    };
    for (query, any, one) in [
        ("?api-version=2018-06-30", 200, 400),
        ("?api-version=2020-09-30", 200, 200),
        ("?api-version=2024-03-31", 200, 400),
        ("?api-version=2016-11-14", 400, 400),
        ("", 400, 400),
    ] {
        assert_eq!((status(&hub, query).await, status(&strict, query).await), (any, one), "{query}");
    }
}

#[tokio::test]
async fn unknown_resources_and_methods_are_refused() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    for (method, path, status, name) in [
        ("GET", "/jobs/v1/a", 404, "GenericNotFound"),
        ("DELETE", "/jobs/v2/a", 405, "GenericMethodNotAllowed"),
        ("TRACE", "/jobs/v2/query", 405, "GenericMethodNotAllowed"),
        ("POST", "/jobs/v2//cancel", 405, "GenericMethodNotAllowed"),
        ("GET", "/jobs/v2/%ff", 400, "GenericBadRequest"),
        ("POST", "/jobs/v2/none/cancel", 404, "JobNotFound"),
    ] {
        let answer = caller.send(method, &format!("{path}?{VERSION}"), &[], None).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, name), "{method} {path}");
    }
}

#[tokio::test]
async fn basic_tier_has_no_jobs() {
    let hub = quick().tier(Tier::B2).start().await;
    let caller = Caller::of(&hub);
    let answer = caller.create("job", &method_job()).await;
    assert_eq!((answer.status, answer.error().as_str()), (403, "OperationNotAvailableInCurrentTier"));
    assert_eq!(caller.query("SELECT * FROM devices", &[]).await.status, 200);
}

#[tokio::test]
async fn reused_id_is_a_conflict_and_one_of_64_callers_creates_the_job() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    let body = method_job();
    let answers = futures_util::future::join_all((0..64).map(|_| caller.create("job", &body))).await;
    let created = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(created, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((answer.status, answer.error().as_str()), (409, "JobAlreadyExists"));
    }
}
