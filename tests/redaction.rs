//! Redaction: no key, signature or token is ever shown.

use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::{StreamExt as _, TryStreamExt as _};
use jobs_api::{Client, ClientBuilder, ConnectionString, Credential, Error, RetryPolicy, RotatingCredential};
use jobs_emulator::{Emulator, Fault, Route, When};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::json;

use crate::support::capture::Captured;
use crate::support::{builder, builder_with, own_clock_hub, quick_hub, reboot};

/// Returns the forms in which a secret could appear: verbatim, decoded and encoded.
fn forms(secret: &str) -> Vec<String> {
    let decoded = percent_decode_str(secret).decode_utf8().unwrap().into_owned();
    let encoded = utf8_percent_encode(&decoded, NON_ALPHANUMERIC).to_string();
    let lower_case = encoded.replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d");
    let bytes = BASE64.decode(&decoded).map(|bytes| format!("{bytes:?}").trim_matches(['[', ']']).to_owned());
    let forms =
        [secret.to_owned(), BASE64.encode(secret), BASE64.encode(&decoded), decoded, encoded, lower_case];
    forms.into_iter().chain(bytes).collect()
}

/// Renders everything that an error shows.
fn render_error(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = writeln!(text, "{cause}\n{cause:?}");
        source = cause.source();
    }
    text
}

/// Drives a client through every kind of failure and returns everything that it showed.
async fn everything_shown(hub: &Emulator, builder: ClientBuilder) -> String {
    let captured = Captured::start();
    let mut text = format!("{builder:?} {builder:#?}");
    let client = builder
        .retry(RetryPolicy::default().with_attempts(5).with_base(Duration::from_millis(1)))
        .build()
        .unwrap();
    let _ = write!(text, "{client:?} {client:#?}");
    let echo = || {
        let token = hub.requests().last().map(|request| request.header("authorization").unwrap().to_owned());
        format!("you sent Authorization: {}", token.unwrap_or_default())
    };
    let _ = client.create_scheduled_job("job", &reboot()).await;
    text += &bare_secrets(hub, &client).await;
    for (times, fault) in [
        (1, Fault::status(400).with_body(echo())),
        (1, Fault::status(400).with_body(echo()[..120].to_owned())),
        (1, Fault::status(200).with_body("<").with_header("x-ms-request-id", echo())),
        (
            1,
            Fault::status(400)
                .with_body(echo().replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d")),
        ),
        (1, Fault::status(400).with_body(json!({ "Message": echo() }).to_string().replace('/', "\\/"))),
        (1, Fault::status(200).with_body(echo())),
        (1, Fault::status(200).with_body(format!("{{\"maxExecutionTimeInSeconds\":\"{}\"}}", echo()))),
        (2, Fault::status(401).with_body(echo())),
        (5, Fault::ResetBefore),
        (5, Fault::ResetWithin),
        (1, Fault::redirect("http://127.0.0.1:1/")),
    ] {
        hub.inject(Route::Get, When::Next(times), fault);
        match client.get_scheduled_job("job").await {
            Ok(job) => panic!("the call must fail: {job:?}"),
            Err(error) => text += &render_error(&error),
        }
        // Use up the rest of the fault.
        for _ in 0..times {
            let _ = client.get_scheduled_job("job").await;
        }
    }
    text += &unreadable_rows(hub, &client).await;
    let shown_client = Mutex::new(String::new());
    let debugged = client.call(|api| {
        shown_client.lock().unwrap().push_str(&format!("{api:?} {api:#?}"));
        async move { api.get_scheduled_job("none").await }
    });
    text += &debugged.await.err().map(|error| render_error(&error)).unwrap_or_default();
    text += &shown_client.into_inner().unwrap();
    assert!(text.contains("Attempt {"), "the generated client was not shown");
    let captured = captured.text();
    assert!(captured.contains("iothub_operation"), "the subscriber recorded nothing");
    text + &captured
}

/// Returns the secret of the token that the next request carries: a request that is not rejected keeps its token.
async fn next_secret(hub: &Emulator, client: &Client) -> String {
    hub.inject(Route::Get, When::Next(1), Fault::status(400));
    let _ = client.get_scheduled_job("job").await;
    secret_of(hub.requests().last().unwrap().header("authorization").unwrap()).to_owned()
}

/// Returns what errors show of answers that repeat the secret alone, without what it is known by.
async fn bare_secrets(hub: &Emulator, client: &Client) -> String {
    let answers: [fn(&str) -> Fault; 5] = [
        |secret| Fault::status(400).with_body(secret),
        |secret| {
            Fault::status(400).with_body(json!({ "Message": format!("ErrorCode:{secret};x") }).to_string())
        },
        |secret| Fault::status(403).with_header("iothub-errorcode", secret),
        |secret| Fault::status(200).with_body(format!("[\"{secret}\"]")),
        |secret| Fault::status(200).with_body(format!("{{\"jobId\":{{\"{secret}\":1}}}}")),
    ];
    let mut text = String::new();
    for answer in answers {
        let secret = next_secret(hub, client).await;
        hub.inject(Route::Get, When::Next(1), answer(&secret));
        let shown = render_error(&client.get_scheduled_job("job").await.unwrap_err());
        assert!(shown.contains("[redacted]"), "{shown}");
        text += &shown;
    }
    text
}

/// Returns what unreadable rows show that repeat the secret alone, in listings and single calls.
async fn unreadable_rows(hub: &Emulator, client: &Client) -> String {
    let mut text = String::new();
    let forms =
        [|secret: String| secret, |secret: String| percent_decode_str(&secret).decode_utf8_lossy().into()];
    for form in forms {
        let secret = form(next_secret(hub, client).await);
        let page = || {
            Fault::status(200).with_body(format!(r#"[{{"jobId":["{secret}"]}},"{secret}",{{"jobId":"a"}}]"#))
        };
        hub.inject(Route::QueryDevices, When::Next(1), page());
        let rows: Vec<_> = client.query_device_jobs("job").collect().await;
        for error in rows.into_iter().filter_map(Result::err) {
            text += &render_error(&error);
            let Error::UnreadableRow(row) = error else { panic!("{error}") };
            text += &format!("{row} {} {}", row.text, row.reason);
        }
        hub.inject(Route::QueryJobs, When::Next(1), page());
        let call = client.call(|api| {
            // On a task of its own, where nothing of the call is known but what the client carries.
            let page = tokio::spawn(async move { api.query_scheduled_jobs().await });
            async move { page.await.unwrap() }
        });
        let page = call.await.unwrap();
        assert_eq!((page.value().readable.len(), page.value().unreadable.len()), (1, 2));
        text += &format!("{page:?} {page:#?}");
        for row in &page.value().unreadable {
            text += &format!("{row} {row:?} {} {}", row.text, row.reason);
        }
    }
    assert!(text.matches("[redacted]").count() >= 16, "{text}");
    text
}

/// Asserts that `text` has no form of any of the secrets.
#[track_caller]
fn assert_redacted(secrets: &[&str], text: &str) {
    for form in secrets.iter().flat_map(|secret| forms(secret)) {
        assert!(!text.contains(&form), "{form} appears in {text}");
    }
}

/// Returns the signature of a token of either kind.
fn secret_of(token: &str) -> &str {
    let web = token.strip_prefix("Bearer ").and_then(|token| token.rsplit('.').next());
    web.unwrap_or_else(|| signature_of(token))
}

/// Returns the signature of a shared access signature.
fn signature_of(token: &str) -> &str {
    token.split_once("sig=").unwrap().1.split('&').next().unwrap()
}

#[tokio::test]
async fn shared_access_key_and_its_tokens_are_redacted() {
    let hub = quick_hub().await;
    let connection = hub.connection_string();
    let key = connection.split_once("SharedAccessKey=").unwrap().1;
    let text = everything_shown(&hub, builder(&hub)).await;
    let parsed: ConnectionString = connection.parse().unwrap();
    let credential = Credential::shared_access_key("service", key).unwrap();
    let text = format!("{text} {parsed:?} {:?} {credential:?} {credential:#?}", parsed.credential);
    let tokens: Vec<String> =
        hub.requests().iter().map(|request| request.header("authorization").unwrap().to_owned()).collect();
    for token in &tokens {
        assert_redacted(&[key, token, signature_of(token)], &text);
    }
}

#[tokio::test]
async fn ready_made_token_is_redacted() {
    let hub = quick_hub().await;
    let _ = builder(&hub).build().unwrap().get_scheduled_job("job").await;
    let token = hub.requests()[0].header("authorization").unwrap().to_owned();
    let credential = Credential::shared_access_signature(&token).unwrap();
    let shown_credential = format!("{credential:?} {credential:#?}");
    let text = everything_shown(&hub, builder_with(&hub, credential)).await;
    assert_redacted(&[&token, signature_of(&token)], &(text + &shown_credential));
}

#[tokio::test]
async fn rotating_credential_is_redacted() {
    let hub = quick_hub().await;
    let connection = hub.connection_string();
    let key = connection.split_once("SharedAccessKey=").unwrap().1;
    let handle = RotatingCredential::new(Credential::shared_access_key("service", key).unwrap());
    let credential = Credential::rotating(&handle);
    let text = everything_shown(&hub, builder_with(&hub, credential.clone())).await;
    let text = format!("{text} {handle:?} {handle:#?} {credential:?} {credential:#?}");
    for request in hub.requests() {
        let token = request.header("authorization").unwrap();
        assert_redacted(&[key, token, signature_of(token)], &text);
    }
}

#[tokio::test]
async fn token_of_an_earlier_attempt_is_redacted() {
    let hub = own_clock_hub().await;
    let client = builder(&hub).build().unwrap();
    let first = next_secret(&hub, &client).await;
    // The second attempt has a token by this clock.
    hub.set_clock_offset(chrono::TimeDelta::hours(2));
    hub.inject(Route::Get, When::Nth(2), Fault::status(400).with_body(first.clone()));
    let shown = render_error(&client.get_scheduled_job("job").await.unwrap_err());
    assert_ne!(secret_of(hub.requests().last().unwrap().header("authorization").unwrap()), first);
    assert!(shown.contains("[redacted]") && !shown.contains(&first), "{shown}");
}

#[tokio::test]
async fn bearer_token_is_redacted() {
    let hub = quick_hub().await;
    let credential = Credential::token(crate::support::identity::Identity::of(&hub));
    let text = everything_shown(&hub, builder_with(&hub, credential.clone())).await;
    let text = format!("{text} {credential:?} {credential:#?}");
    for request in hub.requests() {
        let token = request.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
        let parts = token.split('.').collect::<Vec<_>>();
        assert_eq!(parts.len(), 3);
        assert_redacted(&[&[token], &parts[..]].concat(), &text);
    }
}

#[test]
fn secret_in_an_invalid_connection_string_is_redacted() {
    let secret = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
    let mut text = String::new();
    for connection in [
        format!("HostName=h;SharedAccessKeyName=s;SharedAccessKey={secret}!"),
        format!("HostName=h;SharedAccessKeyName=s;{secret}"),
        format!("HostName=h;SharedAccessKeyName=s;{secret}={secret}"),
        format!("HostName={secret}/;SharedAccessKeyName=s;SharedAccessKey={secret}"),
        format!("HostName=h;SharedAccessKeyName=s;SharedAccessSignature={secret}"),
        format!(
            "HostName=h;SharedAccessKeyName=s;SharedAccessSignature=SharedAccessSignature sr=h&sig={secret}"
        ),
        secret.to_owned(),
    ] {
        text += &render_error(&jobs_api::Client::from_connection_string(&connection).unwrap_err());
    }
    assert_redacted(&[secret], &text);
}

#[tokio::test]
async fn key_in_the_place_of_an_id_is_not_shown() {
    let hub = quick_hub().await;
    let client = builder(&hub).build().unwrap();
    let key = "SharedAccessKey=c2VjcmV0";
    let mut text = format!("{:?} {:?}", client.wait_for_job(key), client.query_device_jobs(key));
    text += &render_error(&client.wait_for_job(key).await.unwrap_err());
    text += &render_error(&client.query_device_jobs(key).try_next().await.unwrap_err());
    assert!(!text.contains("c2VjcmV0"), "{text}");
    assert!(format!("{:?}", client.wait_for_job("reboot-43")).contains("reboot-43"));
}
