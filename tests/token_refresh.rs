//! Refresh of the shared token: when it happens, and which token serves meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use jobs_api::{Client, Credential, Error, RetryPolicy};
use jobs_emulator::{Emulator, Fault, Route, When};

use crate::support::clock::FrozenClock;
use crate::support::identity::{Identity, client_of};
use crate::support::{HOUR, MINUTE, builder_with, later_jobs_hold_no_slot, own_clock_hub, quick_hub, reboot};

/// The calls under way at once; with HTTP/2 one connection carries them all.
const CALLS: usize = 500;

/// Creates jobs concurrently.
async fn create_jobs(client: &Client) {
    let start = Utc::now() + TimeDelta::hours(1);
    let creations = (0..CALLS).map(|number| async move {
        client.create_scheduled_job(&format!("job-{number}"), &reboot().with_start_time(start)).await
    });
    let created = join_all(creations).await;
    assert!(created.iter().all(Result::is_ok), "{:?}", created.iter().find(|job| job.is_err()));
}

/// Creates jobs concurrently with a token of this age, and returns its credential provider.
async fn identity_after_jobs(token_age: Duration) -> Arc<Identity> {
    let _clock = FrozenClock::new();
    let hub = Emulator::builder().behavior(later_jobs_hold_no_slot()).start().await;
    let identity = Identity::of(&hub);
    let http = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let credential = Credential::token(identity.clone());
    let client = builder_with(&hub, credential).http_client(http).build().unwrap();
    assert!(client.get_scheduled_job("none").await.unwrap_err().is_not_found());
    tokio::time::advance(token_age).await;
    create_jobs(&client).await;
    assert_eq!(hub.requests().len(), CALLS + 1);
    identity
}

#[tokio::test(start_paused = true)]
async fn concurrent_calls_refresh_an_expiring_token_once() {
    assert_eq!(identity_after_jobs(HOUR - MINUTE).await.token_requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn concurrent_calls_refresh_an_expired_token_once() {
    assert_eq!(identity_after_jobs(HOUR).await.token_requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn valid_token_serves_while_the_refresh_fails_or_hangs() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let client = client_of(&hub, &identity);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    clock.advance(HOUR - 2 * MINUTE).await;
    for (hangs, fails) in [(false, true), (true, false)] {
        identity.hangs.store(hangs, Ordering::Relaxed);
        identity.fails.store(fails, Ordering::Relaxed);
        for _ in 0..20 {
            client.get_scheduled_job("job").await.unwrap();
        }
        clock.advance(Duration::from_secs(2)).await;
    }
    assert_eq!(identity.token_requests(), 3, "the first, a failed and a hanging request");
    assert_eq!(hub.requests().len(), 41);
}

#[tokio::test(start_paused = true)]
async fn rejected_token_is_refreshed_unless_it_is_new() {
    let clock = FrozenClock::new();
    let hub = own_clock_hub().await;
    let identity = Identity::of(&hub);
    let client = client_of(&hub, &identity);
    hub.set_clock_offset(TimeDelta::hours(2));
    assert!(client.create_scheduled_job("job", &reboot()).await.unwrap_err().is_unauthorized());
    assert_eq!((identity.token_requests(), hub.requests().len()), (1, 1));

    clock.advance(MINUTE).await;
    *identity.lifetime.lock().unwrap() = 3 * HOUR;
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!((identity.token_requests(), hub.requests().len()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn token_rejected_for_one_call_serves_others_while_the_refresh_fails() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let client = client_of(&hub, &identity);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    clock.advance(MINUTE).await;
    identity.fails.store(true, Ordering::Relaxed);
    hub.inject(Route::Create, When::Every(1), Fault::status(401));
    let error = client.create_scheduled_job("other", &reboot()).await.unwrap_err();
    let Error::MissingToken { earlier, .. } = &error else { panic!("{error}") };
    assert_eq!(earlier.status().unwrap().as_u16(), 401, "the hub rejected it: {earlier}");
    for _ in 0..20 {
        client.get_scheduled_job("job").await.unwrap();
    }
    assert_eq!((identity.token_requests(), hub.requests().len()), (2, 22));
}

#[tokio::test(start_paused = true)]
async fn rejection_without_retries_refreshes_the_token_for_later_calls() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let single = builder_with(&hub, Credential::token(identity.clone())).retry(RetryPolicy::none());
    let client = single.build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    clock.advance(MINUTE).await;
    hub.inject(Route::Get, When::Next(1), Fault::status(401));
    assert!(client.get_scheduled_job("job").await.unwrap_err().is_unauthorized());
    client.get_scheduled_job("job").await.unwrap();
    clock.run_until(|| identity.token_requests() == 2).await;
}
