//! Calls signed with tokens of Entra ID, from a credential of the user's.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use jobs_api::{
    Client, ConnectionString, Credential, CredentialError, Error, RetryPolicy, RotatingCredential,
};
use jobs_emulator::{Emulator, Fault, Issuer, Route, When};

use crate::support::{FrozenClock, arrived, builder, quick_hub, reboot};

const HOUR: Duration = Duration::from_secs(60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

/// An identity whose tokens the hub takes, as long as it is in a state to give some.
#[derive(Debug)]
pub(crate) struct Identity {
    issuer: Issuer,
    life: Mutex<Duration>,
    /// How long it takes over a token.
    slowness: Mutex<Duration>,
    /// How often it was asked.
    asked: AtomicU32,
    scopes: Mutex<Vec<String>>,
    fails: AtomicBool,
    hangs: AtomicBool,
}

impl Identity {
    pub(crate) fn of(hub: &Emulator) -> Arc<Self> {
        Arc::new(Self {
            issuer: hub.issuer(),
            life: Mutex::new(HOUR),
            slowness: Mutex::default(),
            asked: AtomicU32::new(0),
            scopes: Mutex::default(),
            fails: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
        })
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl TokenCredential for Identity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.scopes.lock().unwrap().extend(scopes.iter().map(|scope| (*scope).to_owned()));
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if self.fails.load(Ordering::Relaxed) {
            return Err(azure_core::Error::with_message(
                ErrorKind::Credential,
                "the identity is not assigned",
            ));
        }
        tokio::task::yield_now().await;
        let slowness = *self.slowness.lock().unwrap();
        tokio::time::sleep(slowness).await;
        let life = *self.life.lock().unwrap();
        let audience = scopes[0].trim_end_matches("/.default");
        let token = self.issuer.token_for(audience, life);
        Ok(AccessToken::new(token, (SystemTime::now() + life).into()))
    }
}

fn client(hub: &Emulator, identity: &Arc<Identity>) -> Client {
    builder(hub).credential(Credential::token(identity.clone())).build().unwrap()
}

#[tokio::test]
async fn a_call_carries_a_bearer_token_of_the_hubs_scope() {
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let client = client(&hub, &identity);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    client.get_scheduled_job("job").await.unwrap();
    for request in hub.requests() {
        assert!(request.header("authorization").unwrap().starts_with("Bearer eyJ"));
    }
    assert_eq!(*identity.scopes.lock().unwrap(), ["https://iothubs.azure.net/.default"]);
}

#[tokio::test]
async fn another_scope_can_be_asked_for() {
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let credential =
        Credential::token_with_scope(identity.clone(), "https://other.example/.default").unwrap();
    let client = builder(&hub).credential(credential).build().unwrap();
    assert!(client.get_scheduled_job("job").await.unwrap_err().is_unauthorized(), "it is not for IoT hubs");
    assert_eq!(*identity.scopes.lock().unwrap(), ["https://other.example/.default"]);
    assert_eq!(Credential::token_with_scope(identity, " ").unwrap_err(), CredentialError::EmptyScope);
}

/// Ten thousand at a time, over one connection: HTTP/2 needs no socket for each.
async fn create_ten_thousand_jobs(client: &Client) {
    let start = Utc::now() + TimeDelta::hours(1);
    let creations = (0..10_000).map(|number| async move {
        client.create_scheduled_job(&format!("job-{number}"), &reboot().starting_at(start)).await
    });
    let created = join_all(creations).await;
    assert!(created.iter().all(Result::is_ok), "{:?}", created.iter().find(|job| job.is_err()));
}

async fn ten_thousand_jobs_when_the_token_is_this_old(age: Duration) -> Arc<Identity> {
    let _clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let http = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let credential = Credential::token(identity.clone());
    let client = builder(&hub).credential(credential).http_client(http).build().unwrap();
    assert!(client.get_scheduled_job("none").await.unwrap_err().is_not_found());
    tokio::time::advance(age).await;
    create_ten_thousand_jobs(&client).await;
    assert_eq!(hub.requests().len(), 10_001);
    identity
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_creations_over_a_token_near_its_end_renew_it_once() {
    assert_eq!(ten_thousand_jobs_when_the_token_is_this_old(HOUR - MINUTE).await.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_creations_over_a_token_that_has_ended_renew_it_once() {
    assert_eq!(ten_thousand_jobs_when_the_token_is_this_old(HOUR).await.asked(), 2);
}

#[tokio::test]
async fn a_credential_that_fails_is_an_error_before_anything_is_sent() {
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    identity.fails.store(true, Ordering::Relaxed);
    let error = client(&hub, &identity).create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert_eq!(error.to_string(), "not sent, since the credential gave no token");
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "the identity is not assigned");
    assert!(format!("{error:?}").contains("the identity is not assigned"), "{error:?}");
    assert!(error.is_retryable() && !error.is_unauthorized(), "the hub has refused nothing");
    assert!(hub.requests().is_empty());
    assert_eq!(identity.asked(), 1, "it retries by itself, if at all");
}

#[tokio::test(start_paused = true)]
async fn calls_go_on_while_the_token_lasts_though_none_can_be_had() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let client = client(&hub, &identity);
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
    assert_eq!(identity.asked(), 3, "one failure, then one that hangs");
    assert_eq!(hub.requests().len(), 41);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_told_of_though_there_is_no_token_for_another_attempt() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let patient = RetryPolicy::default().with_deadline(2 * HOUR);
    let builder = builder(&hub).credential(Credential::token(identity.clone()));
    let client = builder.retry(patient).build().unwrap();
    hub.inject(Route::Create, When::Next(1), Fault::ResetAfter);
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });
    clock.until(|| hub.requests().len() == 1).await;
    identity.fails.store(true, Ordering::Relaxed);
    clock.advance(HOUR).await;
    clock.advance_until(|| call.is_finished()).await;
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Transport(_)), "the job may well be there: {error:?}");
    assert_eq!((identity.asked(), hub.requests().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_job_is_looked_at_after_a_lost_answer_when_the_token_comes_too_late_for_another_attempt() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    *identity.life.lock().unwrap() = MINUTE;
    let policy = RetryPolicy::default().with_attempts(2).with_deadline(2 * HOUR);
    let builder = builder(&hub).credential(Credential::token(identity.clone()));
    let client = builder.timeout(Duration::from_secs(5)).retry(policy).build().unwrap();
    hub.inject(Route::Create, When::Next(1), Fault::ResetAfter);
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });
    clock.until(|| hub.requests().len() == 1).await;
    *identity.life.lock().unwrap() = HOUR;
    *identity.slowness.lock().unwrap() = Duration::from_secs(8);
    clock.advance(MINUTE).await;
    clock.advance_until(|| call.is_finished()).await;
    assert_eq!(call.await.unwrap().unwrap().job_id.as_deref(), Some("job"));
    assert_eq!(arrived(&hub), "PUT GET");
    assert_eq!(identity.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_single_attempt_learns_of_an_identitys_token_serves_later_calls() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let single = builder(&hub).credential(Credential::token(identity.clone())).retry(RetryPolicy::none());
    let client = single.build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    clock.advance(MINUTE).await;
    hub.inject(Route::Get, When::Next(1), Fault::status(401));
    assert!(client.get_scheduled_job("job").await.unwrap_err().is_unauthorized());
    client.get_scheduled_job("job").await.unwrap();
    clock.until(|| identity.asked() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_a_token_for_as_long_as_its_attempts_may_take() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    *identity.slowness.lock().unwrap() = Duration::from_secs(90);
    let client = client(&hub, &identity);
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });
    clock.advance_until(|| call.is_finished()).await;
    call.await.unwrap().unwrap();
    assert_eq!((identity.asked(), hub.requests().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_never_answers_ends_the_call_in_its_time() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    identity.hangs.store(true, Ordering::Relaxed);
    let credential = Credential::token(identity.clone());
    let builder = builder(&hub).credential(credential).timeout(Duration::from_secs(5));
    let client = builder.retry(RetryPolicy::none()).build().unwrap();
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });
    let begun = tokio::time::Instant::now();
    clock.advance_until(|| call.is_finished()).await;
    assert!(begun.elapsed() <= Duration::from_secs(10));
    let Err(Error::Credential(CredentialError::NoToken(error))) = call.await.unwrap() else { panic!() };
    assert!(error.is_timeout());
    assert_eq!(error.to_string(), "the credential gave no token within 5s");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_hub_refuses_is_renewed_unless_it_came_just_now() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let client = client(&hub, &identity);
    hub.set_clock_offset(TimeDelta::hours(2));
    assert!(client.create_scheduled_job("job", &reboot()).await.unwrap_err().is_unauthorized());
    assert_eq!((identity.asked(), hub.requests().len()), (1, 1));

    clock.advance(MINUTE).await;
    *identity.life.lock().unwrap() = 3 * HOUR;
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!((identity.asked(), hub.requests().len()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_to_one_call_serves_the_others_while_no_other_can_be_had() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let client = client(&hub, &identity);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    clock.advance(MINUTE).await;
    identity.fails.store(true, Ordering::Relaxed);
    hub.inject(Route::Create, When::Every(1), Fault::status(401));
    let error = client.create_scheduled_job("other", &reboot()).await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 401, "it was sent, and refused: {error}");
    for _ in 0..20 {
        client.get_scheduled_job("job").await.unwrap();
    }
    assert_eq!((identity.asked(), hub.requests().len()), (2, 22));
}

/// Replaces itself while its token is awaited, which may never come.
#[derive(Debug)]
struct Outgoing {
    handle: RotatingCredential,
    successor: Credential,
    issuer: Issuer,
    hangs: bool,
}

#[async_trait::async_trait]
impl TokenCredential for Outgoing {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.handle.replace(self.successor.clone());
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Ok(AccessToken::new(self.issuer.token(HOUR), (SystemTime::now() + HOUR).into()))
    }
}

#[tokio::test]
async fn a_credential_that_is_replaced_while_its_token_is_awaited_is_waited_for_no_longer() {
    for hangs in [false, true] {
        let hub = quick_hub().await;
        let connection: ConnectionString = hub.connection_string().parse().unwrap();
        let successor = connection.credential().clone();
        let handle = RotatingCredential::new(successor.clone());
        let (handle_of_its_own, issuer) = (handle.clone(), hub.issuer());
        let outgoing = Outgoing { handle: handle_of_its_own, successor, issuer, hangs };
        handle.replace(Credential::token(Arc::new(outgoing)));
        let client = builder(&hub).credential(Credential::rotating(&handle)).build().unwrap();
        client.create_scheduled_job("job", &reboot()).await.unwrap();
        assert!(hub.requests()[0].header("authorization").unwrap().starts_with("SharedAccessSignature "));
    }
}
