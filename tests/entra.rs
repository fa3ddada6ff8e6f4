//! Calls signed with tokens of Entra ID, from a credential of the user's that may be slow or fail.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use jobs_api::{ConnectionString, Credential, CredentialError, Error, RetryPolicy, RotatingCredential};
use jobs_emulator::{Fault, Issuer, Route, When};

use crate::identity::{Identity, client_of};
use crate::support::{FrozenClock, HOUR, MINUTE, received_methods, builder, quick_hub, reboot};

#[tokio::test]
async fn a_call_carries_a_bearer_token_of_the_hubs_scope() {
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let client = client_of(&hub, &identity);
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

#[tokio::test]
async fn a_credential_that_fails_is_an_error_before_anything_is_sent() {
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    identity.fails.store(true, Ordering::Relaxed);
    let error = client_of(&hub, &identity).create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert_eq!(error.to_string(), "not sent, since the credential gave no token");
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "the identity is not assigned");
    assert!(format!("{error:?}").contains("the identity is not assigned"), "{error:?}");
    assert!(error.is_retryable() && !error.is_unauthorized(), "the hub has refused nothing");
    assert!(hub.requests().is_empty());
    assert_eq!(identity.asked(), 1, "it retries by itself, if at all");
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
    clock.run_until(|| hub.requests().len() == 1).await;
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
    clock.run_until(|| hub.requests().len() == 1).await;
    *identity.life.lock().unwrap() = HOUR;
    *identity.slowness.lock().unwrap() = Duration::from_secs(8);
    clock.advance(MINUTE).await;
    clock.advance_until(|| call.is_finished()).await;
    assert_eq!(call.await.unwrap().unwrap().job_id.as_deref(), Some("job"));
    assert_eq!(received_methods(&hub), "PUT GET");
    assert_eq!(identity.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_a_token_for_as_long_as_its_attempts_may_take() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    *identity.slowness.lock().unwrap() = Duration::from_secs(90);
    let client = client_of(&hub, &identity);
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
