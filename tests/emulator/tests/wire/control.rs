//! Control under `/_emulator/`.

use jobs_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{Caller, VERSION, method_job, quick, quick_hub};

/// A caller without a token: control needs none.
fn anyone(hub: &Emulator) -> Caller {
    Caller::with_token(hub, "none")
}

async fn send(hub: &Emulator, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
    let answer = anyone(hub).send(method, &format!("/_emulator/{path}"), &[], body.as_ref()).await;
    (answer.status, answer.json())
}

#[tokio::test]
async fn health_describes_the_hub() {
    let hub = quick_hub().await;
    let (status, health) = send(&hub, "GET", "health", None).await;
    assert_eq!((status, &health["status"], &health["devices"]), (200, &json!("ok"), &json!(1)));
    assert_eq!((&health["hubName"], &health["jobs"]), (&json!(hub.host_name()), &json!(0)));
}

#[tokio::test]
async fn clock_is_read_set_and_advanced_with_all_that_is_due() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    let start = "2031-05-06T07:00:00Z";
    let (status, clock) = send(&hub, "PUT", "clock", Some(json!({ "now": start }))).await;
    assert!(status == 200 && clock["now"].as_str().unwrap().starts_with("2031-05-06T07:00:0"), "{clock}");
    let (_, clock) = send(&hub, "POST", "clock/advance", Some(json!({ "seconds": 3600 }))).await;
    assert!(clock["now"].as_str().unwrap().starts_with("2031-05-06T08:00:0"), "{clock}");
    let answer = caller.get(&format!("/jobs/v2/query?{VERSION}")).await;
    assert_eq!(
        (answer.status, &answer.headers["date"][..16]),
        (401, "Tue, 06 May 2031"),
        "the token has expired"
    );
    for body in [json!({}), json!({ "seconds": -1 }), json!({ "seconds": 1e13 })] {
        assert_eq!(send(&hub, "POST", "clock/advance", Some(body)).await.0, 400);
    }
    assert_eq!(send(&hub, "PUT", "clock", Some(json!({ "now": "soon" }))).await.0, 400);
    assert_eq!(send(&hub, "POST", "reset", None).await.0, 200);
    assert_eq!(caller.get(&format!("/jobs/v2/query?{VERSION}")).await.status, 200);
}

#[tokio::test]
async fn faults_are_injected_listed_and_cleared() {
    let hub = quick_hub().await;
    let fault = json!({ "route": "queryJobs", "when": { "next": 2 }, "fault": { "answer": { "status": 503, "code": "ServerBusy" } } });
    assert_eq!(send(&hub, "POST", "faults", Some(fault)).await.0, 200);
    let answer = Caller::of(&hub).get(&format!("/jobs/v2/query?{VERSION}")).await;
    assert!(answer.status == 503 && answer.body.contains("ErrorCode:ServerBusy;"), "{answer:?}");
    let (_, list) = send(&hub, "GET", "faults", None).await;
    assert_eq!((&list["faults"][0]["route"], &list["faults"][0]["seen"]), (&json!("queryJobs"), &json!(1)));
    send(&hub, "DELETE", "faults", None).await;
    assert_eq!(Caller::of(&hub).get(&format!("/jobs/v2/query?{VERSION}")).await.status, 200);
    let (status, error) = send(&hub, "POST", "faults", Some(json!({ "fault": "explode" }))).await;
    assert!(status == 400 && error["error"].as_str().unwrap().starts_with("fault must be one of"), "{error}");
}

#[tokio::test]
async fn twins_are_read_added_and_changed() {
    let hub = quick_hub().await;
    let device = json!({ "tags": { "a": 1 }, "reported": { "b": 2 }, "online": false });
    let (status, twin) = send(&hub, "PUT", "twins/new", Some(device)).await;
    assert_eq!(
        (status, &twin["deviceId"], &twin["connectionState"]),
        (200, &json!("new"), &json!("Disconnected"))
    );
    let patch = json!({ "tags": { "a": null }, "properties": { "reported": { "c": 3 } }, "connectionState": "Connected" });
    let (status, twin) = send(&hub, "PATCH", "twins/new", Some(patch)).await;
    assert_eq!((status, &twin["tags"], &twin["connectionState"]), (200, &Value::Null, &json!("Connected")));
    assert_eq!(twin["properties"]["reported"]["$version"], 2);
    assert_eq!(send(&hub, "GET", "twins/new", None).await.1, twin);
    for (method, path, body, status) in [
        ("GET", "twins/none", None, 404),
        ("PATCH", "twins/none", Some(json!({})), 404),
        ("PATCH", "twins/new", Some(json!({ "desired": {} })), 400),
        ("PUT", "twins/new", Some(json!({ "tag": {} })), 400),
        ("PUT", "twins/new", Some(json!([])), 400),
    ] {
        assert_eq!(send(&hub, method, path, body).await.0, status, "{method} {path}");
    }
}

#[tokio::test]
async fn jobs_are_listed_and_forgotten_and_a_reset_restores_the_start() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    caller.wait_for("job", "completed").await;
    let (_, jobs) = send(&hub, "GET", "jobs", None).await;
    assert_eq!((&jobs["count"], &jobs["jobs"][0]["jobId"]), (&json!(1), &json!("job")));
    send(&hub, "DELETE", "jobs/job", None).await;
    assert_eq!(send(&hub, "GET", "jobs", None).await.1["count"], 0);
    caller.create("job", &method_job()).await;
    send(&hub, "PUT", "twins/new", Some(json!({}))).await;
    send(&hub, "PATCH", "twins/pump-1", Some(json!({ "tags": { "a": 1 } }))).await;
    assert_eq!(send(&hub, "POST", "reset", None).await.0, 200);
    let (_, health) = send(&hub, "GET", "health", None).await;
    assert_eq!((&health["devices"], &health["jobs"]), (&json!(1), &json!(0)));
    assert_eq!(hub.twin("pump-1").unwrap()["tags"], Value::Null);
}

#[tokio::test]
async fn requests_are_recorded_in_a_ring_without_credentials_or_not_at_all() {
    let hub = quick().record_requests(2).start().await;
    let caller = Caller::of(&hub);
    for id in ["a", "b", "c"] {
        caller.get(&format!("/jobs/v2/{id}?{VERSION}")).await;
    }
    let (_, list) = send(&hub, "GET", "requests", None).await;
    let paths: Vec<_> =
        list["requests"].as_array().unwrap().iter().map(|request| request["path"].clone()).collect();
    assert_eq!(paths, ["/jobs/v2/b", "/jobs/v2/c"]);
    assert!(!list.to_string().contains("SharedAccessSignature"));
    let hub = quick().record_requests(0).start().await;
    Caller::of(&hub).get(&format!("/jobs/v2/a?{VERSION}")).await;
    assert!(hub.requests().is_empty());
    assert_eq!(send(&hub, "GET", "requests", None).await.0, 404);
}

#[tokio::test]
async fn every_documented_route_exists_and_no_other() {
    let hub = quick_hub().await;
    let (_, document) = send(&hub, "GET", "openapi.json", None).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        let route = path.strip_prefix("/_emulator/").unwrap().replace("{id}", "pump-1");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let is_documented = item.get(method.to_lowercase()).is_some();
            let (status, _) = send(&hub, method, &route, Some(json!({}))).await;
            assert_eq!(status != 405, is_documented, "{method} {path}: {status}");
            assert!(!is_documented || [200, 400].contains(&status), "{method} {path}: {status}");
        }
    }
    assert_eq!(send(&hub, "GET", "nothing", None).await.0, 404);
}
