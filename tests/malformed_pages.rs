//! Pages that are not as the spec describes them.

use futures_util::{StreamExt as _, TryStreamExt as _};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Error, JobFilter, JobOutcome};
use jobs_emulator::{Fault, Route, When};
use reqwest::Method;

use crate::support::{client, quick_hub, reboot};

/// A page of three rows, of which the second has a payload nested beyond what is read.
fn page_with_a_deep_payload() -> String {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let row = |id, status, payload: &str| {
        format!(
            r#"{{"deviceId":"{id}","status":"completed","outcome":{{"deviceMethodResponse":{{"status":{status},"payload":{payload}}}}}}}"#
        )
    };
    format!("[{},{},{}]", row("a", 200, "1"), row("b", 200, &deep), row("c", 500, "2"))
}

#[tokio::test]
async fn continuation_that_is_not_ascii_does_not_end_the_listing() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let page = Fault::status(200).with_body(r#"[{"jobId":"a"}]"#).with_header("x-ms-continuation", "é");
    hub.inject(Route::QueryJobs, When::Next(1), page);
    let jobs: Vec<_> = client.query_scheduled_jobs(JobFilter::default()).collect().await;
    let [Ok(_), Err(error)] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!(error.status().unwrap().as_u16(), 400, "{error}");
}

#[tokio::test]
async fn continuation_that_cannot_be_sent_is_an_invalid_request() {
    let hub = quick_hub().await;
    for token in ["", "a\nb"] {
        let mut jobs = client(&hub).query_scheduled_jobs(JobFilter::default()).resume_from(token);
        let error = jobs.try_next().await.unwrap_err().to_string();
        assert!(error.starts_with("query_scheduled_jobs was not sent: x-ms-continuation must be"), "{error}");
    }
    assert!(hub.requests().is_empty());
}

#[tokio::test]
async fn unreadable_row_leaves_the_rest_of_its_page() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let page = Fault::status(200).with_body(page_with_a_deep_payload());
    hub.inject(Route::QueryDevices, When::Next(1), page);
    let rows: Vec<_> = client.query_device_jobs("job").collect().await;
    let ids: Vec<&str> = rows.iter().filter_map(|row| row.as_ref().ok()).map(|row| row.id()).collect();
    assert_eq!(ids, ["a", "c"]);
    let [error] = &rows.iter().filter_map(|row| row.as_ref().err()).collect::<Vec<_>>()[..] else {
        panic!("{rows:?}")
    };
    let Error::UnreadableRow(row) = error else { panic!("{error}") };
    assert!(row.index == 1 && row.text.contains(r#""deviceId":"b""#), "{row:?}");
    let text = error.to_string();
    let path = "row 1 of a page cannot be read: outcome.deviceMethodResponse.payload[0][0]";
    assert!(text.starts_with(path) && text.contains("…: recursion limit exceeded"), "{text}");
}

#[tokio::test]
async fn report_counts_unreadable_rows() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let page = Fault::status(200).with_body(page_with_a_deep_payload());
    hub.inject(Route::QueryDevices, When::Next(1), page);
    let report = client.job_report("job").await.unwrap();
    assert_eq!((report.devices, report.succeeded, report.failed, report.unreadable), (3, 1, 1, 1));
}

#[tokio::test]
async fn count_with_a_fraction_of_zero_hides_no_job() {
    let hub = quick_hub().await;
    let counts = r#"{"deviceCount":2.0,"succeededCount":2.0,"failedCount":0.0}"#;
    let job = format!(r#"{{"jobId":"job","status":"completed","deviceJobStatistics":{counts}}}"#);
    hub.inject(Route::Get, When::Every(1), Fault::status(200).with_body(job.clone()));
    hub.inject(Route::QueryJobs, When::Every(1), Fault::status(200).with_body(format!("[{job}]")));
    let client = client(&hub);
    assert_eq!(client.get_scheduled_job("job").await.unwrap().outcome(), JobOutcome::Succeeded);
    let job = client.query_scheduled_jobs(JobFilter::default()).try_next().await.unwrap().unwrap();
    assert_eq!(job.counts().total, 2);
}

#[tokio::test]
async fn page_that_cannot_be_read_does_not_hide_the_later_ones() {
    let hub = quick_hub().await;
    for (body, next) in [(r#"[{"jobId":"a"}]"#, "2"), (r#"[{"jobId":"b"},{"jobId":"\ud8"#, "3")] {
        let page = Fault::status(200).with_body(body).with_header("x-ms-continuation", next);
        hub.inject(Route::QueryJobs, When::Next(1), page);
    }
    hub.inject(Route::QueryJobs, When::Next(1), Fault::status(200).with_body(r#"[{"jobId":"c"}]"#));
    let jobs: Vec<_> = client(&hub).query_scheduled_jobs(JobFilter::default()).collect().await;
    let [Ok(first), Err(error), Ok(last)] = &jobs[..] else { panic!("{jobs:?}") };
    assert!(matches!(error, Error::UnreadableResponse(_)), "{error}");
    assert_eq!((first.id(), last.id(), hub.requests().len()), ("a", "c", 3));
}

#[tokio::test]
async fn continuation_that_looks_like_a_credential_is_sent_back_as_it_came() {
    let hub = quick_hub().await;
    let token = "eyJ0b2tlbiI6InNpZz0xIn0";
    let page = Fault::status(200).with_body("[").with_header("x-ms-continuation", token);
    hub.inject(Route::QueryJobs, When::Next(1), page);
    let jobs: Vec<_> = client(&hub).query_scheduled_jobs(JobFilter::default()).collect().await;
    assert_eq!(hub.requests()[1].headers["x-ms-continuation"], token);
    let [Err(page), ..] = &jobs[..] else { panic!("{jobs:?}") };
    assert!(!format!("{page:?}").contains(token), "{page:?}");
}

#[tokio::test]
async fn cycle_of_pages_that_cannot_be_read_ends() {
    let hub = quick_hub().await;
    let page = Fault::status(200).with_body("[").with_header("x-ms-continuation", "2");
    hub.inject(Route::QueryJobs, When::Every(1), page);
    let jobs: Vec<_> = client(&hub).query_scheduled_jobs(JobFilter::default()).collect().await;
    assert!(jobs.len() == 2 && jobs.iter().all(Result::is_err), "{jobs:?}");
}

#[tokio::test]
async fn page_with_more_rows_than_requested_is_an_error() {
    let hub = quick_hub().await;
    hub.inject(Route::QueryJobs, When::Next(1), Fault::status(200).with_body("[{},{},{}]"));
    let error = client(&hub).query_scheduled_jobs(JobFilter::default()).page_size(2).try_next().await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::MalformedPage(_)), "{error}");
    assert_eq!(error.to_string(), "the hub returned a page of 3 items instead of at most 2");
}

#[tokio::test]
async fn huge_page_is_rejected_before_it_is_built() {
    let hub = quick_hub().await;
    let body = format!("[{}{{}}]", "{},".repeat(5_000_000));
    hub.inject(Route::QueryJobs, When::Every(1), Fault::status(200).with_body(body));
    let error = client(&hub).query_scheduled_jobs(JobFilter::default()).try_next().await.unwrap_err();
    assert!(error.to_string().contains("cannot be read: more than 1000 rows"), "{error}");
    // The limit of a page follows from its size.
    let error = client(&hub).query_scheduled_jobs(JobFilter::default()).page_size(1).try_next().await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("it is larger than 589824 bytes"), "{error}");
}

#[tokio::test]
async fn alternating_continuation_tokens_end_the_listing_with_an_error() {
    let hub = quick_hub().await;
    for _ in 0..4 {
        for token in ["a", "b"] {
            let page = Fault::status(200).with_body("[]").with_header("x-ms-continuation", token);
            hub.inject(Route::QueryJobs, When::Next(1), page);
        }
    }
    let error = client(&hub).query_scheduled_jobs(JobFilter::default()).next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::MalformedPage(_)), "{error}");
}

#[tokio::test]
async fn id_that_would_leave_its_path_is_not_sent() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let request = &JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "*");
    for id in ["", ".", ".."] {
        for error in [
            client.call(|api| async move { api.get_scheduled_job(id).await }).await.unwrap_err(),
            client.call(|api| async move { api.create_scheduled_job(id, request).await }).await.unwrap_err(),
            client.call(|api| async move { api.cancel_scheduled_job(id).await }).await.unwrap_err(),
        ] {
            assert!(error.to_string().starts_with("not sent: "), "{error}");
        }
    }
    assert!(hub.requests().is_empty());
    let id = "..\\..\\devices";
    client.call(|api| async move { api.get_scheduled_job(id).await }).await.unwrap();
    let [request] = &hub.requests()[..] else { panic!() };
    assert_eq!((request.method.clone(), request.path.as_str()), (Method::GET, "/jobs/v2/..%5C..%5Cdevices"));
}
