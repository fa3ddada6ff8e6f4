//! Spans of batches and their jobs, and the events that show their progress.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{BatchError, BatchRequest, Client, JobOutcome, JobReport};
use jobs_emulator::{Device, Emulator, Fault, Route, When};
use opentelemetry::trace::Status;
use opentelemetry_sdk::trace::SpanData;
use tracing::{Instrument as _, info_span};

use crate::support::capture::Captured;
use crate::support::span::{
    assert_attributes, attribute, children, description, events, failures, find_span, names,
};
use crate::support::{AT_ONCE, client, quick_hub, reboot, slow_hub};

/// Runs a batch, one job at a time.
async fn run(
    client: &Client,
    requests: impl IntoIterator<Item = (&'static str, BatchRequest), IntoIter: Send>,
) -> Vec<(String, Result<JobReport, BatchError>)> {
    let intervals = Duration::from_millis(10)..=Duration::from_millis(50);
    let batch = client.run_jobs(stream::iter(requests)).poll_intervals(intervals).concurrency(1);
    batch.collect().await
}

#[tokio::test]
async fn job_that_is_awaited_no_longer_has_not_ended() {
    let hub = slow_hub(|pace| &mut pace.running).await;
    let client = client(&hub);
    let captured = Captured::start();
    let requests = stream::iter([("job", BatchRequest::from(reboot()))]);
    let results: Vec<_> = client.run_jobs(requests).wait_timeout(Duration::ZERO).collect().await;
    assert_eq!(results[0].1.as_ref().unwrap().outcome(), JobOutcome::Pending);
    let spans = captured.spans();
    let job = find_job(&spans, "job");
    assert_eq!(attribute(job, "iothub.job_outcome").as_deref(), Some("pending"));
    let count = |message| events(job, message).len();
    assert_eq!((count("a job ended"), count("stopped waiting for a job")), (0, 1));
}

#[tokio::test]
async fn batch_is_the_parent_of_its_jobs_and_they_of_their_operations() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let captured = Captured::start();
    let requests = [("job-0", reboot().into()), ("job-1", reboot().into())];
    run(&client, requests).instrument(info_span!("program")).await;

    let spans = captured.spans();
    let batch = find_span(&spans, "run_jobs");
    assert_eq!(batch.parent_span_id, find_span(&spans, "program").span_context.span_id());
    assert_eq!(batch.status, Status::Unset);
    assert_attributes(
        batch,
        &[
            ("iothub.hub", Some("emulator.localhost")),
            ("iothub.requests", Some("2")),
            ("iothub.requests_ended", Some("2")),
            ("iothub.requests_failed", Some("0")),
            ("iothub.jobs", Some("2")),
            ("iothub.jobs_ended", Some("2")),
            ("iothub.jobs_failed", Some("0")),
            ("iothub.devices", Some("2")),
            ("iothub.devices_failed", Some("0")),
            ("iothub.dropped", None),
            ("error.type", None),
        ],
    );
    let (jobs, comparisons) = jobs_and_comparisons(&spans);
    assert_eq!((jobs.len(), comparisons), (2, vec!["get_scheduled_job"; 2]));
    for (job, id) in jobs.into_iter().zip(["job-0", "job-1"]) {
        assert_attributes(
            job,
            &[
                ("iothub.job_id", Some(id)),
                ("iothub.job_outcome", Some("succeeded")),
                ("iothub.devices", Some("1")),
                ("iothub.devices_failed", Some("0")),
            ],
        );
        let operations = children(&spans, job.span_context.span_id());
        let operations: Vec<&str> = operations.iter().map(|operation| &*operation.name).collect();
        assert_eq!(operations, ["ensure_scheduled_job", "wait_for_job", "query_device_jobs"]);
    }
}

#[tokio::test]
async fn each_result_of_a_job_is_an_event_with_the_progress() {
    let devices = [Device::new("a"), Device::new("b").offline()];
    let hub = Emulator::builder().pace(AT_ONCE).devices(devices).start().await;
    hub.inject(Route::Create.of_job("refused"), When::Next(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let client = client(&hub);
    let captured = Captured::start();
    let limited = || reboot().with_max_execution_time(Duration::from_secs(1));
    let no_method = JobRequest::device_method(CloudToDeviceMethod::new(""), "*");
    let requests = [
        ("job", limited().into()),
        ("refused", limited().into()),
        ("invalid", no_method.into()),
        ("one", limited().for_devices(["a"])),
    ];
    let results = run(&client, requests).await;

    let refused = results[1].1.as_ref().unwrap_err();
    let spans = captured.spans();
    let batches: Vec<_> = spans.iter().filter(|span| attribute(span, "iothub.requests").is_some()).collect();
    let [batch] = batches[..] else { panic!("{:?}", names(&spans)) };
    assert_eq!(description(batch), Some(&*refused.to_string()), "the first failure");
    assert_attributes(
        batch,
        &[
            ("error.type", Some("403")),
            ("iothub.requests", Some("4")),
            ("iothub.requests_ended", Some("4")),
            ("iothub.requests_failed", Some("2")),
            ("iothub.jobs_failed", Some("2")),
            ("iothub.devices", Some("3")),
            ("iothub.devices_failed", Some("1")),
        ],
    );
    for (id, message, progress) in [
        ("job", "a job ended", "jobs=1 jobs_ended=1 jobs_failed=0"),
        ("refused", "a job has no report", "jobs=2 jobs_ended=2 jobs_failed=1"),
        ("invalid", "a job has no report", "jobs=3 jobs_ended=3 jobs_failed=2"),
        ("one-part-1", "a job ended", "jobs=4 jobs_ended=4 jobs_failed=2"),
    ] {
        let [event] = &events(find_job(&spans, id), message)[..] else { panic!("{id}: {spans:?}") };
        assert!(event.contains(&"level=INFO".to_owned()), "{event:?}");
        let shown = event.iter().filter(|field| field.starts_with("jobs"));
        assert_eq!(shown.map(String::as_str).collect::<Vec<_>>().join(" "), progress, "{id}");
    }
    assert_attributes(
        find_job(&spans, "job"),
        &[
            ("iothub.job_outcome", Some("completed with 1 failed device")),
            ("iothub.devices", Some("2")),
            ("iothub.devices_failed", Some("1")),
            ("iothub.devices_without_result", Some("0")),
        ],
    );
    assert_attributes(
        find_job(&spans, "invalid"),
        &[("iothub.job_outcome", None), ("error.type", Some("invalid_request"))],
    );
    assert_eq!(failures(batch), [], "the operation has reported it");
    assert_eq!(failures(find_job(&spans, "refused")), []);
    assert_eq!(description(find_job(&spans, "refused")), Some(&*refused.to_string()));
}

#[tokio::test]
async fn failure_of_a_job_is_not_in_the_lines_of_the_next() {
    let hub = quick_hub().await;
    hub.inject(Route::Create.of_job("refused"), When::Next(1), Fault::refusal(403, "IotHubQuotaExceeded"));
    let client = client(&hub);
    let captured = Captured::start();
    run(&client, [("refused", reboot().into()), ("job", reboot().into())]).await;
    let text = captured.text();
    let end = text.lines().find(|line| line.contains("a job ended") && line.contains("job_id=\"job\""));
    let end = end.unwrap_or_else(|| panic!("{text}"));
    assert!(!end.contains("IotHubQuotaExceeded") && end.contains("jobs_failed=1"), "{end}");
}

/// Returns the span of a job of a batch.
fn find_job<'a>(spans: &'a [SpanData], id: &str) -> &'a SpanData {
    let is_job =
        |span: &&SpanData| span.name == "run_job" && attribute(span, "iothub.job_id").as_deref() == Some(id);
    spans.iter().find(is_job).unwrap()
}

#[tokio::test]
async fn jobs_of_a_list_have_a_span_each() {
    let ids: Vec<String> = (0..600).map(|n| format!("device-{n:05}")).collect();
    let hub = Emulator::builder().pace(AT_ONCE).devices(ids.iter().map(Device::new)).start().await;
    let client = client(&hub);
    let captured = Captured::start();
    run(&client, [("job", reboot().for_devices(&ids))]).await;
    let spans = captured.spans();
    let batch = find_span(&spans, "run_jobs");
    assert_attributes(
        batch,
        &[
            ("iothub.requests", Some("1")),
            ("iothub.requests_ended", Some("1")),
            ("iothub.jobs", Some("2")),
            ("iothub.jobs_ended", Some("2")),
            ("iothub.devices", Some("600")),
        ],
    );
    let (jobs, comparisons) = jobs_and_comparisons(&spans);
    let ids: Vec<_> = jobs.iter().filter_map(|job| attribute(job, "iothub.job_id")).collect();
    assert_eq!(ids, ["job-part-1", "job-part-2"]);
    assert_eq!(comparisons, ["get_scheduled_job"; 2]);
}

/// Returns the spans of the jobs of a batch, and the names of those of the comparisons with the hub's jobs, of which the
/// hub has none: no failure.
fn jobs_and_comparisons(spans: &[SpanData]) -> (Vec<&SpanData>, Vec<&str>) {
    let all = children(spans, find_span(spans, "run_jobs").span_context.span_id());
    let (jobs, comparisons): (Vec<_>, Vec<_>) = all.into_iter().partition(|span| span.name == "run_job");
    for comparison in &comparisons {
        assert_eq!((&comparison.status, failures(comparison)), (&Status::Unset, vec![]));
    }
    (jobs, comparisons.into_iter().map(|span| &*span.name).collect())
}

#[tokio::test]
async fn span_ends_with_the_batch_and_shows_whether_it_was_dropped() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let requests = || stream::iter(["job-0", "job-1", "job-2"].map(|id| (id, reboot())));
    let captured = Captured::start();
    let mut batch = client.run_jobs(requests()).concurrency(1);
    assert!(batch.next().await.is_some());
    assert!(captured.spans().iter().all(|span| span.name != "run_jobs"));
    drop(batch);
    let spans = captured.spans();
    let dropped = find_span(&spans, "run_jobs");
    assert_attributes(dropped, &[("iothub.dropped", Some("true")), ("iothub.requests_ended", Some("1"))]);

    let captured = Captured::start();
    let mut batch = client.run_jobs(requests());
    while batch.next().await.is_some() {}
    let spans = captured.spans();
    let ended = find_span(&spans, "run_jobs");
    assert_attributes(ended, &[("iothub.dropped", None), ("iothub.requests_ended", Some("3"))]);
    assert!(batch.next().await.is_none(), "the stream stays at its end");
}
