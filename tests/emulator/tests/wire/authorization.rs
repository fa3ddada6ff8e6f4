//! Authorization of callers.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use jobs_emulator::{Emulator, HubBehavior, Policy, PolicyKey, Role, TokenClock};
use serde_json::json;

use crate::support::{Caller, Identity, VERSION, method_job, quick, quick_hub};

const HOUR: Duration = Duration::from_secs(3600);

/// A hub that checks tokens by its own clock alone.
async fn hub_with_own_clock() -> Emulator {
    let behavior = HubBehavior { token_clock: TokenClock::Hub, ..HubBehavior::default() };
    quick().behavior(behavior).start().await
}

async fn status(hub: &Emulator, token: &str) -> u16 {
    Caller::with_token(hub, token).get(&format!("/jobs/v2/none?{VERSION}")).await.status
}

#[tokio::test]
async fn token_of_machine_time_is_accepted_wherever_the_hubs_clock_is() {
    let hub = quick_hub().await;
    let identity = Identity::of(&hub.connection_string());
    let bearer = format!("Bearer {}", hub.issuer().token(HOUR));
    for offset in [TimeDelta::hours(2), TimeDelta::days(-365), TimeDelta::days(365)] {
        hub.set_clock_offset(offset);
        for token in [&identity.token(), &bearer] {
            assert_eq!(status(&hub, token).await, 200, "{offset}");
        }
        let of_hub = (hub.now() + HOUR).timestamp().to_string();
        assert_eq!(status(&hub, &identity.token_until(&of_hub)).await, 200, "{offset}");
    }
    hub.set_clock_offset(TimeDelta::zero());
    let expired = (Utc::now() - HOUR).timestamp().to_string();
    assert_eq!(status(&hub, &identity.token_until(&expired)).await, 401);
}

#[tokio::test]
async fn token_of_own_signature_is_accepted_until_it_expires() {
    let hub = hub_with_own_clock().await;
    let identity = Identity::of(&hub.connection_string());
    let token = identity.token();
    assert_eq!(status(&hub, &token).await, 200);
    hub.set_clock_offset(TimeDelta::hours(2));
    assert_eq!(status(&hub, &token).await, 401);
    let soon = (Utc::now() + TimeDelta::hours(3)).timestamp().to_string();
    assert_eq!(status(&hub, &identity.token_until(&soon)).await, 200);
}

#[tokio::test]
async fn odd_tokens_are_refused_in_the_hubs_shape() {
    let hub = quick_hub().await;
    let identity = Identity::of(&hub.connection_string());
    let token = identity.token();
    for odd in [
        String::new(),
        "Bearer".into(),
        "Bearer ".into(),
        "Basic dTpw".into(),
        "SharedAccessSignature ".into(),
        identity.token_until("+9999999999"),
        identity.token_until("9999999999999999999999"),
        identity.token_until("-1"),
        identity.token_until("0"),
        token.to_lowercase(),
        token.replace("skn=iothubowner", "skn=nobody"),
        token.replace("skn=iothubowner", "skn=service"),
        token.replace("&skn=iothubowner", ""),
        format!("{token}&se=9999999999"),
        token.replace("sig=", "sig=A"),
    ] {
        let answer = Caller::with_token(&hub, &odd).get(&format!("/jobs/v2/none?{VERSION}")).await;
        assert_eq!((answer.status, answer.error().as_str()), (401, "IotHubUnauthorizedAccess"), "{odd}");
    }
    let other = Identity { host: "other.azure-devices.net".into(), ..identity };
    let answer = Caller::with_token(&hub, other.token()).get(&format!("/jobs/v2/none?{VERSION}")).await;
    assert_eq!((answer.status, answer.error().as_str()), (401, "IotHubNotFound"));
}

#[tokio::test]
async fn token_names_the_hub_or_its_address() {
    let hub = quick_hub().await;
    let port = hub.address().port();
    let identity = Identity::of(&hub.local_connection_string(Policy::Owner));
    assert_eq!(identity.host, format!("localhost:{port}"));
    for host in ["localhost", "127.0.0.1", "127.0.0.42:8443", "[::1]", "emulator.localhost:8443"] {
        let identity =
            Identity { host: host.into(), policy: identity.policy.clone(), key: identity.key.clone() };
        assert_eq!(status(&hub, &identity.token()).await, 200, "{host}");
    }
    assert_eq!(status(&hub, &identity.token()).await, 200);
}

#[tokio::test]
async fn regenerated_key_ends_the_tokens_of_the_previous_one() {
    let hub = quick_hub().await;
    let [primary, secondary] = [PolicyKey::Primary, PolicyKey::Secondary]
        .map(|key| Identity::of(&hub.connection_string_with(key)).token());
    hub.regenerate_key(PolicyKey::Primary);
    assert_eq!((status(&hub, &primary).await, status(&hub, &secondary).await), (401, 200));
    assert_eq!(status(&hub, &Identity::of(&hub.connection_string()).token()).await, 200);
}

/// The rights of a caller: read, create and cancel jobs; query; update twins; call methods.
async fn rights(hub: &Emulator, token: &str) -> [bool; 6] {
    let caller = Caller::with_token(hub, token);
    let twin = format!("/twins/none?{VERSION}");
    let methods = format!("/twins/none/methods?{VERSION}");
    let answers = [
        caller.get(&format!("/jobs/v2/query?{VERSION}")).await,
        caller.create("job", &json!({})).await,
        caller.cancel("none").await,
        caller.query("SELECT * FROM devices", &[]).await,
        caller.send("PATCH", &twin, &[], Some(&json!({}))).await,
        caller.send("POST", &methods, &[], Some(&json!({ "methodName": "m" }))).await,
    ];
    answers.map(|answer| match answer.status {
        401 => {
            assert_eq!(answer.error(), "IotHubUnauthorized");
            let reason = answer.reason();
            assert!(
                reason.starts_with("Principal ") && reason.contains(" is not authorized for "),
                "{reason}"
            );
            assert!(reason.ends_with(" due to no assigned permissions"), "{reason}");
            false
        }
        _ => true,
    })
}

#[tokio::test]
async fn policies_have_their_rights() {
    let hub = quick_hub().await;
    for (policy, expected) in [
        (Policy::Owner, [true, true, true, true, true, true]),
        (Policy::RegistryReadWrite, [true, true, true, false, false, false]),
        (Policy::RegistryRead, [true, false, false, false, false, false]),
        (Policy::Service, [false, false, false, true, true, true]),
        (Policy::Device, [false, false, false, false, false, false]),
    ] {
        let token = Identity::of(&hub.policy_connection_string(policy, PolicyKey::Secondary)).token();
        assert_eq!(rights(&hub, &token).await, expected, "{policy:?}");
    }
}

#[tokio::test]
async fn roles_of_a_bearer_have_their_rights() {
    let hub = quick_hub().await;
    for (role, expected) in [
        (Role::DataContributor, [true, true, true, true, true, true]),
        (Role::DataReader, [true, false, false, true, false, false]),
        (Role::TwinContributor, [false, false, false, true, true, false]),
        (Role::RegistryContributor, [false, false, false, false, false, false]),
    ] {
        let token = format!("Bearer {}", hub.issuer().token_with_role(role, HOUR));
        assert_eq!(rights(&hub, &token).await, expected, "{role:?}");
    }
}

#[tokio::test]
async fn bearer_token_of_another_issuer_or_audience_is_refused() {
    let hub = quick_hub().await;
    let own = format!("Bearer {}", hub.issuer().token(HOUR));
    assert_eq!(status(&hub, &own).await, 200);
    for token in [
        format!("{own}a"),
        own.replacen('.', ".e30", 1),
        format!("Bearer {}", quick_hub().await.issuer().token(HOUR)),
        format!("Bearer {}", hub.issuer().token_for("https://vault.azure.net", HOUR)),
        format!("Bearer {}", hub.issuer().token(Duration::ZERO)),
    ] {
        assert_eq!(status(&hub, &token).await, 401);
    }
    let hub = hub_with_own_clock().await;
    let own = format!("Bearer {}", hub.issuer().token(HOUR));
    assert_eq!(status(&hub, &own).await, 200);
    hub.set_clock_offset(TimeDelta::minutes(-6));
    assert_eq!(status(&hub, &own).await, 401, "not begun");
}

#[tokio::test]
async fn token_is_checked_before_the_version_and_the_body() {
    let hub = quick_hub().await;
    let caller = Caller::with_token(&hub, "none");
    assert_eq!(caller.get("/jobs/v2/job").await.status, 401);
    assert_eq!(caller.create("job", &method_job()).await.status, 401);
    assert!(hub.requests().iter().all(|request| request.body.is_empty()));
}
