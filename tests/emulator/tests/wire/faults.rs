//! Injected faults.

use std::time::Duration;

use jobs_emulator::{Fault, Route, When};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{Caller, VERSION, exchange, method_job, quick_hub};

#[tokio::test]
async fn faults_happen_to_their_route_job_and_turn() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    hub.inject(Route::Get.of_job("b"), When::Nth(2), Fault::refusal(503, "ServiceUnavailable"));
    hub.inject(Route::QueryJobs, When::Every(2), Fault::status(500));
    let status = async |path: &str| caller.get(&format!("{path}?{VERSION}")).await.status;
    assert_eq!(status("/jobs/v2/a").await, 200);
    assert_eq!(
        [status("/jobs/v2/b").await, status("/jobs/v2/b").await, status("/jobs/v2/b").await],
        [200, 503, 200]
    );
    assert_eq!([status("/jobs/v2/query").await, status("/jobs/v2/query").await], [200, 500]);
    hub.clear_faults();
    assert_eq!([status("/jobs/v2/query").await, status("/jobs/v2/query").await], [200, 200]);
}

#[tokio::test]
async fn fault_after_leaves_the_job_created_and_fault_before_does_not() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    for (id, fault, is_created) in [
        ("before", Fault::ResetBefore, false),
        ("after", Fault::ResetAfter, true),
        ("within", Fault::ResetWithin, true),
        ("status", Fault::StatusAfter(504), true),
        ("answer", Fault::status(503), false),
    ] {
        hub.inject(Route::Create, When::Next(1), fault);
        let body = method_job().to_string();
        let request = format!(
            "PUT /jobs/v2/{id}?{VERSION} HTTP/1.1\r\nhost: h\r\nauthorization: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            caller.token,
            body.len()
        );
        let answer = exchange(hub.address(), request.as_bytes()).await;
        assert!(answer.is_none_or(|answer| answer.status != 200 || answer.body.len() < 60), "{id}");
        assert_eq!(caller.job(id).await["status"] != "unknown", is_created, "{id}");
        if is_created {
            caller.wait_for(id, "completed").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn delay_is_kept() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), Fault::Delay(Duration::from_secs(7)));
    let start = Instant::now();
    Caller::of(&hub).get(&format!("/jobs/v2/none?{VERSION}")).await;
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test]
async fn odd_bodies_are_as_injected() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    caller.wait_for("job", "completed").await;
    let path = format!("/jobs/v2/job?{VERSION}");
    let whole = caller.get(&path).await.body;
    hub.inject(Route::Get, When::Next(1), Fault::HalfBody);
    assert_eq!(caller.get(&path).await.body, whole[..whole.len() / 2]);
    hub.inject(Route::Get, When::Next(1), Fault::MislabelledGzip);
    let answer = caller.get(&path).await;
    assert_eq!(
        (answer.headers["content-encoding"].as_str(), answer.json()["jobId"].clone()),
        ("gzip", json!("job"))
    );
    hub.inject(Route::Get, When::Next(1), Fault::WrongLength);
    let answer = caller.get(&path).await;
    assert!(answer.headers["content-length"].parse::<usize>().unwrap() > answer.body.len());
}
