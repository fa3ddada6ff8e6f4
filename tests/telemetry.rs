//! Events of an operation, as a log shows them.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jobs_api::{ErrorCode, JobFilter, RetryPolicy};
use jobs_emulator::{Fault, Route, When};
use serde_json::json;

use crate::support::capture::Captured;
use crate::support::{builder, fast_retry_client, quick_hub, reboot};

#[tokio::test]
async fn retry_is_an_event_with_its_reason_and_wait() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), Fault::status(503).with_header("retry-after", "1"));
    let client = fast_retry_client(&hub);
    let captured = Captured::start();
    client.create_scheduled_job("reboot-43", &reboot()).await.unwrap();
    let text = captured.text();
    let retries: Vec<_> = text.lines().filter(|line| line.contains("retrying")).collect();
    let [retry] = retries[..] else { panic!("{text}") };
    for part in [
        " WARN ",
        ": jobs_api: ",
        "reason=\"503\"",
        "attempt=1",
        "wait_ms=1000",
        "iothub.job_id=\"reboot-43\"",
    ] {
        assert!(retry.contains(part), "{part} is not in {retry}");
    }
}

#[tokio::test]
async fn retry_that_awaits_its_turn_claims_no_wait() {
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Next(1), Fault::status(429).with_header("retry-after", "1"));
    let client = fast_retry_client(&hub);
    let captured = Captured::start();
    assert!(client.get_scheduled_job("none").await.unwrap_err().is_not_found());
    let text = captured.text();
    let retry = text.lines().find(|line| line.contains("retrying")).unwrap_or_else(|| panic!("{text}"));
    assert!(retry.contains("reason=\"429\"") && !retry.contains("wait_ms"), "{retry}");
}

#[tokio::test]
async fn failure_is_one_line_with_the_error_once() {
    let hub = quick_hub().await;
    let captured = Captured::start();
    let error = fast_retry_client(&hub).get_scheduled_job("none").await.unwrap_err().to_string();
    let text = captured.text();
    let failures: Vec<_> = text.lines().filter(|line| line.contains(" WARN ")).collect();
    let [failure] = failures[..] else { panic!("{text}") };
    assert_eq!(failure.matches(&error).count(), 1, "{failure}");
}

#[tokio::test]
async fn wait_for_a_job_slot_is_reported_once_and_is_no_warning() {
    let busy = || Fault::refusal(429, "ThrottlingMaxActiveJobCountExceeded");
    for is_paced in [true, false] {
        let hub = quick_hub().await;
        let tries = if is_paced { 2 } else { 1 };
        hub.inject(Route::Create, When::Next(tries), busy().with_header("retry-after", "1"));
        let policy = RetryPolicy::default().with_slot_deadline(Duration::from_secs(600));
        let builder = builder(&hub).retry(policy);
        let client = if is_paced { builder } else { builder.without_pacing() }.build().unwrap();
        let captured = Captured::start();
        client.create_scheduled_job("reboot-43", &reboot()).await.unwrap();
        let text = captured.text();
        let waits: Vec<_> = text.lines().filter(|line| line.contains("waiting for a job slot")).collect();
        let [wait] = waits[..] else { panic!("{text}") };
        assert!(wait.contains(" INFO ") && wait.contains("iothub.job_id=\"reboot-43\""), "{wait}");
        assert_eq!(wait.contains("longest_s="), is_paced, "{wait}");
        assert!(!text.contains(" WARN ") && !text.contains("retrying"), "{text}");
    }
}

#[tokio::test]
async fn unlimited_wait_for_a_job_slot_has_no_longest_time() {
    let hub = quick_hub().await;
    let busy = Fault::refusal(429, "ThrottlingMaxActiveJobCountExceeded").with_header("retry-after", "1");
    hub.inject(Route::Create, When::Next(1), busy);
    let client = fast_retry_client(&hub);
    let captured = Captured::start();
    let batch = client.run_jobs(stream::iter([("job", reboot())]));
    let results: Vec<_> = batch.collect().await;
    assert!(results[0].1.is_ok());
    let text = captured.text();
    let wait = text.lines().find(|line| line.contains("waiting for a job slot"));
    let wait = wait.unwrap_or_else(|| panic!("{text}"));
    assert!(!wait.contains("longest_s"), "{wait}");
}

#[tokio::test]
async fn request_of_a_batch_with_an_invalid_id_is_named_by_its_number() {
    let hub = quick_hub().await;
    let client = fast_retry_client(&hub);
    let captured = Captured::start();
    let batch = client.run_jobs(stream::iter([("job", reboot()), ("a b", reboot())]));
    let results: Vec<_> = batch.collect().await;
    let error = results.iter().find_map(|(_, result)| result.as_ref().err()).unwrap().to_string();
    assert_eq!(
        error,
        "request 2 of run_jobs was not sent: jobId must have 1 to 64 ASCII letters, digits and `-`"
    );
    assert!(captured.text().contains(&error), "{}", captured.text());
}

#[tokio::test]
async fn targets_are_public_names() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), Fault::status(429));
    let client = fast_retry_client(&hub);
    let captured = Captured::start();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    client.wait_for_job("job").await.unwrap();
    let text = captured.text();
    for target in
        ["jobs_api:", "jobs_api::attempt:", "jobs_api::wait:", "jobs_api::pacing:", "jobs_api::metrics:"]
    {
        assert!(text.contains(&format!(" {target} ")), "{target} is not in {text}");
    }
    for line in text.lines().filter(|line| line.contains(" jobs_api::")) {
        let (_, target) = line.rsplit_once(" jobs_api::").unwrap();
        let target = target.split(':').next().unwrap();
        assert!(["attempt", "wait", "pacing", "metrics", "token"].contains(&target), "{line}");
    }
}

#[tokio::test]
async fn change_that_succeeded_is_one_line_and_a_read_is_none() {
    let hub = quick_hub().await;
    let client = builder(&hub).build().unwrap();
    let captured = Captured::start();
    let call = |api: jobs_api::Operations| async move { api.create_scheduled_job("b", &reboot()).await };
    client.create_scheduled_job("a", &reboot()).await.unwrap();
    client.call(call).await.unwrap();
    client.get_scheduled_job("a").await.unwrap();
    client.query_scheduled_jobs(JobFilter::default()).count().await;
    client.count_devices("*").await.unwrap();
    let diary = captured.diary();
    let sent: Vec<_> =
        hub.requests()[..2].iter().map(|sent| sent.header("request-id").unwrap().to_owned()).collect();
    let lines: Vec<_> = diary.lines().map(|line| line.split_once("INFO ").unwrap().1).collect();
    let expected = [
        format!("jobs_api: create_scheduled_job succeeded job_id=\"a\" attempts=1 request_id={}", sent[0]),
        format!("jobs_api: create_scheduled_job succeeded attempts=1 request_id={}", sent[1]),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn failed_operation_is_one_line() {
    let hub = quick_hub().await;
    let client = builder(&hub).build().unwrap();
    let captured = Captured::start();
    let error = client.get_scheduled_job("none").await.unwrap_err();
    let text = captured.text();
    let line = format!("jobs_api: refused error={error} error.type=job_not_found job_id=\"none\"\n");
    assert_eq!(text.matches(&line).count(), 1, "{text}");
}

#[tokio::test]
async fn events_in_json_have_a_message_and_typed_fields() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::status(503));
    let client = fast_retry_client(&hub);
    let captured = Captured::start();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let conflict = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    hub.inject(Route::Cancel, When::Next(8), Fault::status(503));
    let failure = client.cancel_scheduled_job("job").await.unwrap_err();

    let events = captured.events();
    let event = |message: &str| {
        let found = events.iter().find(|event| event["fields"]["message"] == message);
        found.unwrap_or_else(|| panic!("no event {message}: {events:#?}"))
    };
    let retry = event("retrying create_scheduled_job");
    assert_eq!(retry["fields"]["reason"], "503");
    assert!(retry["fields"]["attempt"] == 1 && retry["fields"]["wait_ms"].is_u64(), "{retry}");
    assert_eq!(event("create_scheduled_job succeeded")["fields"]["attempts"], 2);
    for (message, level, error, error_type) in
        [("refused", "WARN", conflict, "409"), ("failed", "ERROR", failure, "503")]
    {
        let event = event(message);
        let expected = json!({
            "message": message, "error": error.to_string(), "error.type": error_type, "job_id": "job",
        });
        assert_eq!((&event["level"], &event["fields"]), (&json!(level), &expected));
        assert_eq!(
            event["span"]["iothub.error_code"].as_str(),
            error.service().unwrap().code().map(ErrorCode::as_str)
        );
        assert!(event["span"]["iothub.attempts"].is_u64(), "{event}");
    }
}

#[tokio::test]
async fn create_call_resolved_by_reading_the_job_is_no_error() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(1), Fault::ResetAfter);
    let captured = Captured::start();
    let policy = RetryPolicy::default().with_base(Duration::from_millis(1));
    builder(&hub).retry(policy).build().unwrap().create_scheduled_job("job", &reboot()).await.unwrap();
    let text = captured.text();
    let line = "create_scheduled_job succeeded: its response was lost, and a reading shows the change job_id=\"job\"";
    assert!(!text.contains(" ERROR ") && text.matches(line).count() == 1, "{text}");
}

#[tokio::test]
async fn each_connect_retry_is_an_event_with_its_cause() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let hub = quick_hub().await;
    let captured = Captured::start();
    let policy = RetryPolicy::default().with_attempts(3).with_base(Duration::from_millis(1));
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let client = builder(&hub).endpoint(endpoint).retry(policy).build().unwrap();
    client.get_scheduled_job("job").await.unwrap_err();
    let text = captured.text();
    assert_eq!(
        text.matches("retrying get_scheduled_job job_id=\"job\" reason=\"connect\" cause=Connection refused")
            .count(),
        2,
        "{text}"
    );
}
