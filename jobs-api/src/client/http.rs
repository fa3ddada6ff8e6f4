//! The HTTP client: the default one, which a user may change, or one of the user's.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::redirect::Policy;

use super::endpoint::is_loopback;
use crate::auth::causes;
use crate::error::Error;

/// The duration of connecting: name resolution, TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const HTTP_CLIENT: &str = "ClientBuilder::http_client";

/// The HTTP client of a client to be built.
#[derive(Clone)]
pub(super) enum HttpClient {
    Own(reqwest::Client),
    Default(Option<Configure>),
}

/// A function of the user that changes the default HTTP client.
pub(super) type Configure = Arc<dyn Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync>;

impl HttpClient {
    pub(super) fn build(self, endpoint: &Url) -> Result<reqwest::Client, Error> {
        let configure = match self {
            Self::Own(client) => return Ok(client),
            Self::Default(configure) => configure,
        };
        let (setting, builder) = match configure {
            Some(configure) => ("ClientBuilder::configure_http", configure(default_builder(endpoint)?)),
            None => (HTTP_CLIENT, default_builder(endpoint)?),
        };
        // Set last: the target of a redirect must not receive the token.
        builder.redirect(Policy::none()).build().map_err(|error| {
            let reasons: Vec<String> = causes(Some(&error)).map(ToString::to_string).collect();
            invalid(setting, format!("it cannot be built: {}", reasons.join(": ")))
        })
    }
}

fn default_builder(endpoint: &Url) -> Result<reqwest::ClientBuilder, Error> {
    if endpoint.scheme() == "https" && !cfg!(any(feature = "rustls-no-provider", feature = "native-tls")) {
        let rule = "this build has no TLS: enable the feature `rustls` or `native-tls`, or set a client";
        return Err(invalid(HTTP_CLIENT, rule));
    }
    #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // reqwest would panic.
        let rule =
            "rustls has no cryptography: install a `CryptoProvider` first, or enable the feature `rustls`";
        return Err(invalid(HTTP_CLIENT, rule));
    }
    let mut builder = reqwest::Client::builder()
        .http1_only()
        // Its own retries are for HTTP/2 alone, and keep a copy of each request.
        .retry(reqwest::retry::never().max_retries_per_request(0))
        .connect_timeout(CONNECT_TIMEOUT);
    if is_loopback(endpoint) {
        // A proxy must not receive a token that is for this machine.
        builder = builder.no_proxy();
    }
    #[cfg(feature = "rustls-no-provider")]
    let builder = builder.tls_backend_rustls();
    #[cfg(any(feature = "rustls-no-provider", feature = "native-tls"))]
    let builder = builder.tls_version_min(reqwest::tls::Version::TLS_1_2);
    Ok(builder)
}

fn invalid(setting: &'static str, rule: impl Into<String>) -> Error {
    Error::InvalidConfiguration { setting, rule: rule.into() }
}

#[cfg(all(test, not(any(feature = "rustls", feature = "native-tls"))))]
mod tests {
    use super::*;

    #[test]
    fn build_without_tls_or_cryptography_is_refused_with_the_way_out() {
        let endpoint = Url::parse("https://contoso.azure-devices.net").unwrap();
        let error = default_builder(&endpoint).unwrap_err().to_string();
        let reason =
            if cfg!(feature = "rustls-no-provider") { "install a `CryptoProvider`" } else { "no TLS" };
        assert!(error.contains(reason) && error.contains("enable the feature `rustls`"), "{error}");
    }

    #[cfg(not(feature = "rustls-no-provider"))]
    #[test]
    fn build_without_tls_reaches_an_emulated_hub() {
        let endpoint = Url::parse("http://127.0.0.1:1").unwrap();
        assert!(default_builder(&endpoint).is_ok());
    }
}
