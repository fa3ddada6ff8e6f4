//! Control under `/_emulator/`.

use chrono::TimeDelta;
use jobs_emulator::{Device, Emulator, RateLimit, Throttle};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Caller, PATIENCE, VERSION, method_job, quick, quick_hub, time};

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
    assert_eq!((answer.status, &answer.headers["date"][..16]), (200, "Tue, 06 May 2031"));
    for body in
        [json!({}), json!({ "seconds": -1 }), json!({ "seconds": 1e13 }), json!({ "seconds": 1, "days": 1 })]
    {
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
    assert_eq!((answer.status, answer.headers["iothub-errorcode"].as_str()), (503, "ServerBusy"));
    assert!(answer.body.contains("ErrorCode:ServerBusy;"), "{answer:?}");
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
        ("PUT", "twins/new", Some(json!({ "tag": {} })), 400),
        ("PUT", "twins/new", Some(json!([])), 400),
        ("PUT", "twins/new", Some(json!({ "count": 2 })), 400),
        ("PUT", "twins/a%20b", Some(json!({})), 400),
    ] {
        assert_eq!(send(&hub, method, path, body).await.0, status, "{method} {path}");
    }
    let (_, counts) = send(&hub, "GET", "devices", None).await;
    assert_eq!(counts, json!({ "connected": 2, "disconnected": 0, "disabled": 0 }));
}

#[tokio::test]
async fn refused_patch_of_a_twin_changes_nothing() {
    let hub = quick_hub().await;
    let before = hub.twin("pump-1").unwrap();
    let large = json!({ "a": vec!["x".repeat(4000); 3] });
    for (patch, reason) in [
        (json!([]), "must be an object"),
        (json!({ "desired": {} }), "desired: unknown member"),
        (json!({ "tags": 5 }), "tags: tags must be an object"),
        (json!({ "tags": null }), "tags: tags must be an object"),
        (json!({ "properties": [] }), "properties: must be an object"),
        (json!({ "properties": { "wanted": {} } }), "properties.wanted: unknown member"),
        (json!({ "properties": { "desired": null } }), "properties.desired: desired must be an object"),
        (json!({ "properties": { "reported": { "a b": 1 } } }), "properties.reported: reported has the key"),
        (json!({ "connectionState": "Lost" }), "connectionState: must be Connected or Disconnected"),
        (json!({ "connectionState": "Disconnected", "tags": large }), "tags: tags must not be larger"),
    ] {
        let (status, answer) = send(&hub, "PATCH", "twins/pump-1", Some(patch)).await;
        let found = answer["error"].as_str().unwrap();
        assert!(status == 400 && found.starts_with(reason), "{found}");
    }
    let half = json!({ "tags": { "a": vec!["x".repeat(4000); 1] } });
    assert_eq!(send(&hub, "PATCH", "twins/pump-1", Some(half)).await.0, 200);
    let other =
        json!({ "connectionState": "Disconnected", "tags": { "b": ["x".repeat(4000), "y".repeat(4000)] } });
    assert_eq!(send(&hub, "PATCH", "twins/pump-1", Some(other)).await.0, 400, "too large with what is there");
    let after = hub.twin("pump-1").unwrap();
    assert_eq!((&after["connectionState"], &after["version"]), (&before["connectionState"], &json!(2)));
}

#[tokio::test]
async fn paused_clock_stands_still_until_it_is_advanced() {
    let hub = quick().clock("2030-01-01T00:00:00Z".parse().unwrap()).pause_clock().start().await;
    let (_, clock) = send(&hub, "GET", "clock", None).await;
    let (_, later) = send(&hub, "POST", "clock/advance", Some(json!({ "seconds": 60 }))).await;
    assert_eq!(
        (&later["isPaused"], time(&later, "now") - time(&clock, "now")),
        (&json!(true), TimeDelta::minutes(1))
    );
    assert_eq!(hub.now(), time(&later, "now"));
    let (_, running) = send(&hub, "PUT", "clock", Some(json!({ "isPaused": false }))).await;
    assert_eq!(running["isPaused"], false);
    for body in [json!({}), json!({ "isPaused": "no" }), json!({ "paused": true }), json!([])] {
        assert_eq!(send(&hub, "PUT", "clock", Some(body)).await.0, 400);
    }
}

#[tokio::test]
async fn queued_request_is_answered_when_the_clock_is_set_back_or_the_hub_reset() {
    let throttle = Throttle::documented().job_operations(RateLimit::per_minute(1).with_queue(9));
    for (method, path, body) in
        [("POST", "reset", None), ("PUT", "clock", Some(json!({ "now": "2020-01-01T00:00:00Z" })))]
    {
        let hub = quick().throttle(throttle.clone()).pause_clock().start().await;
        let caller = Caller::of(&hub);
        let list = async || caller.get(&format!("/jobs/v2/query?{VERSION}")).await;
        assert_eq!(list().await.status, 200);
        let control = async {
            while hub.requests().iter().filter(|request| request.metering.is_some()).count() < 2 {
                tokio::task::yield_now().await;
            }
            send(&hub, method, path, body).await.0
        };
        let both = timeout(PATIENCE, async { tokio::join!(list(), control) });
        let (queued, status) = both.await.unwrap();
        assert_eq!((queued.status, status), (200, 200), "{path}");
    }
}

#[tokio::test]
async fn method_that_waits_for_its_device_is_answered_when_the_hub_is_reset() {
    let hub = quick().device(Device::new("off").offline()).pause_clock().start().await;
    let caller = Caller::of(&hub);
    let method = json!({ "methodName": "m", "connectTimeoutInSeconds": 20 });
    let path = format!("/twins/off/methods?{VERSION}");
    let reset = async {
        while hub.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        send(&hub, "POST", "reset", None).await
    };
    let both = async { tokio::join!(caller.send("POST", &path, &[], Some(&method)), reset) };
    let (answer, _) = timeout(PATIENCE, both).await.unwrap();
    assert_eq!(answer.error(), "DeviceNotOnline");
}

#[tokio::test]
async fn page_is_plain_html_that_loads_nothing_from_elsewhere() {
    let hub = quick_hub().await;
    let page = anyone(&hub).get("/_emulator/").await;
    assert_eq!((page.status, page.headers["content-type"].as_str()), (200, "text/html; charset=utf-8"));
    assert!(page.body.starts_with("<!doctype html>"));
    for foreign in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.body.contains(foreign), "{foreign}");
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
    assert_eq!(
        (&list["requests"][0]["status"], &list["requests"][0]["metering"]),
        (&json!(200), &Value::Null)
    );
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
            let path = format!("/_emulator/{route}");
            let status = anyone(&hub).send(method, &path, &[], Some(&json!({}))).await.status;
            assert_eq!(status != 405, is_documented, "{method} {path}: {status}");
            assert!(!is_documented || [200, 400].contains(&status), "{method} {path}: {status}");
        }
    }
    assert_eq!(send(&hub, "GET", "nothing", None).await.0, 404);
}
