//! Batches that outlast an outage of the hub or of the token endpoint.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jobs_api::{Credential, Error, RetryPolicy};
use jobs_emulator::{Device, Emulator, Fault, Route, When};

use crate::batches::{Results, assert_all_succeeded, creations, requests};
use crate::support::capture::Captured;
use crate::support::clock::FrozenClock;
use crate::support::identity::Identity;
use crate::support::{AT_ONCE, builder, builder_with};

/// Starts a hub with two devices, on which many jobs run at a time.
async fn wide_hub() -> Emulator {
    let devices = ["pump-1", "pump-2"].map(Device::new);
    Emulator::builder().pace(AT_ONCE).devices(devices).concurrent_jobs(100).start().await
}

#[tokio::test(start_paused = true)]
async fn batch_outlasts_an_hour_without_the_hub() {
    let clock = FrozenClock::new();
    let hub = wide_hub().await;
    hub.inject(Route::Any, When::Every(1), Fault::status(503));
    let client = builder(&hub).build().unwrap();
    let run = tokio::spawn(client.run_jobs(stream::iter(requests(30))).collect::<Vec<_>>());
    for _ in 0..130 {
        clock.advance(Duration::from_secs(30)).await;
    }
    assert!(!run.is_finished());
    // 20 jobs are in progress; from then on one probe is sent in 30 seconds, or a little sooner.
    let requests = hub.requests().len();
    assert!((50..=250).contains(&requests), "{requests} requests in an hour");
    hub.clear_faults();
    clock.advance_until(|| run.is_finished()).await;
    assert_all_succeeded(&Results::from_iter(run.await.unwrap()), 30);
    assert!((0..30).all(|n| creations(&hub, &format!("job-{n}")) == 1));
}

#[tokio::test]
async fn outage_is_reported_once_when_it_begins_and_once_when_it_ends() {
    let hub = wide_hub().await;
    hub.inject(Route::Any, When::Next(25), Fault::status(503));
    let policy = RetryPolicy::default().with_breaker(5, Duration::from_millis(20));
    let client = builder(&hub).retry(policy.with_base(Duration::from_millis(1))).build().unwrap();
    let captured = Captured::start();
    let results: Vec<_> = client.run_jobs(stream::iter(requests(30))).collect().await;
    assert_all_succeeded(&Results::from_iter(results), 30);
    let text = captured.text();
    for words in ["is unreachable: sending one probe at a time", "reachable again"] {
        let lines: Vec<_> = text.lines().filter(|line| line.contains(words)).collect();
        let [line] = lines[..] else { panic!("{words}: {lines:?}") };
        assert!(line.contains(" WARN ") && line.contains("jobs_api::pacing"), "{line}");
    }
}

#[tokio::test]
async fn job_has_the_error_of_the_hub_once_the_patience_is_exhausted() {
    let hub = wide_hub().await;
    hub.inject(Route::Any, When::Every(1), Fault::status(503));
    let policy = RetryPolicy::default().with_attempts(6).with_breaker(5, Duration::from_millis(10));
    let client = builder(&hub).retry(policy.with_base(Duration::from_millis(1))).build().unwrap();
    let batch = client.run_jobs(stream::iter(requests(1))).patience(Duration::from_millis(300));
    let results: Vec<_> = batch.collect().await;
    let error = results[0].1.as_ref().unwrap_err();
    assert_eq!(error.first_error().status().unwrap().as_u16(), 503, "{error}");
    assert!(hub.requests().len() > 10, "{} requests", hub.requests().len());
}

#[tokio::test]
async fn refused_connections_are_outlasted() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let hub = wide_hub().await;
    let policy = RetryPolicy::default().with_attempts(2).with_breaker(1, Duration::from_millis(10));
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let client = builder(&hub).endpoint(endpoint).retry(policy).build().unwrap();
    let mut batch = client.run_jobs(stream::iter(requests(3)));
    let wait = tokio::time::timeout(Duration::from_secs(1), batch.next());
    assert!(wait.await.is_err(), "no job is lost meanwhile");
    assert!(client.pacing().unwrap().is_outage);
    let single = client.with_retry(RetryPolicy::none()).get_scheduled_job("job").await.unwrap_err();
    assert!(matches!(single, Error::Transport(_)), "{single}");
}

#[tokio::test]
async fn batch_outlasts_a_token_endpoint_that_fails() {
    let hub = wide_hub().await;
    let identity = Identity::of(&hub);
    identity.fails.store(true, Ordering::Relaxed);
    let policy = RetryPolicy::default().with_breaker(5, Duration::from_millis(20));
    let policy = policy.with_base(Duration::from_millis(1));
    let client = builder_with(&hub, Credential::token(identity.clone())).retry(policy).build().unwrap();
    let captured = Captured::start();
    let run = tokio::spawn(client.run_jobs(stream::iter(requests(30))).collect::<Vec<_>>());
    // The token cache requests one a second later, then after two more seconds.
    while identity.token_requests() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!run.is_finished() && hub.requests().is_empty());
    identity.fails.store(false, Ordering::Relaxed);
    assert_all_succeeded(&Results::from_iter(run.await.unwrap()), 30);
    let text = captured.text();
    assert_eq!(text.matches("or the token endpoint is unreachable").count(), 1, "{text}");
}
