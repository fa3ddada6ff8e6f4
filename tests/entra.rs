//! Calls authenticated by Entra ID tokens, from a credential provider that may be slow or fail.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use jobs_api::{ConnectionString, Credential, CredentialError, Error, RetryPolicy, RotatingCredential};
use jobs_emulator::{Fault, Issuer, Route, When};

use crate::support::capture::Captured;
use crate::support::clock::FrozenClock;
use crate::support::identity::{Identity, client_of};
use crate::support::{HOUR, MINUTE, builder_with, quick_hub, reboot, received_methods};

/// The end of the error of a call that lost its token after an attempt.
const NO_TOKEN: &str = "; the outcome is unknown: read the job before you repeat the call; then no request could be sent: the \
                        credential returned no token: the identity is not assigned; hint: check the identity and its token \
                        endpoint";

#[tokio::test]
async fn call_carries_a_bearer_token_for_the_iot_hub_scope() {
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
async fn failed_credential_is_an_error_before_anything_is_sent() {
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    identity.fails.store(true, Ordering::Relaxed);
    let error = client_of(&hub, &identity).create_scheduled_job("job", &reboot()).await.unwrap_err();
    let text = error.to_string();
    let expected = "create_scheduled_job of job was not sent: the credential returned no token: the identity is not assigned; \
                    hint: check the identity and its token endpoint";
    assert_eq!(text, expected);
    assert!(format!("{error:?}").contains("the identity is not assigned"), "{error:?}");
    assert!(error.is_retryable() && !error.is_unauthorized(), "the hub rejected nothing");
    assert!(hub.requests().is_empty());
    assert_eq!(identity.token_requests(), 1, "retries are the credential provider's own");
}

#[tokio::test(start_paused = true)]
async fn lost_response_is_reported_when_no_token_is_available_for_a_retry() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    let patient = RetryPolicy::default().with_deadline(HOUR + MINUTE);
    let builder = builder_with(&hub, Credential::token(identity.clone()));
    let client = builder.retry(patient).build().unwrap();
    hub.inject(Route::Create, When::Next(1), Fault::ResetAfter);
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });
    clock.run_until(|| hub.requests().len() == 1).await;
    identity.fails.store(true, Ordering::Relaxed);
    clock.advance(HOUR).await;
    clock.advance_until(|| call.is_finished()).await;
    let error = call.await.unwrap().unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("create_scheduled_job (PUT /jobs/v2/job): the connection ended before"),
        "{text}"
    );
    assert!(text.ends_with(NO_TOKEN) && error.is_outcome_unknown() && error.is_retryable(), "{text}");
    let earlier = std::error::Error::source(&error).unwrap().downcast_ref::<Error>();
    assert!(matches!(earlier, Some(Error::Transport(_))), "{error:?}");
    assert!(identity.token_requests() > 1);
    assert_eq!(hub.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn unknown_outcome_names_the_token_that_its_reading_lacked() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    *identity.lifetime.lock().unwrap() = MINUTE;
    let builder = builder_with(&hub, Credential::token(identity.clone()));
    let policy = RetryPolicy::default().with_attempts(2).with_deadline(4 * MINUTE);
    let client = builder.retry(policy).build().unwrap();
    // Each token has expired before the next request.
    hub.inject(Route::Create, When::Next(2), Fault::status(503).with_header("retry-after", "70"));
    let captured = Captured::start();
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });
    clock.advance_until(|| hub.requests().len() == 2).await;
    identity.fails.store(true, Ordering::Relaxed);
    clock.advance_until(|| call.is_finished()).await;
    let error = call.await.unwrap().unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("create_scheduled_job (PUT /jobs/v2/job): 503 Service Unavailable"), "{text}");
    assert!(text.ends_with(NO_TOKEN) && error.is_outcome_unknown(), "{text}");
    assert_eq!(text.matches("the outcome is unknown").count(), 1, "{text}");
    let diary = captured.diary();
    let line = format!("ERROR jobs_api: outcome unknown error={text} error.type=credential job_id=\"job\"");
    assert!(diary.contains(&line) && !diary.contains("a reading shows"), "{diary}");
    assert_eq!(received_methods(&hub), "PUT PUT");
}

#[tokio::test(start_paused = true)]
async fn job_is_read_after_a_lost_response_when_the_token_is_too_late_for_a_retry() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    *identity.lifetime.lock().unwrap() = MINUTE;
    let policy = RetryPolicy::default().with_attempts(2).with_deadline(2 * HOUR);
    let builder = builder_with(&hub, Credential::token(identity.clone()));
    let client = builder.attempt_timeout(Duration::from_secs(5)).retry(policy).build().unwrap();
    hub.inject(Route::Create, When::Next(1), Fault::ResetAfter);
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });
    clock.run_until(|| hub.requests().len() == 1).await;
    *identity.lifetime.lock().unwrap() = HOUR;
    *identity.latency.lock().unwrap() = Duration::from_secs(8);
    clock.advance(MINUTE).await;
    clock.advance_until(|| call.is_finished()).await;
    assert_eq!(call.await.unwrap().unwrap().job_id.as_deref(), Some("job"));
    assert_eq!(received_methods(&hub), "PUT GET");
    assert_eq!(identity.token_requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn call_waits_for_a_token_as_long_as_its_attempts_may_take() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    *identity.latency.lock().unwrap() = Duration::from_secs(90);
    let client = client_of(&hub, &identity);
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });
    clock.advance_until(|| call.is_finished()).await;
    call.await.unwrap().unwrap();
    assert_eq!((identity.token_requests(), hub.requests().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn hanging_credential_is_a_timeout() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let identity = Identity::of(&hub);
    identity.hangs.store(true, Ordering::Relaxed);
    let credential = Credential::token(identity.clone());
    let builder = builder_with(&hub, credential).attempt_timeout(Duration::from_secs(5));
    let client = builder.retry(RetryPolicy::none()).build().unwrap();
    let call = tokio::spawn(async move { client.create_scheduled_job("job", &reboot()).await });
    let start = tokio::time::Instant::now();
    clock.advance_until(|| call.is_finished()).await;
    assert!(start.elapsed() <= Duration::from_secs(10));
    let Err(Error::Credential { error: CredentialError::NoToken(error), .. }) = call.await.unwrap() else {
        panic!()
    };
    assert_eq!(error, "the credential returned no token within 5s");
}

/// A credential that replaces itself while its token is requested, and then returns the token or hangs.
#[derive(Debug)]
struct SelfReplacing {
    handle: RotatingCredential,
    successor: Credential,
    issuer: Issuer,
    hangs: bool,
}

#[async_trait::async_trait]
impl TokenCredential for SelfReplacing {
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
async fn credential_replaced_during_a_token_request_is_abandoned() {
    for hangs in [false, true] {
        let hub = quick_hub().await;
        let connection: ConnectionString = hub.connection_string().parse().unwrap();
        let successor = connection.credential;
        let handle = RotatingCredential::new(successor.clone());
        let previous = SelfReplacing { handle: handle.clone(), successor, issuer: hub.issuer(), hangs };
        handle.replace(Credential::token(Arc::new(previous)));
        let client = builder_with(&hub, Credential::rotating(&handle)).build().unwrap();
        client.create_scheduled_job("job", &reboot()).await.unwrap();
        assert!(hub.requests()[0].header("authorization").unwrap().starts_with("SharedAccessSignature "));
    }
}
