//! Headers of answers, and the shapes of errors.

use std::collections::HashSet;

use jobs_emulator::{ErrorBody, Fault, HubBehavior, Route, TrackingIds, When};
use serde_json::{Value, json};

use crate::support::{Answer, Caller, quick, quick_hub};

#[tokio::test]
async fn every_answer_has_the_headers_of_the_service() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    let mut ids = HashSet::new();
    for (answer, content_type) in [
        (caller.query("SELECT * FROM devices", &[]).await, "application/json; charset=utf-8"),
        (caller.cancel("none").await, "application/json; charset=utf-8"),
        (caller.query("SELECT", &[]).await, "text/plain"),
    ] {
        let header = |name: &str| answer.headers[name].as_str();
        assert_eq!([header("server"), header("vary")], ["Microsoft-HTTPAPI/2.0", "Origin"]);
        assert_eq!(header("content-type"), content_type);
        assert!(answer.headers.contains_key("date"));
        let parts: Vec<usize> = header("x-ms-request-id").split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        ids.insert(header("x-ms-request-id").to_owned());
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn injected_answer_has_no_headers_but_its_own() {
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Next(1), Fault::status(503).with_header("x-ms-request-id", "own"));
    let answer = Caller::of(&hub).get("/jobs/v2/none").await;
    assert_eq!((answer.headers["x-ms-request-id"].as_str(), answer.headers.get("server")), ("own", None));
}

async fn refuse(behavior: HubBehavior) -> Answer {
    let hub = quick().behavior(behavior).clock("2030-05-06T07:08:09Z".parse().unwrap()).start().await;
    let answer = Caller::of(&hub).cancel("none").await;
    assert_eq!((answer.status, answer.headers["iothub-errorcode"].as_str()), (404, "JobNotFound"));
    answer
}

#[tokio::test]
async fn errors_have_the_shape_of_the_setting() {
    let text = "No job was found with the ID none";
    let of = |error_body| HubBehavior { error_body, ..HubBehavior::default() };
    let named = refuse(of(ErrorBody::Named)).await.json();
    assert_eq!(named["Message"], format!("ErrorCode:JobNotFound;{text}"));
    let nested = refuse(of(ErrorBody::Nested)).await.json();
    assert_eq!(nested["ExceptionMessage"], "");
    let nested: Value = serde_json::from_str(nested["Message"].as_str().unwrap()).unwrap();
    for flat in [nested, refuse(of(ErrorBody::Flat)).await.json()] {
        assert_eq!((&flat["errorCode"], &flat["message"]), (&json!(404_002), &json!(text)));
        assert!(flat["trackingId"].as_str().unwrap().contains("-G:0-TimeStamp:05/06/2030 07:08:"));
        assert!(flat["timestampUtc"].as_str().unwrap().starts_with("2030-05-06T07:08:"));
    }
}

#[tokio::test]
async fn tracking_ids_have_the_form_of_the_setting() {
    for (tracking_ids, form) in [
        (TrackingIds::G, "-G:0-TimeStamp:05/06/2030 07:08:"),
        (TrackingIds::G2, "-G2:-TimeStamp:2030-05-06T07:08:"),
    ] {
        let error = refuse(HubBehavior { tracking_ids, ..HubBehavior::default() }).await.json();
        let id = error["ExceptionMessage"].as_str().unwrap().strip_prefix("Tracking ID:").unwrap();
        let (digits, rest) = id.split_at(32);
        assert!(rest.starts_with(form), "{id}");
        let case = if tracking_ids == TrackingIds::G { str::to_lowercase } else { str::to_uppercase };
        assert_eq!(digits, case(digits));
        assert_eq!(rest.ends_with('Z'), tracking_ids == TrackingIds::G2);
    }
}
