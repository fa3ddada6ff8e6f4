//! TLS by the system's library: the errors of OpenSSL, which are texts, are read like those of rustls.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a panic names the failing line")]

use jobs_api::{ClientBuilder, Error};
use jobs_emulator::{Certificate, Emulator};

#[tokio::test]
async fn openssl_reports_the_same_certificate_errors() {
    let (trust, clock) =
        ("trust its issuer with ClientBuilder::configure_http", "check the clock of this machine too");
    for (certificate, is_authority_trusted, hint) in [
        (Certificate::Good, false, trust),
        (Certificate::SelfSigned, true, trust),
        (Certificate::OtherName, true, "check the host name of the endpoint"),
        (Certificate::Expired, true, clock),
        (Certificate::NotValidYet, true, clock),
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
        assert!(transport.tls_failure().is_some_and(|reason| reason.contains("certificate")), "{error:?}");
        assert!(error.to_string().ends_with(&format!("; hint: {hint}")), "{error}");
        assert!(transport.is_connect() && !error.is_retryable(), "a retry cannot succeed");
    }
}
