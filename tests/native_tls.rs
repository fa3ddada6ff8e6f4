//! TLS by the system's library: the errors of OpenSSL, which are texts, are read like those of rustls.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic names the failing line")]

use jobs_api::{CertificateError, ClientBuilder, Error};
use jobs_emulator::{Certificate, Emulator};

#[tokio::test]
async fn openssl_reports_the_same_certificate_errors() {
    use CertificateError::{Expired, NameMismatch, NotValidYet, UnknownIssuer};

    for (certificate, is_authority_trusted, expected) in [
        (Certificate::Good, false, UnknownIssuer),
        (Certificate::SelfSigned, true, UnknownIssuer),
        (Certificate::OtherName, true, NameMismatch),
        (Certificate::Expired, true, Expired),
        (Certificate::NotValidYet, true, NotValidYet),
    ] {
        let hub = Emulator::builder().tls(certificate).start().await;
        let mut http = reqwest::Client::builder().tls_backend_native().no_proxy();
        if is_authority_trusted {
            let pem = std::fs::read(hub.authority_path().unwrap()).unwrap();
            http = http.tls_certs_merge([reqwest::Certificate::from_pem(&pem).unwrap()]);
        }
        let builder = ClientBuilder::from_connection_string(&hub.connection_string()).unwrap();
        let client = builder.endpoint(hub.endpoint()).http_client(http.build().unwrap()).build().unwrap();
        let error = client.get_scheduled_job("job").await.unwrap_err();
        assert!(hub.requests().is_empty(), "no token was sent");
        let Error::Transport(transport) = &error else { panic!("{error}") };
        assert_eq!(transport.certificate(), Some(expected), "{error:?}");
        assert!(error.to_string().contains("its certificate "), "{error}");
        assert!(transport.is_connect() && !error.is_retryable(), "a retry cannot succeed");
    }
}
