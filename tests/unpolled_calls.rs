//! The progress of a call never depends on another future being polled.

use std::pin::pin;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _, stream};
use jobs_api::types::JobRequest;
use jobs_api::{Client, RetryPolicy};
use jobs_emulator::{Emulator, Fault, Route, When};
use tokio::time::{sleep, timeout};

use crate::support::clock::TEST_TIMEOUT;
use crate::support::{AT_ONCE, builder, quick_hub, reboot};

/// Starts a hub on which many jobs run at a time.
async fn wide_hub() -> Emulator {
    Emulator::builder().pace(AT_ONCE).concurrent_jobs(100).start().await
}

/// Returns a client that sends a call every 50 milliseconds.
fn paced(hub: &Emulator) -> Client {
    builder(hub).operations_per_minute(1200).build().unwrap()
}

/// Reads a job that does not exist, in time although other calls are not polled.
async fn assert_read_goes_on(client: &Client) {
    let error = timeout(TEST_TIMEOUT, client.get_scheduled_job("none")).await.unwrap().unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[tokio::test]
async fn call_that_is_not_polled_holds_up_no_other_of_buffer_unordered() {
    let hub = wide_hub().await;
    for client in [paced(&hub), builder(&hub).build().unwrap()] {
        let run = async {
            let request = &reboot();
            let prefix = client.pacing().unwrap().operations.is_configured;
            let mut jobs = stream::iter(0..30)
                .map(|n| {
                    let client = &client;
                    async move { client.create_scheduled_job(&format!("{prefix}-{n}"), request).await }
                })
                .buffer_unordered(10);
            while let Some(job) = jobs.next().await {
                client.get_scheduled_job(job.unwrap().id()).await.unwrap();
            }
        };
        timeout(TEST_TIMEOUT, run).await.expect("the creates wait for the consumer, which waits for them");
    }
    assert_eq!(hub.requests().len(), 120);
}

#[tokio::test]
async fn call_that_is_polled_once_holds_up_no_other() {
    let hub = wide_hub().await;
    let client = builder(&hub).operations_per_minute(120).build().unwrap();
    assert_read_goes_on(&client).await;
    let request = reboot();
    let mut create = pin!(client.create_scheduled_job("job", &request));
    assert!(create.as_mut().now_or_never().is_none(), "it waits for the rate limit");
    for _ in 0..3 {
        assert_read_goes_on(&client).await;
    }
    timeout(TEST_TIMEOUT, create).await.unwrap().unwrap();
}

#[tokio::test]
async fn call_that_is_not_polled_holds_up_no_other_with_a_slow_consumer() {
    let hub = wide_hub().await;
    let client = paced(&hub);
    let requests = (0..10).map(|n| (format!("job-{n}"), reboot()));
    let mut results = client.run_jobs(stream::iter(requests.collect::<Vec<(String, JobRequest)>>()));
    while let Some((id, result)) = timeout(TEST_TIMEOUT, results.next()).await.unwrap() {
        result.unwrap();
        timeout(TEST_TIMEOUT, client.get_scheduled_job(&id)).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn call_that_is_not_polled_holds_up_no_other_while_it_is_kept_or_forgotten() {
    let hub = wide_hub().await;
    let client = paced(&hub);
    assert_read_goes_on(&client).await;
    let request = reboot();
    let mut kept = Vec::new();
    for n in 0..10 {
        let (client, request) = (client.clone(), request.clone());
        let mut create =
            Box::pin(async move { client.create_scheduled_job(&format!("job-{n}"), &request).await });
        assert!(create.as_mut().now_or_never().is_none(), "it waits for the rate limit");
        match n % 2 {
            0 => kept.push(create),
            _ => std::mem::forget(create),
        }
    }
    for _ in 0..5 {
        assert_read_goes_on(&client).await;
    }
    for create in kept {
        timeout(TEST_TIMEOUT, create).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn create_that_is_not_polled_while_it_waits_for_a_slot_holds_up_no_other() {
    let pace = jobs_emulator::Pace { running: Duration::from_millis(500), ..AT_ONCE };
    let hub = Emulator::builder().pace(pace).concurrent_jobs(1).start().await;
    let policy = RetryPolicy::default().with_slot_deadline(TEST_TIMEOUT);
    let client = builder(&hub).retry(policy).build().unwrap();
    let request = reboot();
    client.create_scheduled_job("first", &request).await.unwrap();
    let mut kept = pin!(client.create_scheduled_job("kept", &request));
    // It is polled until its first try has found no slot.
    while hub.requests().len() < 2 {
        tokio::select! {
            biased;
            job = &mut kept => panic!("the slot is taken: {job:?}"),
            () = sleep(Duration::from_millis(5)) => {}
        }
    }
    timeout(TEST_TIMEOUT, client.create_scheduled_job("second", &request)).await.unwrap().unwrap();
    assert_eq!(hub.requests().last().unwrap().path, "/jobs/v2/second");
}

#[tokio::test]
async fn probe_that_is_not_polled_holds_up_no_other() {
    let hub = quick_hub().await;
    hub.inject(Route::Any, When::Next(1), Fault::status(503));
    let policy = RetryPolicy::default().with_breaker(1, Duration::from_millis(100));
    let client = builder(&hub).retry(policy.with_attempts(1)).build().unwrap();
    client.get_scheduled_job("none").await.unwrap_err();
    let client = client.with_retry(policy);
    sleep(Duration::from_millis(150)).await;
    // The probe is due, and this call takes it.
    let mut kept = pin!(client.get_scheduled_job("none"));
    assert!(kept.as_mut().now_or_never().is_none());
    assert_read_goes_on(&client).await;
}

#[test]
fn runtime_that_is_not_driven_holds_up_no_other() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hub_runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let hub = hub_runtime.block_on(wide_hub());
    // A connection belongs to the runtime of the call for which it was made: none is kept.
    let builder = builder(&hub).configure_http(|http| http.pool_max_idle_per_host(0));
    let client = builder.operations_per_minute(1200).build().unwrap();
    let (idle, driven) = (runtime(), runtime());
    driven.block_on(assert_read_goes_on(&client));
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let client = client.clone();
            idle.spawn(async move { client.get_scheduled_job("none").await })
        })
        .collect();
    idle.block_on(async { sleep(Duration::from_millis(1)).await });
    assert!(waiting.iter().any(|call| !call.is_finished()), "calls wait on a runtime that nobody drives");
    driven.block_on(assert_read_goes_on(&client));
    // A call that blocks a thread of another runtime waits for none of its tasks.
    let blocking = client.clone();
    hub_runtime.block_on(async move {
        let others = (0..5).map(|_| {
            tokio::spawn({
                let client = blocking.clone();
                async move { client.get_scheduled_job("none").await }
            })
        });
        let others: Vec<_> = others.collect();
        let blocked = blocking.clone();
        let thread = tokio::task::spawn_blocking(move || runtime().block_on(assert_read_goes_on(&blocked)));
        thread.await.unwrap();
        for call in others {
            assert!(call.await.unwrap().unwrap_err().is_not_found());
        }
    });
}
