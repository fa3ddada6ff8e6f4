//! Keys and ready-made tokens: rotation while calls run, and expiry.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use jobs_api::{Client, ConnectionString, Credential, CredentialError, Error, RotatingCredential};
use jobs_emulator::{Emulator, Fault, PolicyKey, Route, When};

use crate::support::clock::FrozenClock;
use crate::support::{builder_with, client, fast_retries, quick_hub, reboot};

/// Returns the credential of the policy's `key`.
fn credential(hub: &Emulator, key: PolicyKey) -> Credential {
    let connection: ConnectionString = hub.connection_string_with(key).parse().unwrap();
    connection.credential().clone()
}

/// Returns a client with a rotating credential, and the handle that replaces it.
fn rotating_client(hub: &Emulator) -> (Client, RotatingCredential) {
    let handle = RotatingCredential::new(credential(hub, PolicyKey::Primary));
    let builder = builder_with(hub, Credential::rotating(&handle)).retry(fast_retries());
    (builder.build().unwrap(), handle)
}

/// Returns a token valid for an hour, as another program could have signed it.
async fn ready_made_token(hub: &Emulator) -> String {
    let _ = client(hub).get_scheduled_job("none").await;
    hub.requests().last().unwrap().header("authorization").unwrap().to_owned()
}

#[tokio::test]
async fn both_keys_rotate_without_a_rejected_call() {
    let hub = quick_hub().await;
    let (client, handle) = rotating_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let calls = async {
        for _ in 0..200 {
            client.get_scheduled_job("job").await.unwrap();
        }
    };
    let rotation = async {
        for (current, regenerated) in
            [(PolicyKey::Secondary, PolicyKey::Primary), (PolicyKey::Primary, PolicyKey::Secondary)]
        {
            handle.replace(credential(&hub, current));
            let calls_so_far = hub.requests().len();
            // Calls signed with the previous key have arrived by then.
            while hub.requests().len() < calls_so_far + 2 {
                tokio::task::yield_now().await;
            }
            hub.regenerate_key(regenerated);
        }
    };
    tokio::join!(calls, rotation);
    assert_eq!(hub.requests().len(), 201, "no call was retried");
}

#[tokio::test(start_paused = true)]
async fn call_rejected_during_a_rotation_is_retried_with_the_new_key() {
    let clock = FrozenClock::new();
    let hub = quick_hub().await;
    let (client, handle) = rotating_client(&hub);
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
async fn client_with_a_revoked_key_recovers_after_a_rotation() {
    let hub = quick_hub().await;
    let (client, handle) = rotating_client(&hub);
    hub.regenerate_key(PolicyKey::Primary);
    assert!(client.create_scheduled_job("job", &reboot()).await.unwrap_err().is_unauthorized());
    handle.replace(credential(&hub, PolicyKey::Primary));
    client.create_scheduled_job("job", &reboot()).await.unwrap();
}

#[tokio::test]
async fn expired_token_is_reported_before_the_call_and_can_be_replaced() {
    let hub = quick_hub().await;
    let token = ready_made_token(&hub).await;
    let token = Credential::shared_access_signature(&token).unwrap();
    let expiry = token.expires_at().unwrap();
    assert!((3500..=3600).contains(&(expiry - Utc::now()).num_seconds()));

    // A rejection tells the client that the hub's clock is two hours ahead.
    hub.set_clock_offset(TimeDelta::hours(2));
    let (client, handle) = rotating_client(&hub);
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    handle.replace(token);
    let calls = hub.requests().len();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    let expected = "get_scheduled_job of job was not sent: the shared access signature expired at ";
    assert!(error.to_string().starts_with(expected), "{error}");
    let Error::Credential { error: CredentialError::Expired(reported), .. } = error else {
        panic!("{error}")
    };
    assert_eq!((reported, hub.requests().len()), (expiry, calls));

    handle.replace(credential(&hub, PolicyKey::Primary));
    client.get_scheduled_job("job").await.unwrap();
}

#[tokio::test]
async fn rotating_credential_in_its_own_handle_is_a_no_op() {
    let hub = quick_hub().await;
    let (client, handle) = rotating_client(&hub);
    let (done, replaced) = mpsc::channel();
    thread::spawn(move || {
        handle.replace(Credential::rotating(&handle));
        done.send(()).unwrap();
    });
    replaced.recv_timeout(Duration::from_secs(30)).expect("no deadlock");
    client.create_scheduled_job("job", &reboot()).await.unwrap();
}

#[test]
fn expired_token_is_rejected_at_construction() {
    let token = "SharedAccessSignature sr=contoso.azure-devices.net&sig=a&se=1700000000";
    let error = Credential::shared_access_signature(token).unwrap_err();
    assert!(error.to_string().contains("expired at 2023-11-14T22:13:20Z"), "{error}");
    let connection =
        format!("HostName=contoso.azure-devices.net;SharedAccessKeyName=s;SharedAccessSignature={token}");
    assert!(matches!(Client::from_connection_string(&connection), Err(Error::ConnectionString(_))));
}

#[tokio::test]
async fn ready_made_token_is_accepted() {
    let hub = quick_hub().await;
    let credential = Credential::shared_access_signature(&ready_made_token(&hub).await).unwrap();
    let client = builder_with(&hub, credential).build().unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
}
