//! The default HTTP client.

use std::time::Duration;

use reqwest::Url;
use reqwest::redirect::Policy;

use super::endpoint::is_loopback;
use crate::error::Error;

/// The duration of connecting: name resolution, TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Builds the HTTP client that is used if none is set.
pub(super) fn build_http_client(endpoint: &Url) -> Result<reqwest::Client, Error> {
    if endpoint.scheme() == "https" && !cfg!(any(feature = "rustls-no-provider", feature = "native-tls")) {
        let rule = "this build has no TLS: enable the feature `rustls` or `native-tls`, or set a client";
        return Err(invalid(rule));
    }
    #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // reqwest would panic.
        let rule =
            "rustls has no cryptography: install a `CryptoProvider` first, or enable the feature `rustls`";
        return Err(invalid(rule));
    }
    let mut builder =
        reqwest::Client::builder().http1_only().redirect(Policy::none()).connect_timeout(CONNECT_TIMEOUT);
    if is_loopback(endpoint) {
        // A proxy must not receive a token that is for this machine.
        builder = builder.no_proxy();
    }
    #[cfg(feature = "rustls-no-provider")]
    let builder = builder.tls_backend_rustls();
    #[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
    let builder = builder.tls_version_min(reqwest::tls::Version::TLS_1_2);
    builder.build().map_err(|error| invalid(format!("it cannot be built: {error}")))
}

fn invalid(rule: impl Into<String>) -> Error {
    Error::InvalidConfiguration { setting: "ClientBuilder::http_client", rule: rule.into() }
}

#[cfg(all(test, not(any(feature = "rustls", feature = "native-tls"))))]
mod tests {
    use super::*;

    #[test]
    fn build_without_tls_or_cryptography_is_refused_with_the_way_out() {
        let endpoint = Url::parse("https://contoso.azure-devices.net").unwrap();
        let error = build_http_client(&endpoint).unwrap_err().to_string();
        let reason =
            if cfg!(feature = "rustls-no-provider") { "install a `CryptoProvider`" } else { "no TLS" };
        assert!(error.contains(reason) && error.contains("enable the feature `rustls`"), "{error}");
    }

    #[cfg(not(feature = "rustls-no-provider"))]
    #[test]
    fn build_without_tls_reaches_an_emulated_hub() {
        let endpoint = Url::parse("http://127.0.0.1:1").unwrap();
        assert!(build_http_client(&endpoint).is_ok());
    }
}
