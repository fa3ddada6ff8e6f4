//! TLS: an authority of one's own, and certificates that are not to be trusted.

use jobs_api::{CertificateError, ClientBuilder, Error};
use jobs_emulator::{Certificate, Emulator};

use crate::support::reboot;

/// What a user sets up who trusts the authority of a hub that serves over TLS.
pub(crate) fn private_http_client(hub: &Emulator) -> reqwest::ClientBuilder {
    let redirects = reqwest::redirect::Policy::none();
    let builder = reqwest::Client::builder().tls_backend_rustls().tls_certs_only([authority(hub)]);
    builder.redirect(redirects).no_proxy()
}

fn authority(hub: &Emulator) -> reqwest::Certificate {
    let pem = std::fs::read(hub.authority_path().unwrap()).unwrap();
    reqwest::Certificate::from_pem(&pem).unwrap()
}

async fn refusal(certificate: Certificate, http: impl FnOnce(&Emulator) -> reqwest::Client) -> Error {
    let hub = Emulator::builder().tls(certificate).start().await;
    let builder = ClientBuilder::from_connection_string(&hub.connection_string()).unwrap();
    let client = builder.endpoint(hub.endpoint()).http_client(http(&hub)).build().unwrap();
    let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert!(hub.requests().is_empty(), "no token was shown");
    error
}

#[track_caller]
fn assert_tells(error: &Error, certificate: CertificateError, words: &str) {
    let Error::Transport(transport) = error else { panic!("{error}") };
    assert_eq!(transport.certificate(), Some(certificate), "{error:?}");
    assert!(error.to_string().contains(words), "{error}");
    assert!(transport.is_connect() && !error.is_retryable(), "it would be the same again");
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_a_client_that_knows_it() {
    let hub = Emulator::builder().tls(Certificate::Good).start().await;
    let builder = ClientBuilder::from_connection_string(&hub.connection_string()).unwrap();
    let client = builder
        .endpoint(hub.endpoint())
        .http_client(private_http_client(&hub).build().unwrap())
        .build()
        .unwrap();
    client.create_scheduled_job("job", &reboot()).await.unwrap();
    assert_eq!(client.get_scheduled_job("job").await.unwrap().job_id.as_deref(), Some("job"));
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted() {
    let http = |_: &Emulator| reqwest::Client::builder().tls_backend_rustls().no_proxy().build().unwrap();
    let error = refusal(Certificate::Good, http).await;
    assert_tells(&error, CertificateError::UnknownIssuer, "an authority that is not trusted here");
}

#[tokio::test]
async fn the_client_that_is_made_by_itself_trusts_no_unknown_authority_either() {
    let hub = Emulator::builder().tls(Certificate::Good).start().await;
    let builder = ClientBuilder::from_connection_string(&hub.connection_string()).unwrap();
    let client = builder.endpoint(hub.endpoint()).build().unwrap();
    let error = client.create_scheduled_job("job", &reboot()).await.unwrap_err();
    assert_tells(&error, CertificateError::UnknownIssuer, "an authority that is not trusted here");
}

#[tokio::test]
async fn a_self_signed_certificate_is_not_trusted() {
    let error = refusal(Certificate::SelfSigned, |hub| private_http_client(hub).build().unwrap()).await;
    assert_tells(&error, CertificateError::OfAnAuthority, "most likely it is self-signed");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let error = refusal(Certificate::OtherName, |hub| private_http_client(hub).build().unwrap()).await;
    assert_tells(&error, CertificateError::OtherName, "its certificate is for another name");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let error = refusal(Certificate::Expired, |hub| private_http_client(hub).build().unwrap()).await;
    assert_tells(&error, CertificateError::Expired, "its certificate has expired");
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_yet_is_refused() {
    let error = refusal(Certificate::NotValidYet, |hub| private_http_client(hub).build().unwrap()).await;
    assert_tells(&error, CertificateError::NotValidYet, "its certificate is not valid yet");
}

#[cfg(all(feature = "native-tls", target_os = "linux"))]
#[tokio::test]
async fn openssl_tells_the_same_of_certificates() {
    use CertificateError::{Expired, NotValidYet, OtherName, UnknownIssuer};

    let native = || reqwest::Client::builder().tls_backend_native().no_proxy();
    for (certificate, is_authority_trusted, told) in [
        (Certificate::Good, false, UnknownIssuer),
        (Certificate::SelfSigned, true, UnknownIssuer),
        (Certificate::OtherName, true, OtherName),
        (Certificate::Expired, true, Expired),
        (Certificate::NotValidYet, true, NotValidYet),
    ] {
        let http = |hub: &Emulator| match is_authority_trusted {
            true => native().tls_certs_merge([authority(hub)]).build().unwrap(),
            false => native().build().unwrap(),
        };
        assert_tells(&refusal(certificate, http).await, told, "its certificate ");
    }
}
