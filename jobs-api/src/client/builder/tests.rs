use super::*;
use crate::auth::CredentialError;

fn key() -> Credential {
    Credential::shared_access_key("service", "c2VjcmV0").unwrap()
}

fn builder() -> ClientBuilder {
    // A build without TLS accepts no other endpoint.
    Client::builder("contoso.azure-devices.net", key()).endpoint("http://127.0.0.1:1")
}

#[track_caller]
fn assert_refused(builder: ClientBuilder, setting: &str) {
    match builder.build().unwrap_err() {
        Error::InvalidConfiguration { setting: at_fault, .. } => assert_eq!(at_fault, setting),
        other => panic!("{other}"),
    }
}

#[test]
fn default_http_client_that_cannot_be_built_is_refused() {
    let builder = builder().configure_http(|http| http.user_agent("a\nb"));
    let error = builder.clone().build().unwrap_err().to_string();
    assert!(error.ends_with("failed to parse header value"), "{error}");
    assert_refused(builder, "ClientBuilder::configure_http");
}

#[test]
fn plain_http_is_for_loopback_only() {
    for url in ["http://127.0.0.1:8080", "http://localhost/", "http://[::1]:1/base", "http://127.9.9.9"] {
        assert!(builder().endpoint(url).build().is_ok(), "{url}");
    }
    for url in
        ["http://contoso.azure-devices.net", "http://127.0.0.1.evil.net", "http://10.0.0.1", "http://[::2]"]
    {
        assert_refused(builder().endpoint(url), "ClientBuilder::endpoint");
    }
}

#[test]
fn endpoint_is_a_url_without_user_query_or_fragment() {
    for url in ["", "contoso", "ftp://h", "https://u:p@h", "https://h?a=b", "https://h#a", "https://"] {
        assert_refused(builder().endpoint(url), "ClientBuilder::endpoint");
    }
}

#[test]
fn host_name_has_neither_scheme_nor_path() {
    for host in
        ["", "https://contoso.azure-devices.net", "contoso/", "a b", "contoso:port", "..", "-", "0x7f.1"]
    {
        let unusable = Client::builder(host, key());
        assert_refused(unusable, "Client::builder");
    }
}

#[test]
fn attempt_without_time_is_refused() {
    assert_refused(builder().attempt_timeout(Duration::ZERO), "ClientBuilder::attempt_timeout");
    assert!(builder().attempt_timeout(Duration::from_nanos(1)).build().is_ok());
}

#[test]
fn misplaced_secrets_are_not_shown() {
    let host = Client::builder("HostName=h;SharedAccessKey=c2VjcmV0", key());
    let endpoint = builder().endpoint("https://user:c2VjcmV0@h");
    let shown = format!("{host:?} {endpoint:?} {:?} {:?}", host.clone().build(), endpoint.clone().build());
    assert!(!shown.contains("c2VjcmV0"), "{shown}");
}

#[test]
fn signature_must_be_for_the_host() {
    let of_another = "SharedAccessSignature sr=other.net&sig=a&se=4102444800";
    let credential = Credential::shared_access_signature(of_another).unwrap();
    let error = Client::builder("contoso.azure-devices.net", credential.clone()).build().unwrap_err();
    assert!(matches!(error, Error::Credential { error: CredentialError::OtherHost { .. }, .. }));
    let builder = Client::builder("other.net", credential).endpoint("http://127.0.0.1:1");
    assert!(builder.build().is_ok(), "requests go elsewhere");
}
