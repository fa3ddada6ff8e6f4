//! The emulated hub over the wire, without the client.

use std::time::Duration;

use chrono::TimeDelta;
use jobs_api::ClientBuilder;
use jobs_api::types::{JobStatus, QuerySpecification};
use jobs_emulator::{Device, Emulator, PolicyKey};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{client, own_clock_hub, quick_hub, reboot, wait_for_end};

/// Sends a request with a token signed with the primary key.
async fn send(hub: &Emulator, method: Method, path: &str, body: Option<Value>) -> (u16, String) {
    let token = signed_token(hub, PolicyKey::Primary).await;
    send_with(hub, &token, method, path, body).await
}

/// Returns a token that the client signed with `key`.
async fn signed_token(hub: &Emulator, key: PolicyKey) -> String {
    let builder = ClientBuilder::from_connection_string(&hub.connection_string_with(key)).unwrap();
    let _ = builder.endpoint(hub.endpoint()).build().unwrap().get_scheduled_job("none").await;
    hub.requests().last().unwrap().header("authorization").unwrap().to_owned()
}

/// Returns true if the hub accepts the token.
async fn is_accepted(hub: &Emulator, token: &str) -> bool {
    let path = "/jobs/v2/none?api-version=2021-04-12";
    match send_with(hub, token, Method::GET, path, None).await.0 {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

async fn send_with(
    hub: &Emulator,
    token: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (u16, String) {
    let url = format!("{}{path}", hub.endpoint());
    let request = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .request(method, url)
        .header("authorization", token);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn put(hub: &Emulator, body: Value) -> (u16, String) {
    send(hub, Method::PUT, "/jobs/v2/job?api-version=2021-04-12", Some(body)).await
}

#[tokio::test]
async fn post_without_a_length_is_rejected_with_html() {
    let hub = quick_hub().await;
    let (status, body) = send(&hub, Method::POST, "/jobs/v2/job/cancel?api-version=2021-04-12", None).await;
    assert_eq!(status, 411);
    assert!(body.contains("<h2>Length Required</h2>"), "{body}");
}

#[tokio::test]
async fn missing_or_unsupported_api_version_is_rejected() {
    let hub = quick_hub().await;
    for path in ["/jobs/v2/job", "/jobs/v2/job?api-version=2016-11-14"] {
        let (status, body) = send(&hub, Method::GET, path, None).await;
        assert_eq!(status, 400);
        assert!(body.contains("ErrorCode:InvalidProtocolVersion;"), "{body}");
    }
}

#[tokio::test]
async fn invalid_request_bodies_are_rejected_with_the_services_codes() {
    let hub = quick_hub().await;
    let method = json!({ "type": "scheduleDeviceMethod", "cloudToDeviceMethod": { "methodName": "m" }, "queryCondition": "*" });
    let twin = json!({ "type": "scheduleUpdateTwin", "updateTwin": { "etag": "*", "tags": { "a": 1 } }, "queryCondition": "*" });
    let with = |base: &Value, pointer: &str, value: Value| {
        let mut body = base.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        body
    };
    for (body, status, code) in [
        (with(&method, "/startTime", Value::Null), 400, "ArgumentInvalid"),
        (with(&method, "/maxExecutionTimeInSeconds", Value::Null), 400, "ArgumentInvalid"),
        (with(&method, "/maxExecutionTimeInSeconds", json!(-1)), 400, "ArgumentInvalid"),
        (with(&method, "/startTime", json!("soon")), 400, "ArgumentInvalid"),
        (with(&method, "/jobId", json!("other")), 400, "ArgumentInvalid"),
        (with(&method, "/type", json!("import")), 400, "ArgumentInvalid"),
        (with(&method, "/queryCondition", json!("")), 400, "ArgumentInvalid"),
        (with(&method, "/queryCondition", json!("x".repeat(8193))), 412, "PreconditionFailed"),
        (with(&method, "/cloudToDeviceMethod/methodName", json!("")), 400, "ArgumentInvalid"),
        (with(&method, "/cloudToDeviceMethod/responseTimeoutInSeconds", json!(4)), 400, "ArgumentInvalid"),
        (with(&method, "/cloudToDeviceMethod/connectTimeoutInSeconds", json!("1")), 400, "ArgumentInvalid"),
        (with(&method, "/cloudToDeviceMethod/payload", json!("x".repeat(131_072))), 413, "MessageTooLarge"),
        (with(&twin, "/updateTwin/etag", Value::Null), 412, "PreconditionFailed"),
        (with(&twin, "/updateTwin/tags", json!([1])), 400, "ArgumentInvalid"),
        (with(&twin, "/updateTwin", json!({ "desired": { "a": 1 }, "etag": "*" })), 400, "ArgumentInvalid"),
        (json!([1]), 400, "GenericBadRequest"),
    ] {
        let (answered, text) = put(&hub, body.clone()).await;
        assert_eq!(answered, status, "{body}");
        assert!(text.starts_with("{") && text.contains(&format!("ErrorCode:{code};")), "{text}");
        assert!(text.contains("Tracking ID:"), "{text}");
    }
    assert_eq!(put(&hub, method).await.0, 200);
}

#[tokio::test]
async fn bearer_token_is_accepted_only_from_the_hubs_issuer_until_it_expires() {
    let hub = own_clock_hub().await;
    let hour = Duration::from_secs(3600);
    let token = format!("Bearer {}", hub.issuer().token(hour));
    assert!(is_accepted(&hub, &token).await);
    assert!(!is_accepted(&hub, &format!("{token}a")).await, "the signature does not match");
    assert!(!is_accepted(&hub, &token.replacen('.', ".e30", 1)).await, "the claims were changed");
    assert!(!is_accepted(&hub, &token.to_lowercase()).await);
    assert!(!is_accepted(&hub, "Bearer ").await);
    let from_another_issuer = format!("Bearer {}", quick_hub().await.issuer().token(hour));
    assert!(!is_accepted(&hub, &from_another_issuer).await);
    let for_another_audience = format!("Bearer {}", hub.issuer().token_for("https://vault.azure.net", hour));
    assert!(!is_accepted(&hub, &for_another_audience).await);
    hub.set_clock_offset(TimeDelta::hours(1));
    assert!(!is_accepted(&hub, &token).await, "it has expired");
    hub.set_clock_offset(TimeDelta::minutes(-6));
    assert!(!is_accepted(&hub, &token).await, "it is not valid yet");
}

#[tokio::test]
async fn regenerated_key_revokes_tokens_of_the_previous_key() {
    let hub = quick_hub().await;
    let [primary, secondary] =
        [signed_token(&hub, PolicyKey::Primary).await, signed_token(&hub, PolicyKey::Secondary).await];
    assert!(is_accepted(&hub, &primary).await && is_accepted(&hub, &secondary).await);
    hub.regenerate_key(PolicyKey::Primary);
    assert!(!is_accepted(&hub, &primary).await && is_accepted(&hub, &secondary).await);
    assert!(is_accepted(&hub, &signed_token(&hub, PolicyKey::Primary).await).await);
}

#[tokio::test]
async fn both_queries_are_paged() {
    let devices = (0..250).map(|n| Device::new(format!("d{n:03}")));
    let hub = Emulator::builder().devices(devices).concurrent_jobs(10).start().await;
    let client = client(&hub);
    for n in 0..5 {
        client.create_scheduled_job(&format!("job-{n}"), &reboot()).await.unwrap();
    }
    wait_for_end(&client, "job-4").await;

    let query = "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'job-4'";
    let query = &QuerySpecification::default().with_query(query);
    let mut devices = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let from = token.as_deref();
        let page = client
            .call(|api| async move { api.query_device_jobs(query).with_x_ms_continuation(from).await })
            .await
            .unwrap();
        assert_eq!(page.headers()["x-ms-item-type"], "DeviceJob");
        devices.extend(page.value().readable.iter().map(|row| row.device_id.clone().unwrap()));
        token = page.headers().get("x-ms-continuation").map(|token| token.to_str().unwrap().to_owned());
        if token.is_none() {
            break;
        }
    }
    assert_eq!(devices.len(), 250);

    let size = Some("2");
    let first = client
        .call(|api| async move { api.query_scheduled_jobs().with_x_ms_max_item_count(size).await })
        .await
        .unwrap();
    assert_eq!(first.value().readable.len(), 2);
    let token = first.headers()["x-ms-continuation"].to_str().unwrap();
    let foreign = client
        .call(|api| async move {
            api.query_scheduled_jobs().with_x_ms_continuation(token).with_x_ms_max_item_count("3").await
        })
        .await;
    assert_eq!(foreign.unwrap_err().status().unwrap().as_u16(), 400);
}

#[tokio::test]
#[should_panic(expected = "the valve is stuck")]
async fn device_panic_fails_the_test() {
    let device = Device::new("pump").answering(|_| panic!("the valve is stuck"));
    let hub = Emulator::builder().device(device).start().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!(wait_for_end(&client, "job").await.status, Some(JobStatus::Failed));
    drop(hub);
}
