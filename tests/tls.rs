//! TLS: private certificate authorities and untrusted certificates.

use std::time::Duration;

use jobs_api::{ClientBuilder, Error, RetryPolicy};
use jobs_emulator::{Certificate, Emulator, Fault, Policy, Route, When};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::reboot;

const TRUST: &str = "trust its issuer with ClientBuilder::configure_http";
const SELF_SIGNED: &str =
    "it is most likely self-signed: use one that an authority signed, and trust that authority";

/// Returns the certificate of the hub's authority.
pub(crate) fn authority(hub: &Emulator) -> reqwest::Certificate {
    let pem = std::fs::read(hub.authority_path().unwrap()).unwrap();
    reqwest::Certificate::from_pem(&pem).unwrap()
}

/// Returns the error of a call to a hub with this certificate, whose authority the default HTTP client trusts.
async fn connect_error(certificate: Certificate) -> Error {
    let hub = Emulator::builder().tls(certificate).start().await;
    let builder = ClientBuilder::from_connection_string(&hub.connection_string()).unwrap();
    let authority = authority(&hub);
    let builder = builder.configure_http(move |http| http.tls_certs_only([authority.clone()]));
    let client = builder.endpoint(hub.endpoint()).build().unwrap();
    let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert!(hub.requests().is_empty(), "no token was sent");
    error
}

/// Asserts that `error` reports this problem of the certificate with this hint, and that it is not transient.
#[track_caller]
fn assert_reports(error: &Error, problem: &str, hint: &str) {
    let Error::Transport(transport) = error else { panic!("{error}") };
    assert!(transport.tls_failure().is_some_and(|reason| reason.contains(problem)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(problem) && text.ends_with(&format!("; hint: {hint}")), "{text}");
    assert!(transport.is_connect() && !error.is_retryable(), "a retry cannot succeed");
}

#[tokio::test]
async fn https_to_a_plain_port_is_not_retried() {
    let hub = Emulator::start().await;
    let endpoint = hub.endpoint().replace("http://", "https://");
    let builder = ClientBuilder::from_connection_string(&hub.connection_string()).unwrap();
    let error = builder.endpoint(endpoint).build().unwrap().create_scheduled_job("job", &reboot()).await;
    let error = error.unwrap_err();
    let Error::Transport(transport) = &error else { panic!("{error}") };
    assert!(
        transport.is_connect() && !error.is_retryable() && error.attempt().unwrap().number() == 1,
        "{error:?}"
    );
    let hint = "; hint: the server does not speak TLS: check the port and the scheme of the endpoint";
    assert!(error.to_string().ends_with(hint), "{error}");
}

#[tokio::test]
async fn private_authority_is_trusted_when_configured() {
    let hub = Emulator::builder().tls(Certificate::Good).start().await;
    let builder = ClientBuilder::from_connection_string(&hub.connection_string()).unwrap();
    let authority = authority(&hub);
    let client = builder
        .endpoint(hub.endpoint())
        .configure_http(move |http| http.tls_certs_only([authority.clone()]))
        .build()
        .unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!(client.get_scheduled_job("job").await.unwrap().job_id.as_deref(), Some("job"));
}

#[tokio::test]
async fn connection_string_with_a_port_leads_to_the_hub_by_itself() {
    let hub = Emulator::builder().tls(Certificate::Good).start().await;
    let authority = authority(&hub);
    let client = ClientBuilder::from_connection_string(&hub.local_connection_string(Policy::Owner))
        .unwrap()
        .configure_http(move |http| http.tls_certs_merge([authority.clone()]))
        .build()
        .unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    let token = hub.requests()[0].header("authorization").unwrap().to_owned();
    assert!(token.contains("sr=localhost&"), "{token}");
}

#[tokio::test]
async fn configured_http_client_follows_no_redirect() {
    let hub = Emulator::builder().tls(Certificate::Good).start().await;
    let other = Emulator::start().await;
    hub.inject(Route::Any, When::Next(1), Fault::redirect(&other.endpoint()));
    let builder = ClientBuilder::from_connection_string(&hub.connection_string()).unwrap();
    let authority = authority(&hub);
    let builder = builder.endpoint(hub.endpoint()).retry(RetryPolicy::none());
    let follow = reqwest::redirect::Policy::default;
    let builder =
        builder.configure_http(move |http| http.tls_certs_only([authority.clone()]).redirect(follow()));
    let client = builder.build().unwrap();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 307);
    assert!(other.requests().is_empty(), "no token was sent");
}

#[tokio::test]
async fn default_http_client_trusts_no_unknown_authority() {
    let hub = Emulator::builder().tls(Certificate::Good).start().await;
    let builder = ClientBuilder::from_connection_string(&hub.connection_string()).unwrap();
    let client = builder.endpoint(hub.endpoint()).build().unwrap();
    let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert_reports(&error, "invalid peer certificate: UnknownIssuer", TRUST);
    assert!(hub.requests().is_empty(), "no token was sent");
}

#[tokio::test(start_paused = true)]
async fn default_http_client_gives_up_connecting_to_a_silent_host() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hub = "HostName=emulator.localhost;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0";
    let client = ClientBuilder::from_connection_string(hub)
        .unwrap()
        .endpoint(format!("https://{}", listener.local_addr().unwrap()))
        .retry(RetryPolicy::none())
        .attempt_timeout(Duration::from_secs(120))
        .build()
        .unwrap();
    let start = Instant::now();
    let error = client.get_scheduled_job("job").await.unwrap_err();
    let Error::Transport(transport) = &error else { panic!("{error}") };
    assert!(transport.is_connect() && transport.is_timeout(), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 10, "{error}");
}

#[tokio::test]
async fn self_signed_certificate_is_not_trusted() {
    let error = connect_error(Certificate::SelfSigned).await;
    assert_reports(&error, "CaUsedAsEndEntity", SELF_SIGNED);
}

#[tokio::test]
async fn certificate_for_another_name_is_rejected() {
    let error = connect_error(Certificate::OtherName).await;
    assert_reports(
        &error,
        "certificate is only valid for DnsName(\"other.example\")",
        "check the host name of the endpoint",
    );
}

#[tokio::test]
async fn expired_certificate_is_rejected() {
    let error = connect_error(Certificate::Expired).await;
    assert_reports(&error, "certificate expired", "check the clock of this machine too");
}

#[tokio::test]
async fn certificate_not_valid_yet_is_rejected() {
    let error = connect_error(Certificate::NotValidYet).await;
    assert_reports(&error, "certificate not valid yet", "check the clock of this machine too");
}

/// The default client does not trust the server's authority: reading that certificate shows that the two
/// agreed on a version of TLS.
#[tokio::test]
async fn default_http_client_speaks_tls_1_2() {
    use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
    use tokio_rustls::rustls::{ServerConfig, crypto::ring, version::TLS12};

    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
    let config = ServerConfig::builder_with_provider(std::sync::Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let credential = jobs_api::Credential::shared_access_key("service", "c2VjcmV0").unwrap();
    let client = jobs_api::Client::builder("localhost", credential).endpoint(endpoint);
    let error = client.build().unwrap().get_scheduled_job("job").await.unwrap_err();
    let Error::Transport(transport) = &error else { panic!("{error}") };
    assert!(transport.tls_failure().is_some(), "{error:?}");
}
