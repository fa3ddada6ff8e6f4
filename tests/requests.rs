//! Requests on the wire: method, path, headers and body.

use chrono::{TimeDelta, Utc};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Error, types};
use jobs_emulator::Request;
use serde_json::json;

use crate::support::{api_version, builder, client, quick_hub, reboot, set_interval};

/// Asserts what every request carries: token, request id, user agent and API version.
fn assert_common_parts(request: &Request) {
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.starts_with("SharedAccessSignature sr=emulator.localhost&sig="), "{authorization}");
    let request_id: uuid::Uuid = request.header("request-id").unwrap().parse().unwrap();
    assert_eq!(request_id.get_version_num(), 4);
    assert_eq!(request.header("user-agent"), Some(concat!("jobs-api/", env!("CARGO_PKG_VERSION"))));
    let version = format!("api-version={}", api_version());
    assert!(request.query.split('&').any(|pair| pair == version), "{}", request.query);
    assert_eq!(request.header("api-version"), None);
}

#[tokio::test]
async fn create_request_carries_the_whole_job() {
    let hub = quick_hub().await;
    let job = client(&hub).create_scheduled_job("reboot-43", &set_interval()).await.unwrap();
    assert_eq!(job.job_id.as_deref(), Some("reboot-43"));
    assert_eq!(job.status, Some(types::JobStatus::Queued));
    assert_eq!(job.type_, Some(types::JobType::ScheduleUpdateTwin));

    let [request] = &hub.requests()[..] else { panic!("one request") };
    assert_common_parts(request);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/jobs/v2/reboot-43"));
    assert_eq!(request.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
    assert_eq!(
        request.json(),
        json!({
            "jobId": "reboot-43",
            "type": "scheduleUpdateTwin",
            "updateTwin": { "etag": "*", "properties": { "desired": { "interval": 30 } } },
            "queryCondition": "*",
        })
    );
}

#[tokio::test]
async fn get_request_has_no_body() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    client.get_scheduled_job("job").await.unwrap();
    let request = &hub.requests()[1];
    assert_common_parts(request);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/jobs/v2/job"));
    assert_eq!((request.header("content-type"), request.header("content-length")), (None, None));
}

#[tokio::test]
async fn cancel_request_declares_an_empty_body() {
    let hub = quick_hub().await;
    let _ = client(&hub).cancel_scheduled_job("job").await;
    let request = &hub.requests()[0];
    assert_common_parts(request);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/jobs/v2/job/cancel"));
    assert_eq!(request.header("content-length"), Some("0"));
    assert_eq!(request.header("content-type"), None);
}

#[tokio::test]
async fn concurrent_requests_have_distinct_ids_and_share_a_token() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let calls = (0..20).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.get_scheduled_job("none").await.is_err() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap());
    }
    let distinct = |header: &str| {
        let values = hub.requests().into_iter().map(|request| request.header(header).unwrap().to_owned());
        values.collect::<std::collections::HashSet<_>>().len()
    };
    assert_eq!((distinct("request-id"), distinct("authorization")), (20, 1));
}

#[tokio::test]
async fn endpoint_path_precedes_the_operations_path() {
    let hub = quick_hub().await;
    let client = builder(&hub).endpoint(format!("{}/gateway/hub/", hub.endpoint())).build().unwrap();
    assert!(client.get_scheduled_job("job").await.is_err());
    assert_eq!(hub.requests()[0].path, "/gateway/hub/jobs/v2/job");
}

#[tokio::test]
async fn invalid_request_is_not_sent() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let select = JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "SELECT * FROM devices");
    for error in [
        client.create_scheduled_job("job", &select).await.unwrap_err(),
        client.create_scheduled_job("a b", &reboot()).await.unwrap_err(),
        client.get_scheduled_job("").await.unwrap_err(),
        client.cancel_scheduled_job("../devices").await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error}");
    }
    assert!(hub.requests().is_empty());
}

#[tokio::test]
async fn start_is_limited_by_the_clock_of_the_hub() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let start = |hours: i64| reboot().with_start_time(Utc::now() + TimeDelta::hours(hours));
    for error in [
        client.create_scheduled_job("job", &start(169)).await.unwrap_err(),
        client.ensure_scheduled_job("job", &start(169)).await.unwrap_err(),
    ] {
        assert!(error.to_string().ends_with("startTime must be at most 168 hours ahead, by the hub's clock"));
    }
    assert!(hub.requests().is_empty());
    hub.set_clock_offset(TimeDelta::hours(2));
    assert!(client.get_scheduled_job("job").await.is_err());
    client.create_scheduled_job("job", &start(169)).await.unwrap();
}

#[tokio::test]
async fn invalid_request_error_names_the_field_and_the_rule() {
    let hub = quick_hub().await;
    let error = client(&hub).get_scheduled_job("a/b").await.unwrap_err();
    let expected = "get_scheduled_job was not sent: jobId must have 1 to 64 ASCII letters, digits and `-`";
    assert_eq!(error.to_string(), expected);
}
