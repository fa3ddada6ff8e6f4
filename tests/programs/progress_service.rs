//! A service that streams the progress of a job to a browser, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Sse;
use axum::response::sse::Event;
use axum::routing::get;
use futures_util::{Stream, StreamExt as _};
use jobs_api::{Client, reqwest};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::support::clock::TEST_TIMEOUT;
use crate::support::{client, quick_hub, reboot, slow_hub};

/// The whole service. A browser that leaves drops the stream, which ends the polls.
fn service(client: Client) -> Router {
    Router::new().route("/jobs/{id}", get(stream_progress)).with_state(client)
}

async fn stream_progress(
    State(client): State<Client>,
    Path(id): Path<String>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let wait = client.wait_for_job(&id).poll_intervals(Duration::from_millis(20)..=Duration::from_secs(1));
    let wait = wait.not_found_after(Duration::from_secs(1));
    Sse::new(wait.updates().map(|update| {
        Ok(match update {
            Ok(job) => Event::default()
                .event("progress")
                .data(json!({ "outcome": job.outcome(), "devices": job.counts() }).to_string()),
            Err(error) => Event::default().event("failure").data(error.to_string()),
        })
    }))
}

/// Serves the program on a free port, and begins to read the events of a job.
async fn open(client: Client, id: &str) -> reqwest::Response {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jobs/{id}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, service(client)).await });
    let browser = reqwest::Client::builder().no_proxy().build().unwrap();
    browser.get(url).send().await.unwrap()
}

#[tokio::test]
async fn progress_arrives_while_the_job_runs_and_ends_with_it() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    let request = reboot().with_max_execution_time(Duration::from_secs(2 * 3600));
    client.create_scheduled_job("reboot-43", &request).await.unwrap();
    let mut response = open(client, "reboot-43").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let first = timeout(TEST_TIMEOUT, response.chunk()).await.unwrap().unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    assert!(first.starts_with("event: progress\ndata: {") && first.contains("\"pending\""), "{first}");

    hub.advance_clock(Duration::from_secs(2 * 3600)).await;
    let rest = timeout(TEST_TIMEOUT, response.text()).await.unwrap().unwrap();
    let last = rest.trim_end().rsplit("\n\n").next().unwrap();
    let (_, data) = last.split_once("data: ").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!((&data["outcome"], &data["devices"]["succeeded"]), (&json!("succeeded"), &json!(1)), "{rest}");
}

#[tokio::test]
async fn unknown_job_is_the_only_event() {
    let hub = quick_hub().await;
    let response = open(client(&hub), "none").await;
    let text = timeout(TEST_TIMEOUT, response.text()).await.unwrap().unwrap();
    assert!(text.starts_with("event: failure\ndata: "), "{text}");
    assert_eq!(text.matches("event:").count(), 1, "{text}");
}
