//! Twins and direct methods outside of jobs.

use std::time::Duration;

use jobs_emulator::{Device, Emulator, MethodAnswer, MethodBehavior};
use serde_json::{Value, json};

use crate::support::{Answer, Caller, VERSION, quick};

async fn hub() -> Emulator {
    let slow = MethodBehavior::default().with_delay(Duration::from_secs(100)..=Duration::from_secs(100));
    let devices = [
        Device::new("pump-1").with_tags(json!({ "building": "43" })),
        Device::new("off").offline(),
        Device::new("slow").with_behavior(slow),
        Device::new("own")
            .answering(|call| MethodAnswer { status: 201, payload: json!([call.name, call.payload]) }),
    ];
    quick().devices(devices).start().await
}

async fn patch(caller: &Caller, if_match: &str, body: Value) -> Answer {
    caller.send("PATCH", &format!("/twins/pump-1?{VERSION}"), &[("if-match", if_match)], Some(&body)).await
}

async fn call(caller: &Caller, id: &str, members: Value) -> Answer {
    let mut method = json!({ "methodName": "reboot", "payload": { "delay": 5 } });
    method.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    caller.send("POST", &format!("/twins/{id}/methods?{VERSION}"), &[], Some(&method)).await
}

#[tokio::test]
async fn twin_is_read_and_updated() {
    let hub = hub().await;
    let caller = Caller::of(&hub);
    let twin = caller.get(&format!("/twins/pump-1?{VERSION}")).await.json();
    assert_eq!((&twin["tags"], &twin["version"]), (&json!({ "building": "43" }), &json!(1)));
    let body = json!({
        "deviceId": "pump-1", "tags": { "building": null, "floor": 2 },
        "properties": { "desired": { "interval": 30 }, "reported": { "ignored": true } },
    });
    let updated = patch(&caller, "\"*\"", body).await.json();
    assert_eq!((&updated["tags"], &updated["version"]), (&json!({ "floor": 2 }), &json!(2)));
    assert_eq!(updated["properties"]["desired"]["interval"], 30);
    assert_eq!(updated["properties"]["reported"].get("ignored"), None);
    assert_eq!(caller.get(&format!("/twins/pump-1?{VERSION}")).await.json(), updated);
}

#[tokio::test]
async fn twin_is_updated_only_if_it_is_the_one_that_was_read() {
    let hub = hub().await;
    let caller = Caller::of(&hub);
    let etag =
        caller.get(&format!("/twins/pump-1?{VERSION}")).await.json()["etag"].as_str().unwrap().to_owned();
    let tags = json!({ "tags": { "a": 1 } });
    assert_eq!(patch(&caller, &format!("\"{etag}\""), tags.clone()).await.status, 200);
    let stale = patch(&caller, &etag, tags.clone()).await;
    assert_eq!((stale.status, stale.error().as_str()), (412, "PreconditionFailed"));
    assert_eq!(patch(&caller, "*", tags).await.status, 200);
}

#[tokio::test]
async fn refused_update_of_a_twin_states_the_reason() {
    let hub = hub().await;
    let caller = Caller::of(&hub);
    for (body, reason) in [
        (json!([]), "twin must be an object"),
        (json!({ "desired": {} }), "twin.desired must be within twin.properties"),
        (json!({ "tags": { "a b": 1 } }), "tags has the key \"a b\""),
    ] {
        let answer = patch(&caller, "*", body).await;
        assert_eq!((answer.status, answer.error().as_str()), (400, "ArgumentInvalid"));
        assert!(answer.reason().starts_with(reason), "{answer:?}");
    }
    for method in ["GET", "PATCH"] {
        let answer = caller.send(method, &format!("/twins/none?{VERSION}"), &[], Some(&json!({}))).await;
        assert_eq!((answer.status, answer.error().as_str()), (404, "DeviceNotFound"));
    }
    assert_eq!(hub.twin("pump-1").unwrap()["version"], 1);
}

#[tokio::test(start_paused = true)]
async fn method_is_answered_by_its_device() {
    let hub = hub().await;
    let caller = Caller::of(&hub);
    let answer = call(&caller, "pump-1", json!({})).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": 200, "payload": null })));
    let answer = call(&caller, "own", json!({})).await.json();
    assert_eq!(answer, json!({ "status": 201, "payload": ["reboot", { "delay": 5 }] }));
    let answer = call(&caller, "slow", json!({ "responseTimeoutInSeconds": "300" })).await;
    assert_eq!(answer.status, 200);
    assert!(hub.twin("pump-1").unwrap()["lastActivityTime"].as_str() > Some("2000"));
}

#[tokio::test(start_paused = true)]
async fn method_that_no_device_answers_fails() {
    let hub = hub().await;
    let caller = Caller::of(&hub);
    for (id, members, status, name) in [
        ("none", json!({}), 404, "DeviceNotFound"),
        ("off", json!({}), 404, "DeviceNotOnline"),
        ("off", json!({ "connectTimeoutInSeconds": 20 }), 404, "DeviceNotOnline"),
        ("slow", json!({}), 504, "GatewayTimeout"),
        ("pump-1", json!({ "methodName": "" }), 400, "ArgumentInvalid"),
        ("pump-1", json!({ "responseTimeoutInSeconds": 4 }), 400, "ArgumentInvalid"),
    ] {
        let answer = call(&caller, id, members).await;
        assert_eq!((answer.status, answer.error().as_str()), (status, name), "{id}");
    }
}

#[tokio::test]
async fn method_waits_for_a_device_that_connects_in_time() {
    let hub = quick().device(Device::new("off").offline()).pause_clock().start().await;
    let caller = Caller::of(&hub);
    let connect = async {
        while hub.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        hub.add_device(Device::new("off"));
    };
    let (answer, ()) = tokio::join!(call(&caller, "off", json!({ "connectTimeoutInSeconds": 30 })), connect);
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn there_are_no_import_and_export_jobs() {
    let hub = hub().await;
    let answer = Caller::of(&hub).get(&format!("/jobs?{VERSION}")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "[]"));
    assert_eq!(Caller::of(&hub).get(&format!("/jobs/a?{VERSION}")).await.status, 404);
}
