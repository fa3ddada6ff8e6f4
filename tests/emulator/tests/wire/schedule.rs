//! The course of jobs over time.

use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use jobs_emulator::{Device, Emulator, MethodAnswer, MethodBehavior, Pace, Throttle, Tier, generate_fleet};
use serde_json::{Value, json};

use crate::support::{Caller, method_job, quick, quick_hub, time, twin_job, with};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn starting_at(start: DateTime<Utc>) -> Value {
    with(method_job(), json!({ "startTime": start.to_rfc3339() }))
}

#[tokio::test(start_paused = true)]
async fn job_of_an_hour_ahead_runs_under_paused_time() {
    let started = std::time::Instant::now();
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    let start = (hub.now() + TimeDelta::hours(1)).trunc_subsecs(3);
    let receipt = caller.create("job", &starting_at(start)).await.json();
    assert_eq!(receipt, json!({ "jobId": "job", "type": "scheduleDeviceMethod", "status": "queued" }));
    assert_eq!(caller.job("job").await["status"], "scheduled");
    tokio::time::sleep(Duration::from_secs(3601)).await;
    let job = caller.job("job").await;
    assert_eq!(job["status"], "completed");
    assert!(time(&job, "endTime") >= start && time(&job, "endTime") < start + TimeDelta::seconds(1));
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn advanced_clock_lets_each_event_happen_at_its_own_time() {
    let pace =
        Pace { queued: Duration::from_secs(5), scheduled: Duration::ZERO, running: Duration::from_secs(100) };
    let hub = Emulator::builder().pace(pace).devices(generate_fleet(10)).start().await;
    let caller = Caller::of(&hub);
    let start = hub.now() + TimeDelta::hours(1);
    caller.create("job", &starting_at(start)).await;
    hub.advance_clock(DAY).await;
    let job = caller.job("job").await;
    let end = time(&job, "endTime") - time(&job, "startTime");
    assert_eq!((&job["status"], end.num_seconds()), (&json!("completed"), 100));
}

#[tokio::test]
async fn job_is_forgotten_30_days_after_its_end() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    caller.wait_for("job", "completed").await;
    hub.advance_clock(29 * DAY).await;
    assert_eq!(caller.job("job").await["status"], "completed");
    hub.advance_clock(2 * DAY).await;
    assert_eq!(caller.job("job").await["status"], "unknown");
    assert_eq!(caller.create("job", &method_job()).await.status, 200, "its id is free again");
}

/// Runs a week of jobs over a fleet with random delays, and returns when each began and ended.
async fn week(seed: u64) -> Vec<(Value, Value)> {
    let delay = Duration::from_millis(100)..=Duration::from_secs(10);
    let behavior = std::sync::Arc::new(MethodBehavior::default().with_delay(delay));
    let devices = (0..1_000).map(|n| Device::new(format!("d{n}")).with_behavior(behavior.clone()));
    let start: DateTime<Utc> = "2030-01-01T00:00:00Z".parse().unwrap();
    let hub =
        quick().devices(devices).tier(Tier::S3).throttle(Throttle::documented()).clock(start).seed(seed);
    let hub = hub.start().await;
    let caller = Caller::of(&hub);
    for day in 0..7 {
        let start = start + TimeDelta::days(day) + TimeDelta::hours(1);
        assert_eq!(caller.create(&format!("job-{day}"), &starting_at(start)).await.status, 200);
    }
    hub.advance_clock(8 * DAY).await;
    let mut jobs = Vec::new();
    for day in 0..7 {
        let job = caller.job(&format!("job-{day}")).await;
        assert_eq!(job["deviceJobStatistics"]["succeededCount"], 1_000);
        jobs.push((job["startTime"].clone(), job["endTime"].clone()));
    }
    jobs
}

#[tokio::test]
async fn week_of_jobs_is_the_same_for_the_same_seed() {
    let started = std::time::Instant::now();
    let first = week(7).await;
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(first, week(7).await);
    assert_ne!(first, week(8).await);
}

#[tokio::test]
async fn running_and_ended_jobs_cannot_be_cancelled() {
    let pace = Pace { queued: DAY, scheduled: Duration::ZERO, running: DAY };
    let hub = Emulator::builder().pace(pace).device(Device::new("a")).concurrent_jobs(2).start().await;
    let caller = Caller::of(&hub);
    caller.create("cancelled", &method_job()).await;
    let answer = caller.cancel("cancelled").await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("cancelled")));
    assert_eq!(caller.cancel("cancelled").await.error(), "OperationNotAllowedInCurrentState");
    caller.create("running", &method_job()).await;
    hub.advance_clock(DAY).await;
    let answer = caller.cancel("running").await;
    assert_eq!((answer.status, answer.error().as_str()), (405, "OperationNotAllowedInCurrentState"));
    assert!(answer.reason().contains("running"));
}

#[tokio::test]
async fn time_limit_ends_a_job_and_fails_what_did_not_run() {
    let pace = Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::from_secs(100) };
    let hub = Emulator::builder().pace(pace).devices(generate_fleet(10)).start().await;
    let caller = Caller::of(&hub);
    let limited = with(method_job(), json!({ "maxExecutionTimeInSeconds": 45 }));
    caller.create("job", &limited).await;
    hub.advance_clock(Duration::from_secs(200)).await;
    let job = caller.job("job").await;
    let counts = &job["deviceJobStatistics"];
    assert_eq!(
        (&job["status"], &counts["succeededCount"], &counts["failedCount"]),
        (&json!("completed"), &json!(4), &json!(6))
    );
    let rows =
        caller.query_all("SELECT * FROM devices.jobs WHERE devices.jobs.status = 'failed'", "100").await.0;
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[0]["error"]["code"], "JobRunPreconditionFailed");
    assert_eq!(time(&rows[0], "endTimeUtc") - time(&rows[0], "startTimeUtc"), TimeDelta::seconds(45));
}

#[tokio::test]
async fn device_that_answers_too_late_fails() {
    let slow = MethodBehavior::default().with_delay(Duration::from_secs(20)..=Duration::from_secs(20));
    let hub = quick().device(Device::new("slow").with_behavior(slow)).start().await;
    let caller = Caller::of(&hub);
    for (id, timeout, expected) in [("short", 10, "failed"), ("long", 30, "completed")] {
        let method = json!({ "methodName": "m", "responseTimeoutInSeconds": timeout });
        caller.create(id, &with(method_job(), json!({ "cloudToDeviceMethod": method }))).await;
        hub.advance_clock(Duration::from_secs(60)).await;
        let query = format!("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '{id}'");
        let rows = caller.query_all(&query, "10").await.0;
        assert_eq!(rows[0]["status"], expected);
    }
}

#[tokio::test]
async fn slow_handlers_run_at_the_same_time_and_keep_nobody_waiting() {
    let slow = |id: &str| {
        Device::new(id).answering(|call| {
            std::thread::sleep(Duration::from_millis(500));
            MethodAnswer { status: 200, payload: call.payload }
        })
    };
    let hub = quick().devices(["a", "b", "c", "d", "e", "f", "g", "h"].map(slow)).start().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    let start = std::time::Instant::now();
    caller.job("job").await;
    assert!(start.elapsed() < Duration::from_millis(400), "{:?}", start.elapsed());
    caller.wait_for("job", "completed").await;
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test]
#[should_panic(expected = "the valve is stuck")]
async fn panic_of_a_handler_fails_the_job_and_the_test() {
    let hub = quick().device(Device::new("pump").answering(|_| panic!("the valve is stuck"))).start().await;
    let caller = Caller::of(&hub);
    caller.create("job", &method_job()).await;
    caller.wait_for("job", "failed").await;
    drop(hub);
}

#[tokio::test]
async fn unreadable_condition_fails_the_job_with_a_reason() {
    let hub = quick_hub().await;
    let caller = Caller::of(&hub);
    caller.create("job", &with(method_job(), json!({ "queryCondition": "SELECT * FROM devices" }))).await;
    let job = caller.wait_for("job", "failed").await;
    assert_eq!(
        job["failureReason"],
        "Failed to parse the query condition: unexpected 'SELECT * FROM device' at position 0"
    );
}

#[tokio::test]
async fn update_beyond_a_limit_of_the_twin_fails_on_that_device() {
    let full = json!({ "a": "x".repeat(4000), "b": "x".repeat(4000) });
    let hub = quick().device(Device::new("full").with_tags(full)).device(Device::new("empty")).start().await;
    let caller = Caller::of(&hub);
    caller.create("job", &twin_job(json!({ "tags": { "c": "x".repeat(1000) } }))).await;
    caller.wait_for("job", "completed").await;
    let rows = caller.query_all("SELECT * FROM devices.jobs", "10").await.0;
    assert_eq!((&rows[0]["status"], &rows[1]["status"]), (&json!("completed"), &json!("failed")));
    assert_eq!(hub.twin("full").unwrap()["version"], 1);
}
