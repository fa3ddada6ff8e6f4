//! Keys and tokens that are replaced while calls run, and those that end.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use jobs_api::{Client, ConnectionString, Credential, CredentialError, Error, RotatingCredential};
use jobs_emulator::{Emulator, Fault, PolicyKey, Route, When};

use crate::support::{FrozenClock, builder, client, fast_retries, quick_hub, reboot};

fn credential(hub: &Emulator, key: PolicyKey) -> Credential {
    let connection: ConnectionString = hub.connection_string_with(key).parse().unwrap();
    connection.credential().clone()
}

fn rotating(hub: &Emulator) -> (Client, RotatingCredential) {
    let handle = RotatingCredential::new(credential(hub, PolicyKey::Primary));
    let builder = builder(hub).credential(Credential::rotating(&handle)).retry(fast_retries());
    (builder.build().unwrap(), handle)
}

/// A token that the client signed itself, as if it came from elsewhere.
async fn signed_elsewhere(hub: &Emulator) -> String {
    let _ = client(hub).get_scheduled_job("none").await;
    hub.requests().last().unwrap().header("authorization").unwrap().to_owned()
}

#[tokio::test]
async fn both_keys_are_replaced_without_a_refused_call() {
    let hub = quick_hub().await;
    let (client, handle) = rotating(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let calls = async {
        for _ in 0..200 {
            client.get_scheduled_job("job").await.unwrap();
        }
    };
    let rotation = async {
        for (used, made_anew) in
            [(PolicyKey::Secondary, PolicyKey::Primary), (PolicyKey::Primary, PolicyKey::Secondary)]
        {
            handle.replace(credential(&hub, used));
            let calls_so_far = hub.requests().len();
            // Those signed before have arrived.
            while hub.requests().len() < calls_so_far + 2 {
                tokio::task::yield_now().await;
            }
            hub.regenerate_key(made_anew);
        }
    };
    tokio::join!(calls, rotation);
    assert_eq!(hub.requests().len(), 201, "no call was tried twice");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_meanwhile_is_tried_with_the_newest_key() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let (client, handle) = rotating(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    hub.regenerate_key(PolicyKey::Primary);
    hub.inject(Route::Get, When::Next(1), Fault::Delay(Duration::from_secs(1)));
    let call = tokio::spawn(async move { client.get_scheduled_job("job").await });
    clock.run_until(|| hub.requests().len() == 2).await;
    handle.replace(credential(&hub, PolicyKey::Primary));
    clock.advance_until(|| call.is_finished()).await;
    call.await.unwrap().unwrap();
    assert_eq!(hub.requests().len(), 3);
}

#[tokio::test]
async fn a_client_whose_key_was_revoked_goes_on_with_another() {
    let hub = quick_hub().await;
    let (client, handle) = rotating(&hub);
    hub.regenerate_key(PolicyKey::Primary);
    assert!(client.create_scheduled_job("job", &reboot()).await.unwrap_err().is_unauthorized());
    handle.replace(credential(&hub, PolicyKey::Primary));
    client.create_scheduled_job("job", &reboot()).await.unwrap();
}

#[tokio::test]
async fn a_token_that_has_expired_is_reported_before_a_call_and_can_be_replaced() {
    let hub = quick_hub().await;
    let token = signed_elsewhere(&hub).await;
    let token = Credential::shared_access_signature(&token).unwrap();
    let end = token.expires_at().unwrap();
    assert!((3500..=3600).contains(&(end - Utc::now()).num_seconds()));

    // The client learns from a refusal that it is two hours later by the hub's clock.
    hub.set_clock_offset(TimeDelta::hours(2));
    let (client, handle) = rotating(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    handle.replace(token);
    let calls = hub.requests().len();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    let Error::Credential(CredentialError::Expired(reported)) = error else { panic!("{error}") };
    assert_eq!((reported, hub.requests().len()), (end, calls));

    handle.replace(credential(&hub, PolicyKey::Primary));
    client.get_scheduled_job("job").await.unwrap();
}

#[tokio::test]
async fn a_rotating_credential_given_to_its_own_handle_changes_nothing() {
    let hub = quick_hub().await;
    let (client, handle) = rotating(&hub);
    let (done, replaced) = mpsc::channel();
    thread::spawn(move || {
        handle.replace(Credential::rotating(&handle));
        done.send(()).unwrap();
    });
    replaced.recv_timeout(Duration::from_secs(30)).expect("no deadlock");
    client.create_scheduled_job("job", &reboot()).await.unwrap();
}

#[test]
fn a_token_that_has_expired_is_refused_at_once() {
    let token = "SharedAccessSignature sr=contoso.azure-devices.net&sig=a&se=1700000000";
    let refusal = Credential::shared_access_signature(token).unwrap_err();
    assert!(refusal.to_string().contains("expired at 2023-11-14T22:13:20Z"), "{refusal}");
    let connection =
        format!("HostName=contoso.azure-devices.net;SharedAccessKeyName=s;SharedAccessSignature={token}");
    assert!(matches!(Client::from_connection_string(&connection), Err(Error::ConnectionString(_))));
}
