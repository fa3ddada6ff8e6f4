//! Roll-outs: plans that are values, and runs whose journal is the hub.

use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt as _;
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{
    Client, Condition, Error, FailureKind, JobFilter, LastWord, RollOut, RollOutEvent, RollOutPlan,
    RollOutReport, Stop, StopReason, Wave,
};
use jobs_emulator::{Device, Emulator, Fault, MethodAnswer, MethodCall, Route, When};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::capture::Captured;
use crate::support::clock::{FrozenClock, TEST_TIMEOUT};
use crate::support::span::{attribute, events, find_span};
use crate::support::{AT_ONCE, HOUR, client, offline_fails_at_once, reboot, slow_hub};

/// Starts a hub with `count` devices, of which those with the numbers `failing` answer with a failure.
pub(crate) async fn hub_with(count: usize, failing: &[usize]) -> Emulator {
    let answer = |status| move |_: MethodCall| MethodAnswer { status, payload: Value::Null };
    let devices = (0..count).map(|n| {
        let device = Device::new(format!("pump-{n:03}"));
        device.answering(answer(if failing.contains(&n) { 500 } else { 200 }))
    });
    let devices: Vec<Device> = devices.collect();
    let hub = Emulator::builder().pace(AT_ONCE).devices(devices).behavior(offline_fails_at_once());
    hub.concurrent_jobs(5).start().await
}

/// A roll-out to 10 %, 40 % and the rest.
pub(crate) fn three_waves() -> RollOut {
    let request: JobRequest = reboot().with_max_execution_time(Duration::from_secs(60));
    RollOut::new("reboot", request).waves([Wave::percent(10.0), Wave::percent(40.0), Wave::rest()])
}

pub(crate) async fn report(client: &Client, plan: &RollOutPlan) -> RollOutReport {
    let run = client.roll_out(plan).rows_timeout(Duration::ZERO);
    tokio::time::timeout(TEST_TIMEOUT, run.report()).await.unwrap().unwrap()
}

/// Returns the ids of the jobs that were requested, in order.
pub(crate) fn creations(hub: &Emulator) -> Vec<String> {
    let requests = hub.requests().into_iter().filter(|request| request.method == "PUT");
    requests.map(|request| request.path.rsplit('/').next().unwrap().to_owned()).collect()
}

pub(crate) fn save(plan: &RollOutPlan) -> Value {
    serde_json::to_value(plan).unwrap()
}

pub(crate) fn load(file: &Value) -> Result<RollOutPlan, String> {
    serde_json::from_value(file.clone()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn waves_follow_each_other_and_each_device_is_called_once() {
    let hub = hub_with(50, &[]).await;
    let plan = three_waves().plan(&client(&hub)).await.unwrap();
    let sizes: Vec<usize> = plan.devices().map(Iterator::count).collect();
    assert_eq!(sizes, [5, 20, 25]);
    assert!(creations(&hub).is_empty(), "a plan creates nothing");
    for _ in 0..2 {
        let report = report(&client(&hub), &plan).await;
        assert_eq!((report.stopped.clone(), report.succeeded()), (None, 50));
        assert!(report.devices.iter().all(|device| device.tries == 1));
    }
    assert_eq!(creations(&hub), ["reboot-w1-p1-t1", "reboot-w2-p1-t1", "reboot-w3-p1-t1"]);
    assert_eq!(plan.job_ids().collect::<Vec<_>>(), creations(&hub));
}

#[tokio::test]
async fn plan_is_saved_and_resumed_after_a_drop() {
    let hub = hub_with(50, &[]).await;
    let plan = three_waves().plan(&client(&hub)).await.unwrap();
    let file = save(&plan);
    {
        let client = client(&hub);
        let mut run = client.roll_out(&plan);
        while !matches!(run.next().await, Some(RollOutEvent::WaveEnded { wave: 2, .. })) {}
    }
    assert_eq!(creations(&hub).len(), 2);
    let loaded = load(&file).unwrap();
    assert_eq!(loaded, plan);
    assert_eq!(report(&client(&hub), &loaded).await.succeeded(), 50);
    assert_eq!(creations(&hub).len(), 3);
}

#[tokio::test]
async fn failures_above_the_threshold_stop_before_the_next_wave() {
    let hub = hub_with(50, &(0..50).collect::<Vec<_>>()).await;
    let stop = Stop::failed_percent_of_wave_above(2.0);
    let plan = three_waves().stop_when(stop.clone()).plan(&client(&hub)).await.unwrap();
    for _ in 0..2 {
        let report = report(&client(&hub), &plan).await;
        let Some(StopReason::Failures { wave: 1, stop: exceeded, counts, .. }) = &report.stopped else {
            panic!("{:?}", report.stopped)
        };
        assert_eq!((exceeded, counts.failed()), (&stop, 5));
        assert_eq!((report.failed().count(), report.not_called().count()), (5, 45));
        assert_eq!(
            report.stopped.unwrap().to_string(),
            "wave 1: more than 2 % of the devices of the wave failed: 5 of 5 done, of 5 in all"
        );
    }
    assert_eq!(creations(&hub), ["reboot-w1-p1-t1"]);
}

#[tokio::test]
async fn job_that_fails_as_a_whole_stops_the_roll_out() {
    let hub = hub_with(50, &[]).await;
    let stop = Stop::failed_percent_of_wave_above(99.0);
    let plan = three_waves().stop_when(stop).retry(2, Duration::ZERO).plan(&client(&hub)).await.unwrap();
    let failed = json!({ "jobId": "reboot-w1-p1-t1", "status": "failed", "failureReason": "no index" });
    let answer = Fault::status(200).with_body(failed.to_string());
    // The first reading, before its creation, does not find it.
    hub.inject(Route::Get.of_job("reboot-w1-p1-t1"), When::Nth(2), answer);
    let report = report(&client(&hub), &plan).await;
    assert_eq!(report.stopped.as_ref().unwrap().to_string(), "the job reboot-w1-p1-t1 failed: no index");
    assert_eq!((report.not_called().count(), creations(&hub)), (45, vec!["reboot-w1-p1-t1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn job_that_does_not_end_ends_the_run_after_its_limit_and_four_hours() {
    let clock = FrozenClock::new();
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    let plan = RollOut::new("reboot", reboot()).plan(&client).await.unwrap();
    let run = tokio::spawn(async move { client.roll_out(&plan).report().await });
    clock.run_until(|| !creations(&hub).is_empty()).await;
    let running = json!({ "jobId": "reboot-w1-p1-t1", "status": "running" });
    hub.inject(Route::Get, When::Every(1), Fault::status(200).with_body(running.to_string()));
    let (start, limit) = (Instant::now(), 5 * HOUR);
    while !run.is_finished() {
        assert!(start.elapsed() < 2 * limit);
        clock.advance(Duration::from_secs(300)).await;
    }
    let (ended, elapsed) = (run.await.unwrap(), start.elapsed());
    assert!(matches!(ended, Err(Error::JobOverdue { .. })), "{ended:?}");
    assert!(elapsed >= limit && elapsed < limit + Duration::from_secs(900), "{elapsed:?}");
}

#[tokio::test]
async fn run_that_ends_with_an_error_fails_its_span() {
    let hub = hub_with(50, &[]).await;
    let client = client(&hub);
    let plan = three_waves().plan(&client).await.unwrap();
    hub.inject(Route::Create, When::Next(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let captured = Captured::start();
    client.roll_out(&plan).report().await.unwrap_err();
    let spans = captured.spans();
    assert_eq!(attribute(find_span(&spans, "roll_out"), "error.type").as_deref(), Some("403"));
}

#[tokio::test]
async fn only_failed_devices_are_tried_again() {
    let hub = hub_with(10, &[3, 7]).await;
    let plan = RollOut::new("reboot", reboot())
        .retry(2, Duration::ZERO)
        .stop_when(Stop::failed_percent_of_wave_above(50.0))
        .plan(&client(&hub))
        .await
        .unwrap();
    for _ in 0..2 {
        let report = report(&client(&hub), &plan).await;
        let failed: Vec<_> =
            report.failed().map(|device| (device.device_id.as_str(), device.tries)).collect();
        assert_eq!(failed.len(), 2);
        assert!(failed.contains(&("pump-003", 3)) && failed.contains(&("pump-007", 3)));
        assert_eq!((report.stopped.clone(), report.succeeded()), (None, 8));
    }
    assert_eq!(creations(&hub), ["reboot-w1-p1-t1", "reboot-w1-p1-t2", "reboot-w1-p1-t3"]);
}

#[tokio::test]
async fn job_of_a_retry_that_exists_decides_which_devices_are_tried_again() {
    let hub = hub_with(10, &[3, 7]).await;
    let client = client(&hub);
    let stop = Stop::failed_percent_of_wave_above(50.0);
    let roll_out = RollOut::new("reboot", reboot()).retry(1, Duration::ZERO).stop_when(stop);
    let plan = roll_out.plan(&client).await.unwrap();
    let of_another_run = JobRequest::device_method(
        CloudToDeviceMethod::new("reboot"),
        Condition::device_ids(["pump-003"]).to_string(),
    );
    client
        .create_scheduled_job("reboot-w1-p1-t2", &of_another_run.with_max_execution_time(HOUR))
        .await
        .unwrap();
    let report = report(&client, &plan).await;
    let mut tries: Vec<_> = report.failed().map(|device| (device.device_id.as_str(), device.tries)).collect();
    tries.sort_unstable();
    assert_eq!(tries, [("pump-003", 2), ("pump-007", 1)]);
    assert_eq!(creations(&hub), ["reboot-w1-p1-t2", "reboot-w1-p1-t1"]);
}

#[tokio::test]
async fn two_runs_at_once_call_each_device_once() {
    let hub = hub_with(50, &[]).await;
    let plan = three_waves().plan(&client(&hub)).await.unwrap();
    let (first, second) = (client(&hub), client(&hub));
    let (first, second) = tokio::join!(report(&first, &plan), report(&second, &plan));
    assert_eq!((first.succeeded(), second), (50, first));
    let jobs = client(&hub).query_scheduled_jobs(JobFilter::default());
    assert_eq!(jobs.count().await, 3);
}

#[tokio::test]
async fn device_without_a_row_is_counted_apart_and_not_tried_again() {
    let hub = hub_with(3, &[]).await;
    let roll_out = RollOut::new("reboot", reboot()).retry(2, Duration::ZERO);
    let plan = roll_out.plan(&client(&hub)).await.unwrap();
    // Its last device is not registered any more.
    let hub = hub_with(2, &[]).await;
    let report = report(&client(&hub), &plan).await;
    let device = report.failed().next().unwrap();
    let LastWord::Failed { kind, .. } = &device.last_word else { panic!("{device:?}") };
    assert_eq!((device.device_id.as_str(), *kind, device.tries), ("pump-002", FailureKind::NoRow, 1));
    assert_eq!(creations(&hub).len(), 1);
}

/// A later run sees all ends at once: a verdict that hung on their order would be another one then.
#[tokio::test]
async fn job_that_ends_early_is_judged_after_those_before_it() {
    let devices: Vec<Device> = (0..72).map(|n| Device::new(format!("{n:0>128}"))).collect();
    let hub = Emulator::builder().devices(devices).start().await;
    let plan = RollOut::new("reboot", reboot())
        .retry(1, Duration::from_secs(1))
        .stop_when(Stop::failed_percent_of_done_above(20.0))
        .plan(&client(&hub))
        .await
        .unwrap();
    let parts: Vec<Vec<String>> = serde_json::from_value(save(&plan)["waves"][0].clone()).unwrap();
    let [slow, early] = &parts[..] else { panic!("{} jobs", parts.len()) };
    // One device of the first job is tried again; 3 devices of the other, too many of those alone, are gone.
    let failing = Device::new(&slow[0]).answering(|_| MethodAnswer { status: 500, payload: Value::Null });
    let others = slow[1..].iter().chain(&early[3..]).map(Device::new);
    let hub = Emulator::builder().pace(AT_ONCE).devices(others.chain([failing])).concurrent_jobs(5);
    let hub = hub.start().await;
    assert!(early.len() < 15, "{} devices", early.len());
    let report = report(&client(&hub), &plan).await;
    assert_eq!((report.stopped.clone(), report.failed().count()), (None, 4), "{report:?}");
    assert_eq!(creations(&hub)[2..], ["reboot-w1-p1-t2"]);
}

#[tokio::test]
async fn device_that_joined_later_is_reported_and_not_called() {
    let hub = hub_with(3, &[]).await;
    let client = client(&hub);
    let plan = RollOut::new("reboot", reboot()).plan(&client).await.unwrap();
    hub.add_device(Device::new("late"));
    let report = report(&client, &plan).await;
    assert_eq!((report.devices.len(), report.joined_later), (3, vec!["late".to_owned()]));
}

#[tokio::test]
async fn wave_that_is_not_approved_stops_the_roll_out() {
    let hub = hub_with(50, &[]).await;
    let client = client(&hub);
    let plan = three_waves().plan(&client).await.unwrap();
    let report = client.roll_out(&plan).approve(|wave| async move { wave < 3 }).report().await.unwrap();
    assert_eq!(report.stopped, Some(StopReason::NotApproved(3)));
    assert_eq!((creations(&hub).len(), report.not_called().count()), (2, 25));
}

#[tokio::test]
async fn skipped_wave_stays_skipped_in_the_next_run() {
    let hub = hub_with(50, &[]).await;
    let plan = three_waves().soak(HOUR).plan(&client(&hub)).await.unwrap();
    let first = client(&hub);
    let mut run = first.roll_out(&plan);
    while !matches!(run.next().await, Some(RollOutEvent::WaveEnded { wave: 1, .. })) {}
    while !matches!(run.next().await, Some(RollOutEvent::WaitingUntil(_))) {}
    run.control().skip_wave();
    run.control().go_on();
    while let Some(event) = run.next().await {
        if let RollOutEvent::WaitingUntil(_) = event {
            run.control().go_on();
        }
    }
    assert_eq!(run.report().await.unwrap().succeeded(), 30);
    assert_eq!(report(&client(&hub), &plan).await.not_called().count(), 20);
    assert_eq!(creations(&hub), ["reboot-w1-p1-t1", "reboot-w3-p1-t1"]);
}

#[tokio::test]
async fn paused_run_creates_nothing_until_it_is_resumed() {
    let hub = hub_with(50, &[]).await;
    let client = client(&hub);
    let plan = three_waves().soak(HOUR).plan(&client).await.unwrap();
    let mut run = client.roll_out(&plan);
    run.control().pause();
    let event = run.next().await;
    assert!(matches!(event, Some(RollOutEvent::WaitingUntil(_))), "{event:?}");
    assert!(creations(&hub).is_empty());
    run.control().resume();
    let mut ended = 0;
    while let Some(event) = run.next().await {
        ended += usize::from(matches!(event, RollOutEvent::WaveEnded { .. }));
        if let RollOutEvent::WaitingUntil(until) = event {
            let soak = until - client.hub_time();
            assert!(soak > TimeDelta::minutes(59) && soak <= TimeDelta::hours(1), "{soak}");
            run.control().go_on();
        }
    }
    assert_eq!((ended, creations(&hub).len()), (3, 3));
}

#[tokio::test]
async fn stop_cancels_what_does_not_run_yet_for_every_run() {
    let hub = slow_hub(|pace| &mut pace.queued).await;
    let plan = RollOut::new("reboot", reboot()).plan(&client(&hub)).await.unwrap();
    let first = client(&hub);
    let mut run = first.roll_out(&plan);
    while !matches!(run.next().await, Some(RollOutEvent::JobStarted { .. })) {}
    run.control().stop();
    let stopped = tokio::time::timeout(TEST_TIMEOUT, run.report()).await.unwrap().unwrap();
    assert_eq!(stopped.stopped, Some(StopReason::Requested));
    assert_eq!((stopped.cancelled_jobs.len(), stopped.not_called().count()), (1, 1));
    let next = report(&client(&hub), &plan).await;
    assert!(matches!(next.stopped, Some(StopReason::Job { .. })), "{:?}", next.stopped);
    assert_eq!(creations(&hub).len(), 1);
}

#[tokio::test]
async fn run_has_a_span_an_event_for_each_wave_and_metrics() {
    let hub = hub_with(50, &[]).await;
    let client = client(&hub);
    let plan = three_waves().plan(&client).await.unwrap();
    let captured = Captured::start();
    report(&client, &plan).await;
    let spans = captured.spans();
    let run = find_span(&spans, "roll_out");
    assert_eq!(attribute(run, "iothub.roll_out").as_deref(), Some("reboot"));
    let ends = events(run, "a wave ended");
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().all(|end| end.contains(&"roll_out=reboot".to_owned())), "{ends:?}");
    assert!(captured.text().contains("monotonic_counter.iothub.client.roll_out.succeeded=25"));
}
