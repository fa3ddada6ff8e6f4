//! Listings, their pages, and the report on a job's devices.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use jobs_api::types::{DeviceJobStatus, JobStatus, JobType};
use jobs_api::{Client, Error, JobFilter, Pager, RetryPolicy};
use jobs_emulator::{Device, Emulator, Fault, MethodAnswer, Request, Route, When};
use serde_json::json;

use crate::support::{
    AT_ONCE, builder, client, offline_fails_at_once, quick_hub, reboot, set_interval, wait_for_end,
};

/// Starts a hub with `count` completed jobs.
async fn hub_with_jobs(count: usize) -> (Emulator, Client) {
    let hub = Emulator::builder().pace(AT_ONCE).concurrent_jobs(usize::MAX).start().await;
    let client = client(&hub);
    for n in 0..count {
        let request = if n % 2 == 0 { reboot() } else { set_interval() };
        client.create_scheduled_job(&format!("job-{n}"), &request).await.unwrap();
    }
    for n in 0..count {
        wait_for_end(&client, &format!("job-{n}")).await;
    }
    (hub, client)
}

/// Returns the query requests that reached the hub.
fn queries(hub: &Emulator) -> Vec<Request> {
    hub.requests().into_iter().filter(|request| request.path.ends_with("/query")).collect()
}

/// Collects the ids of the jobs of a listing.
async fn ids(listing: Pager<jobs_api::types::JobResponse>) -> Vec<String> {
    listing.map_ok(|job| job.job_id.unwrap()).try_collect().await.unwrap()
}

#[tokio::test]
async fn listing_spans_all_pages() {
    let (hub, client) = hub_with_jobs(25).await;
    let all = ids(client.query_scheduled_jobs(JobFilter::default()).page_size(10)).await;
    assert_eq!(all.len(), 25);
    let requests = queries(&hub);
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.header("x-ms-max-item-count") == Some("10")));
    assert!(
        requests[0].header("x-ms-continuation").is_none()
            && requests[1].header("x-ms-continuation").is_some()
    );
}

#[tokio::test]
async fn filter_is_sent_with_every_page() {
    let (hub, client) = hub_with_jobs(25).await;
    let filter = JobFilter::default().job_type(JobType::ScheduleUpdateTwin).status(JobStatus::Completed);
    assert_eq!(ids(client.query_scheduled_jobs(filter).page_size(5)).await.len(), 12);
    let requests = queries(&hub);
    assert_eq!(requests.len(), 3);
    for request in requests {
        assert!(
            request.query.contains("jobType=scheduleUpdateTwin")
                && request.query.contains("jobStatus=completed")
        );
    }
}

#[tokio::test]
async fn pages_are_fetched_lazily() {
    let (hub, client) = hub_with_jobs(25).await;
    let mut listing = client.query_scheduled_jobs(JobFilter::default()).page_size(10);
    assert!(queries(&hub).is_empty());
    for _ in 0..10 {
        listing.next().await.unwrap().unwrap();
    }
    assert_eq!(queries(&hub).len(), 1);
}

#[tokio::test]
async fn listing_resumes_from_a_continuation_token() {
    let (_hub, client) = hub_with_jobs(25).await;
    let listing = || client.query_scheduled_jobs(JobFilter::default()).page_size(10);
    let first = std::pin::pin!(listing().pages()).next().await.unwrap().unwrap();
    assert_eq!(first.items.len(), 10);
    let token = first.continuation.unwrap();
    assert_eq!(ids(listing().resume_from(&token)).await.len(), 15);
    let mut foreign = client.query_scheduled_jobs(JobFilter::default()).page_size(11).resume_from(&token);
    let error = foreign.next().await.unwrap().unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 400);
    assert!(foreign.next().await.is_none(), "an error ends the stream");
}

#[tokio::test]
async fn empty_page_ends_the_listing_only_without_a_token() {
    let hub = quick_hub().await;
    let empty = Fault::status(200).with_body("[]").with_header("x-ms-continuation", "next");
    hub.inject(Route::QueryJobs, When::Next(1), empty);
    hub.inject(Route::QueryJobs, When::Next(1), Fault::status(200).with_body(r#"[{"jobId":"a"}]"#));
    assert_eq!(ids(client(&hub).query_scheduled_jobs(JobFilter::default())).await, ["a"]);
    assert_eq!(queries(&hub)[1].header("x-ms-continuation"), Some("next"));
    assert!(ids(client(&hub).query_scheduled_jobs(JobFilter::default())).await.is_empty());
}

#[tokio::test]
async fn repeated_continuation_token_ends_the_listing_with_an_error() {
    let hub = quick_hub().await;
    let same = Fault::status(200).with_body("[]").with_header("x-ms-continuation", "same");
    hub.inject(Route::QueryJobs, When::Every(1), same);
    let error = client(&hub).query_scheduled_jobs(JobFilter::default()).next().await.unwrap().unwrap_err();
    assert!(error.to_string().starts_with("the listing would never end"), "{error}");
    assert_eq!(queries(&hub).len(), 2);
}

#[tokio::test]
async fn invalid_query_is_not_sent() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let odd = DeviceJobStatus::UnknownValue("x' OR '1' = '1".into());
    for error in [
        client.query_scheduled_jobs(JobFilter::default()).page_size(0).next().await.unwrap().unwrap_err(),
        client.query_scheduled_jobs(JobFilter::default()).page_size(101).next().await.unwrap().unwrap_err(),
        client.query_device_jobs("a' OR '1' = '1").next().await.unwrap().unwrap_err(),
        client.query_device_jobs("job").status(odd).next().await.unwrap().unwrap_err(),
    ] {
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
    }
    assert!(hub.requests().is_empty());
}

#[tokio::test]
async fn failed_page_is_retried() {
    let (hub, _) = hub_with_jobs(25).await;
    hub.inject(Route::QueryJobs, When::Every(2), Fault::status(503));
    let policy = RetryPolicy::default().with_base(Duration::from_millis(1));
    let client = builder(&hub).retry(policy).build().unwrap();
    let listing = client.query_scheduled_jobs(JobFilter::default()).page_size(10);
    let count = tokio::spawn(async move { ids(listing).await.len() });
    assert_eq!(count.await.unwrap(), 25);
    assert_eq!(queries(&hub).len(), 5);
}

/// Starts a hub with a completed job on 120 devices: 10 are offline, 5 return 404.
async fn hub_with_failures() -> (Emulator, Client) {
    let devices = (0..120).map(|n| match n {
        0..10 => Device::new(format!("off-{n}")).offline(),
        10..15 => Device::new(format!("no-{n}"))
            .answering(|_| MethodAnswer { status: 404, payload: json!("no such method") }),
        _ => Device::new(format!("on-{n}")),
    });
    let hub = Emulator::builder().pace(AT_ONCE).devices(devices).behavior(offline_fails_at_once());
    let hub = hub.start().await;
    let client = client(&hub);
    let request = reboot().with_max_execution_time(Duration::from_secs(1));
    client.create_scheduled_job("job", &request).await.unwrap();
    wait_for_end(&client, "job").await;
    (hub, client)
}

#[tokio::test]
async fn device_jobs_span_all_pages_and_filter_by_status() {
    let (hub, client) = hub_with_failures().await;
    let rows: Vec<_> = client.query_device_jobs("job").try_collect().await.unwrap();
    assert_eq!(rows.len(), 120);
    assert_eq!(rows.iter().filter(|row| row.is_success()).count(), 105);
    assert_eq!(queries(&hub).len(), 2);
    let failed: Vec<_> =
        client.query_device_jobs("job").status(DeviceJobStatus::Failed).try_collect().await.unwrap();
    assert_eq!(failed.len(), 10);
    assert!(failed.iter().all(|row| row.failure().unwrap().starts_with("JobRunPreconditionFailed: ")));
}

#[tokio::test]
async fn report_counts_devices_and_names_failures() {
    let (_hub, client) = hub_with_failures().await;
    let report = client.job_report("job").await.unwrap();
    assert_eq!((report.devices, report.succeeded, report.failed), (120, 105, 15));
    assert_eq!((report.by_status["completed"], report.by_status["failed"]), (110, 10));
    assert_eq!(report.by_error_code["JobRunPreconditionFailed"], 10);
    assert_eq!((report.by_method_status[&200], report.by_method_status[&404]), (105, 5));
    let rejected = report.failures.iter().find(|failure| failure.device_id == "no-10").unwrap();
    assert_eq!(rejected.reason, "the device answered 404: \"no such method\"");
    assert!(client.job_report("none").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn empty_continuation_token_ends_the_listing() {
    let hub = quick_hub().await;
    let last = Fault::status(200).with_body(r#"[{"jobId":"a"}]"#).with_header("x-ms-continuation", "");
    hub.inject(Route::QueryJobs, When::Every(1), last);
    assert_eq!(ids(client(&hub).query_scheduled_jobs(JobFilter::default())).await, ["a"]);
    assert_eq!(queries(&hub).len(), 1);
}
