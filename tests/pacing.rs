//! The pace of calls: throttling, deadlines, slots, and what an operator sees of it.

use std::future::IntoFuture as _;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use jobs_api::{Client, DeadlineExceeded, Error, RetryPolicy, Tier};
use jobs_emulator::{Device, Emulator, Fault, Pace, Route, Throttle, When};

use crate::support::{
    AT_ONCE, builder, client, later_jobs_hold_no_slot, quick_hub, reboot, received_methods, wait_for_end,
};

fn throttled() -> Fault {
    Fault::refusal(429, "ThrottlingException")
}

#[tokio::test]
async fn hub_that_throttles_everything_is_the_reason_at_the_deadline() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Every(1), throttled());
    let client =
        builder(&hub).retry(RetryPolicy::default().with_deadline(Duration::from_secs(3))).build().unwrap();
    let start = Instant::now();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    assert!(error.is_throttled() && error.is_retryable() && !error.is_outcome_unknown(), "{error}");
    assert!(matches!(error, Error::Service(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(30));
    assert!(hub.requests().len() <= 5, "{} requests", hub.requests().len());
}

#[tokio::test]
async fn hub_that_asks_to_wait_for_a_year_is_the_reason_at_once() {
    for seconds in ["31536000", "18446744073709551615"] {
        let hub = quick_hub().await;
        hub.inject(Route::Any, When::Every(1), throttled().with_header("retry-after", seconds));
        let client = builder(&hub).tier(Tier::S3, 1).build().unwrap();
        let start = Instant::now();
        let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
        assert!(error.is_throttled() && !error.is_outcome_unknown(), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20));
        assert_eq!(hub.requests().len(), 1);
        // All other calls wait for minutes, not for a year.
        let pause = client.pacing().unwrap().operations.pause.unwrap();
        assert!((Duration::from_secs(250)..=Duration::from_secs(330)).contains(&pause), "{pause:?}");
    }
}

#[tokio::test]
async fn all_calls_pause_for_the_wait_in_the_text_of_a_rejection() {
    let hub = quick_hub().await;
    let text = "ErrorCode:ThrottlingBacklogTimeout;Request timed out. Wait 10 seconds and try again. Operation type: Jobs";
    let body = format!(r#"{{"Message":"{text}","ExceptionMessage":"Tracking ID:a"}}"#);
    hub.inject(Route::Any, When::Next(1), Fault::status(429).with_body(body));
    let client = client(&hub);
    client.with_retry(RetryPolicy::none()).get_scheduled_job("job").await.unwrap_err();
    let pause = client.pacing().unwrap().operations.pause.unwrap();
    assert!((Duration::from_secs(5)..=Duration::from_secs(11)).contains(&pause), "{pause:?}");
    let impatient = client.with_retry(RetryPolicy::default().with_deadline(Duration::from_secs(3)));
    let error = impatient.create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert!(matches!(error, Error::DeadlineExceeded { .. }), "{error}");
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn throttled_call_is_repeated_beyond_its_attempts() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(2), throttled());
    let policy = RetryPolicy::default().with_attempts(2);
    let client = builder(&hub).retry(policy).tier(Tier::S3, 1).build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!(received_methods(&hub), "PUT PUT PUT");
}

#[tokio::test]
async fn policy_none_returns_the_throttle() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), throttled());
    let client = builder(&hub).retry(RetryPolicy::none()).build().unwrap();
    assert!(client.get_scheduled_job("job").await.unwrap_err().is_throttled());
    assert_eq!(hub.requests().len(), 1);
}

/// Returns a client that has learned that the hub throttles, at one call a minute.
async fn slow_client(hub: &Emulator) -> Client {
    hub.inject(Route::Any, When::Next(1), throttled());
    let client = builder(hub).operations_per_minute(1).build().unwrap();
    let first = client.with_retry(RetryPolicy::none()).get_scheduled_job("job").await;
    assert!(first.unwrap_err().is_throttled());
    client
}

#[tokio::test]
async fn call_that_would_wait_longer_than_its_deadline_fails_at_once() {
    let hub = quick_hub().await;
    let client =
        slow_client(&hub).await.with_retry(RetryPolicy::default().with_deadline(Duration::from_secs(30)));
    let start = Instant::now();
    let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10));
    let Error::DeadlineExceeded { reason: DeadlineExceeded::RateLimit { wait, .. }, .. } = error else {
        panic!("{error}")
    };
    assert!(wait > Duration::from_secs(50));
    assert!(error.is_throttled() && error.is_retryable() && !error.is_outcome_unknown());
    let text = error.to_string();
    assert!(text.starts_with("create_scheduled_job of job was not sent: it would wait "), "{text}");
    assert!(text.contains(" s for the rate limit of 1 calls a minute, longer than"), "{text}");
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test]
async fn clones_share_the_pace_and_show_it() {
    let hub = quick_hub().await;
    let client = slow_client(&hub).await;
    let waiting = client.clone();
    let call = tokio::spawn(async move {
        waiting
            .with_retry(RetryPolicy::default().with_deadline(Duration::from_secs(600)))
            .get_scheduled_job("job")
            .await
    });
    while client.pacing().unwrap().operations.waiting_reads == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let state = client.pacing().unwrap();
    assert_eq!((state.operations.rate, state.operations.is_configured), (Some(1.0), true));
    assert!(state.operations.pause.is_some());
    assert_eq!((state.queries.rate, state.slots.limit), (None, None));
    // A call that is dropped leaves the queue.
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(client.pacing().unwrap().operations.waiting_reads, 0);
}

#[tokio::test]
async fn clones_dropped_while_they_wait_do_not_stop_the_others() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), throttled());
    let client = builder(&hub).operations_per_minute(60).build().unwrap();
    let first = client.with_retry(RetryPolicy::none()).get_scheduled_job("job").await;
    assert!(first.unwrap_err().is_throttled());
    for _ in 0..10 {
        let clone = client.clone();
        let call = clone.get_scheduled_job("job");
        assert!(tokio::time::timeout(Duration::from_millis(5), call).await.is_err(), "it waits");
    }
    let waiting = client.clone();
    drop(client);
    assert_eq!(waiting.pacing().unwrap().operations.waiting_reads, 0);
    let error =
        tokio::time::timeout(Duration::from_secs(30), waiting.get_scheduled_job("job")).await.unwrap();
    assert!(error.unwrap_err().is_not_found());
    assert_eq!(hub.requests().len(), 2);
}

#[tokio::test]
async fn client_without_pacing_retries_by_itself() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Next(3), throttled());
    let client = builder(&hub).retry(crate::support::fast_retries()).without_pacing().build().unwrap();
    assert!(client.pacing().is_none());
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!(received_methods(&hub), "PUT PUT PUT PUT");
}

#[tokio::test]
async fn create_goes_as_soon_as_a_job_was_seen_to_end() {
    let pace = Pace { running: Duration::from_secs(2), ..AT_ONCE };
    let hub = Emulator::builder().pace(pace).device(Device::new("pump-1")).start().await;
    let policy = RetryPolicy::default().with_slot_deadline(Duration::from_secs(60));
    let client = builder(&hub).retry(policy).tier(Tier::S1, 1).build().unwrap();
    client.create_scheduled_job("first", &reboot()).await.unwrap();
    assert_eq!(client.pacing().unwrap().slots.running, 1);
    let (second, start) = (client.clone(), Instant::now());
    let create = tokio::spawn(async move { second.create_scheduled_job("second", &reboot()).await });
    client.wait_for_job("first").into_future().await.unwrap();
    create.await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(client.pacing().unwrap().slots.limit, Some(1));
}

#[tokio::test]
async fn job_holds_its_slot_until_it_is_seen_to_end() {
    let hub = quick_hub().await;
    let client = client(&hub);
    let running = || client.pacing().unwrap().slots.running;
    for id in ["first", "second"] {
        client.create_scheduled_job(id, &reboot()).await.unwrap();
        assert_eq!(running(), 1, "{id}");
        wait_for_end(&client, id).await;
        assert_eq!(running(), 0, "{id}");
    }
}

#[tokio::test]
async fn scheduled_job_holds_its_slot_until_it_is_cancelled() {
    let hub = Emulator::builder().pace(AT_ONCE).concurrent_jobs(5).start().await;
    let client = client(&hub);
    let later = reboot().with_start_time(chrono::Utc::now() + chrono::TimeDelta::hours(1));
    for n in 0..5 {
        client.create_scheduled_job(&format!("job-{n}"), &later).await.unwrap();
    }
    let error = client.create_scheduled_job("beyond", &reboot()).await.unwrap_err();
    assert!(error.is_job_slot_busy(), "{error}");
    let slots = || client.pacing().unwrap().slots;
    assert_eq!((slots().limit, slots().running), (Some(5), 5));
    client.cancel_scheduled_job("job-0").await.unwrap();
    assert_eq!(slots().running, 4);
    client.create_scheduled_job("beyond", &reboot()).await.unwrap();
    assert_eq!((slots().limit, slots().running), (Some(5), 5));
}

#[tokio::test]
async fn hub_that_only_fails_is_sent_one_probe_at_a_time() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Every(1), Fault::status(503));
    let policy = RetryPolicy::default().with_deadline(Duration::from_secs(4));
    let client = builder(&hub).retry(policy).build().unwrap();
    let calls = (0..60).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.get_scheduled_job("job").await.unwrap_err() })
    });
    let mut sent = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            // On a busy machine a call may start in the outage, and sends nothing.
            Error::DeadlineExceeded { .. } => {}
            error => {
                assert_eq!(error.status().unwrap().as_u16(), 503);
                sent += 1;
            }
        }
    }
    // One from each call that was sent, and probes after 1 second and after 2 more.
    let requests = hub.requests().len();
    assert!((sent + 1..=sent + 10).contains(&requests), "{requests} requests of {sent} calls");
    assert!(client.pacing().unwrap().is_outage);
}

#[tokio::test]
async fn call_in_an_outage_fails_at_its_deadline_and_not_before() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), Fault::status(503));
    let policy = RetryPolicy::default().with_breaker(1, Duration::from_secs(60));
    let client = builder(&hub).retry(policy).build().unwrap();
    let single = client.with_retry(RetryPolicy::none().with_breaker(1, Duration::from_secs(60)));
    assert_eq!(single.get_scheduled_job("job").await.unwrap_err().status().unwrap().as_u16(), 503);
    let start = Instant::now();
    let impatient = client.with_retry(policy.with_deadline(Duration::from_millis(300)));
    let error = impatient.get_scheduled_job("job").await.unwrap_err();
    assert!(start.elapsed() >= Duration::from_millis(300));
    let is_outage = matches!(error, Error::DeadlineExceeded { reason: DeadlineExceeded::Outage, .. });
    assert!(is_outage && !error.is_throttled() && error.is_retryable(), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("get_scheduled_job of job was not sent: the hub answered no other call")
    );
    assert!(client.get_scheduled_job("job").await.unwrap_err().is_not_found(), "the probe after a second");
    assert_eq!(hub.requests().len(), 2);
}

#[tokio::test]
async fn call_without_a_deadline_waits_for_the_rate_limit() {
    let hub = quick_hub().await;
    let client = builder(&hub).operations_per_minute(30).build().unwrap();
    let unlimited = client.with_retry(RetryPolicy::default().with_deadline(None));
    for _ in 0..2 {
        assert!(unlimited.get_scheduled_job("job").await.unwrap_err().is_not_found());
    }
}

#[tokio::test]
async fn rate_that_is_set_replaces_that_of_the_tier_in_either_order() {
    let hub = quick_hub().await;
    let first = builder(&hub).operations_per_minute(40).tier(Tier::S1, 1).build().unwrap();
    let last = builder(&hub).tier(Tier::S1, 1).operations_per_minute(40).build().unwrap();
    for client in [first, last] {
        let state = client.pacing().unwrap();
        assert_eq!((state.operations.rate, state.queries.rate), (Some(40.0), Some(20.0)));
        assert_eq!(state.slots.limit, Some(1));
    }
}

#[tokio::test]
async fn learned_rate_is_shared_with_clones_of_another_policy() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), throttled());
    let client = client(&hub);
    assert_eq!(client.pacing().unwrap().operations.rate, None);
    client.with_retry(RetryPolicy::none()).get_scheduled_job("job").await.unwrap_err();
    for clone in [client.clone(), client.with_retry(RetryPolicy::default())] {
        assert_eq!(clone.pacing().unwrap().operations.rate, Some(100.0));
    }
}

#[tokio::test]
async fn hub_without_units_and_rate_of_zero_are_refused() {
    let hub = quick_hub().await;
    for (unusable, words) in [
        (builder(&hub).tier(Tier::Free, 2), "ClientBuilder::tier: a hub of the free tier has one unit"),
        (builder(&hub).tier(Tier::S1, 0), "ClientBuilder::tier: a hub has at least one unit"),
        (
            builder(&hub).operations_per_minute(0),
            "ClientBuilder::operations_per_minute: it must be at least 1",
        ),
    ] {
        let error = unusable.build().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert!(client(&hub).pacing().is_some());
}

/// Creates jobs for tomorrow from 50 callers at once, on a hub that meters as the tier S3 does, with a burst
/// of a second and no queue. Returns how many requests the hub received.
async fn requests_for_creates(count: usize, is_configured: bool) -> usize {
    let throttle = Throttle::documented().burst(Duration::from_secs(1)).queue(Duration::ZERO);
    let hub = Emulator::builder().tier(jobs_emulator::Tier::S3).throttle(throttle);
    let hub = hub.behavior(later_jobs_hold_no_slot()).start().await;
    let builder = builder(&hub);
    let client = if is_configured { builder.tier(Tier::S3, 1) } else { builder }.build().unwrap();
    let request = reboot().with_start_time(chrono::Utc::now() + chrono::TimeDelta::days(1));
    let (client, request) = (&client, &request);
    futures_util::stream::iter(0..count)
        .for_each_concurrent(50, |n| async move {
            client.create_scheduled_job(&format!("job-{n}"), request).await.unwrap();
        })
        .await;
    hub.requests().len()
}

#[tokio::test]
async fn configured_rate_keeps_the_meter_of_the_hub() {
    let requests = requests_for_creates(300, true).await;
    assert!(requests <= 315, "{requests} requests for 300 creates");
}

#[tokio::test]
async fn learned_rate_loses_no_call_on_a_hub_that_meters() {
    let requests = requests_for_creates(300, false).await;
    // How many are rejected depends on the machine here; the benchmark measures it in simulated time.
    assert!(requests <= 450, "{requests} requests for 300 creates");
}

#[tokio::test]
async fn busy_slot_of_a_job_for_later_is_not_retried_at_once() {
    let hub = quick_hub().await;
    hub.inject(Route::Create, When::Every(1), Fault::refusal(429, "ThrottlingMaxActiveJobCountExceeded"));
    let policy = RetryPolicy::default().with_slot_deadline(Duration::from_secs(60));
    let client = builder(&hub).retry(policy).build().unwrap();
    let request = reboot().with_start_time(chrono::Utc::now() + chrono::TimeDelta::hours(1));
    let create = client.create_scheduled_job("job", &request);
    assert!(tokio::time::timeout(Duration::from_millis(300), create).await.is_err());
    assert_eq!(received_methods(&hub), "PUT");
}
