//! What reading a job shows.

use std::time::Duration;

use jobs_emulator::{Device, Emulator, HubBehavior, OpenEnd, Pace, PayloadEcho, UnknownJob};
use serde_json::{Value, json};

use crate::support::{Caller, VERSION, method_job, quick, quick_hub, time, twin_job, with};

/// A hub on which jobs stay queued.
async fn queueing(behavior: HubBehavior) -> Emulator {
    let pace = Pace { queued: Duration::from_secs(3600), ..Pace::default() };
    Emulator::builder().pace(pace).device(Device::new("pump-1")).behavior(behavior).start().await
}

#[tokio::test]
async fn unknown_job_is_read_as_unknown() {
    let unknown = json!({ "type": "unknown", "status": "unknown" });
    for (unknown_job, expected) in [
        (UnknownJob::Bare, Some(unknown.clone())),
        (UnknownJob::WithId, Some(with(unknown, json!({ "jobId": "none" })))),
        (UnknownJob::NotFound, None),
    ] {
        let hub = quick().behavior(HubBehavior { unknown_job, ..HubBehavior::default() }).start().await;
        let answer = Caller::of(&hub).get(&format!("/jobs/v2/none?{VERSION}")).await;
        match expected {
            Some(expected) => assert_eq!((answer.status, answer.json()), (200, expected)),
            None => assert_eq!((answer.status, answer.error().as_str()), (404, "JobNotFound")),
        }
        let answer = Caller::of(&hub).cancel("none").await;
        assert_eq!((answer.status, answer.error().as_str()), (404, "JobNotFound"));
    }
}

#[tokio::test]
async fn omitted_start_and_limit_are_recorded_as_now_and_an_hour() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    let job = caller.wait_for("job", "completed").await;
    assert_eq!((&job["startTime"], &job["maxExecutionTimeInSeconds"]), (&job["createdTime"], &json!(3600)));
    let rows = caller.rows().await;
    assert_eq!((time(&rows[0], "endTimeUtc") - time(&rows[0], "startTimeUtc")).num_seconds(), 3600);
}

#[tokio::test]
async fn job_that_has_not_ended_ends_in_the_year_9999() {
    for (open_end, expected) in [
        (OpenEnd::December31, json!("9999-12-31T23:59:59.9999999Z")),
        (OpenEnd::December30, json!("9999-12-30T23:59:59.9999999Z")),
        (OpenEnd::Absent, Value::Null),
    ] {
        let hub = queueing(HubBehavior { open_end, ..HubBehavior::default() }).await;
        let caller = Caller::of(&hub);
        caller.create("job", &method_job()).await;
        assert_eq!(caller.job("job").await["endTime"], expected);
        let cancelled = caller.cancel("job").await.json();
        assert!(time(&cancelled, "endTime") <= hub.now(), "{cancelled}");
    }
}

#[tokio::test]
async fn payload_of_a_method_is_shown_as_bytes_or_as_it_was_sent() {
    for (payload_echo, payload, expected) in [
        (PayloadEcho::Bytes, json!({ "a": 1 }), json!(b"{\"a\":1}")),
        (PayloadEcho::Bytes, Value::Null, Value::Null),
        (PayloadEcho::Json, json!({ "a": 1 }), json!({ "a": 1 })),
    ] {
        let hub = queueing(HubBehavior { payload_echo, ..HubBehavior::default() }).await;
        let caller = Caller::of(&hub);
        let method = json!({ "methodName": "m", "payload": payload });
        caller.create("job", &with(method_job(), json!({ "cloudToDeviceMethod": method }))).await;
        let shown =
            [caller.job("job").await, caller.jobs("").await.remove(0), caller.cancel("job").await.json()];
        for job in shown {
            let method = json!({ "methodName": "m", "payload": expected });
            assert_eq!(job["cloudToDeviceMethod"], method);
        }
    }
}

#[tokio::test]
async fn twin_update_is_shown_without_members_that_were_not_sent() {
    let hub = queueing(HubBehavior::default()).await;
    let caller = Caller::of(&hub);
    let patch =
        json!({ "deviceId": "x", "version": null, "tags": { "a": null }, "properties": { "reported": {} } });
    caller.create("job", &twin_job(patch)).await;
    let expected = json!({ "deviceId": null, "etag": "*", "tags": { "a": null } });
    assert_eq!(caller.job("job").await["updateTwin"], expected);
}
