//! Options of single calls.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jobs_api::reqwest::header::HeaderValue;
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Condition, Error, Operations, RetryPolicy};
use jobs_emulator::{Fault, Route, When};
use tokio::time::timeout;

use crate::support::{builder, client, fast_retries, quick_hub, reboot, received_methods};

#[tokio::test]
async fn retries_of_a_single_call_can_be_changed() {
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Every(1), Fault::status(503));
    let client = client(&hub);
    client.with_retry(RetryPolicy::none()).get_scheduled_job("job").await.unwrap_err();
    assert_eq!(received_methods(&hub), "GET");
    let twice = RetryPolicy::default().with_attempts(2).with_base(Duration::from_millis(1));
    client.with_retry(twice).get_scheduled_job("job").await.unwrap_err();
    assert_eq!(received_methods(&hub), "GET GET GET");
}

#[tokio::test]
async fn attempt_timeout_of_a_single_call_can_be_changed() {
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Next(1), Fault::Delay(Duration::from_secs(3600)));
    let hasty = client(&hub).with_retry(RetryPolicy::none()).with_attempt_timeout(Duration::from_millis(50));
    // The timeout of the client itself is a minute.
    let call = timeout(Duration::from_secs(15), hasty.get_scheduled_job("job"));
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Transport(transport) if transport.is_timeout()), "{error}");
}

#[tokio::test]
async fn attempt_that_takes_too_long_is_an_error_within_a_call() {
    let hub = quick_hub().await;
    hub.inject(Route::Get, When::Next(1), Fault::Delay(Duration::from_secs(3600)));
    let hasty = client(&hub).with_retry(RetryPolicy::none()).with_attempt_timeout(Duration::from_millis(50));
    let seen = Mutex::new(None);
    let read = |api: Operations| {
        let seen = &seen;
        async move {
            let result = api.get_scheduled_job("job").await;
            *seen.lock().unwrap() = result.as_ref().err().map(ToString::to_string);
            result
        }
    };
    let error = hasty.call(read).await.unwrap_err();
    assert!(matches!(&error, Error::Transport(transport) if transport.is_timeout()), "{error}");
    let seen = seen.into_inner().unwrap().unwrap();
    assert_eq!(seen, "no whole response was received", "it reads no answer that was never given");
}

#[tokio::test]
async fn attempt_without_any_time_is_not_sent() {
    let hub = quick_hub().await;
    let client = client(&hub);
    // A connection is open from now on.
    client.create_scheduled_job("other", &reboot()).await.unwrap();
    let client = client.with_attempt_timeout(Duration::ZERO).with_retry(RetryPolicy::none());
    let read = client.get_scheduled_job("job").await.unwrap_err();
    let creation = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    for error in [read, creation] {
        assert!(matches!(&error, Error::Transport(transport) if transport.is_timeout()), "{error}");
        assert!(error.to_string().contains("not sent: no time was left"), "{error}");
        assert!(!error.is_outcome_unknown(), "{error}");
    }
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn header_of_a_single_call_is_sent() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let traced = client.with_header("traceparent", "00-1-2-01").unwrap();
    traced.create_scheduled_job("job", &reboot()).await.unwrap();
    client.get_scheduled_job("job").await.unwrap();
    let [create, get] = &hub.requests()[..] else { panic!() };
    assert_eq!((create.header("traceparent"), get.header("traceparent")), (Some("00-1-2-01"), None));
}

#[tokio::test]
async fn header_that_the_client_sets_or_that_is_malformed_is_refused() {
    let hub = quick_hub().await;
    for (name, value) in [
        ("Authorization", "a"),
        ("content-type", "a"),
        ("user-agent", "a"),
        ("a b", "a"),
        ("", "a"),
        ("x-a", "a\nb"),
        ("x-a", "\0"),
    ] {
        let error = client(&hub).with_header(name, value).unwrap_err();
        assert!(
            matches!(error, Error::InvalidConfiguration { setting: "Client::with_header", .. }),
            "{error}"
        );
    }
}

#[tokio::test]
async fn response_reports_status_request_id_and_attempts() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.inject(Route::Get, When::Next(1), Fault::status(503));
    let response = client.call(|api| async move { api.get_scheduled_job("job").await }).await.unwrap();
    let last = hub.requests().pop().unwrap();
    assert_eq!(response.request_id().to_string(), last.header("request-id").unwrap());
    assert_eq!((response.status().as_u16(), response.attempts(), response.value().id()), (200, 2, "job"));
    assert!(response.elapsed() > Duration::ZERO);
}

#[tokio::test]
async fn operation_of_a_user_returns_the_headers_of_its_response() {
    let hub = quick_hub().await;
    let client = client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let seen = &Mutex::new(None);
    let read = |api: Operations| async move {
        let result = api.get_scheduled_job("job").await;
        *seen.lock().unwrap() = result.as_ref().ok().map(|job| (job.status(), job.value().clone()));
        result
    };
    let response = client.call(read).await.unwrap();
    assert!(response.headers().contains_key("content-type"));
    assert_eq!(*seen.lock().unwrap(), Some((response.status(), response.into_inner())));
}

#[tokio::test]
async fn last_operation_of_a_closure_decides() {
    let hub = quick_hub().await;
    let client = client(&hub).with_attempt_timeout(Duration::from_secs(1)).with_retry(RetryPolicy::none());
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.inject(Route::Get.of_job("late"), When::Every(1), Fault::Delay(Duration::from_secs(60)));
    let get_both = async |first, second| {
        let both = |api: Operations| async move {
            let _ = api.get_scheduled_job(first).await;
            api.get_scheduled_job(second).await
        };
        client.call(both).await
    };
    assert_eq!(get_both("late", "job").await.unwrap().value().id(), "job");
    let error = get_both("job", "late").await.unwrap_err();
    assert!(
        matches!(&error, Error::Transport(late) if late.is_timeout()) && error.status().is_none(),
        "{error}"
    );
}

#[tokio::test]
async fn request_takes_a_condition() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let request = |condition| JobRequest::device_method(CloudToDeviceMethod::new("reboot"), condition);
    client
        .create_scheduled_job("job", &request(Condition::tag("a").eq("it's").build().unwrap()))
        .await
        .unwrap();
    assert_eq!(hub.requests()[0].json()["queryCondition"], "tags.a = 'it\\u0027s'");
    let modules = request(Condition::tag("a").eq(1).build_on_modules().unwrap());
    assert_eq!(modules.query_condition.as_deref(), Some("FROM devices.modules WHERE tags.a = 1"));
    let error = Error::from(Condition::tag("a..b").eq(1).build().unwrap_err());
    assert_eq!(
        error.to_string(),
        "not sent: queryCondition cannot be used: the path \"a..b\" cannot be quoted: a part is empty, has `]]` or \
         ends with `]`"
    );
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn headers_are_set_for_each_attempt() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), Fault::status(503));
    let calls = AtomicU32::new(0);
    let numbered = builder(&hub).retry(fast_retries()).on_request(move |headers| {
        headers.insert("x-call", calls.fetch_add(1, Ordering::Relaxed).into());
        headers.append("x-call", HeaderValue::from_static("more"));
        headers.remove("x-fixed");
    });
    let client = numbered.build().unwrap().with_header("x-fixed", "a").unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let requests = hub.requests();
    for (number, request) in requests.iter().enumerate() {
        let sent: Vec<_> =
            request.headers.get_all("x-call").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(sent, [&*number.to_string(), "more"]);
        assert_eq!(request.header("x-fixed"), None);
    }
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn headers_of_the_client_cannot_be_replaced_for_an_attempt() {
    let hub = quick_hub().await;
    let plain = client(&hub);
    let meddling = builder(&hub).on_request(|headers| {
        assert!(headers.is_empty(), "{headers:?}");
        for name in
            ["accept", "authorization", "content-type", "host", "request-id", "user-agent", "api-version"]
        {
            headers.insert(name, HeaderValue::from_static("meddled"));
        }
    });
    plain.create_scheduled_job("one", &reboot()).await.unwrap();
    meddling.build().unwrap().create_scheduled_job("two", &reboot()).await.unwrap();
    let [plain, meddled] = &hub.requests()[..] else { panic!() };
    for name in ["accept", "content-type", "host", "user-agent", "api-version"] {
        assert_eq!(meddled.header(name), plain.header(name), "{name}");
    }
    assert!(!format!("{:?}", meddled.headers).contains("meddled"));
}
