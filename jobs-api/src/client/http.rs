//! The HTTP client: the default one, which a user may change, or one of the user's.
//!
//! The default one sends a token to the endpoint alone: it follows no redirect, and uses no proxy for this machine. It
//! speaks HTTP/1.1, which closes a connection on which a response timed out; one of HTTP/2 would carry the retries too.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::redirect::Policy;

use super::endpoint::is_loopback;
use super::require;
use crate::auth::messages;
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
        let (setting, builder) = match self {
            Self::Own(client) => return Ok(client),
            Self::Default(None) => (HTTP_CLIENT, default_builder(endpoint)?),
            Self::Default(Some(configure)) => {
                ("ClientBuilder::configure_http", configure(default_builder(endpoint)?))
            }
        };
        // Set last: the target of a redirect must not receive the token.
        builder.redirect(Policy::none()).build().map_err(|error| {
            Error::invalid_setting(setting, format!("it cannot be built: {}", messages(&error)))
        })
    }
}

/// Refuses what reqwest cannot build, and an endpoint that needs TLS where there is none.
fn check_tls(is_compiled: bool, has_cryptography: bool, endpoint: &Url) -> Result<(), Error> {
    let has_tls = is_compiled || endpoint.scheme() != "https";
    let rule = "this build has no TLS: enable the feature `rustls` or `native-tls`, or set a client";
    require(has_tls, HTTP_CLIENT, rule)?;
    // reqwest would panic without, whatever the scheme.
    let rule = "rustls has no cryptography: install a `CryptoProvider` first, or enable the feature `rustls`";
    require(has_cryptography, HTTP_CLIENT, rule)
}

fn default_builder(endpoint: &Url) -> Result<reqwest::ClientBuilder, Error> {
    // rustls has a provider of cryptography, or is not used.
    #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
    let has_cryptography = rustls::crypto::CryptoProvider::get_default().is_some();
    #[cfg(not(all(feature = "rustls-no-provider", not(feature = "rustls"))))]
    let has_cryptography = true;
    let is_compiled = cfg!(any(feature = "rustls-no-provider", feature = "native-tls"));
    check_tls(is_compiled, has_cryptography, endpoint)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const HUB: &str = "https://contoso.azure-devices.net";
    const EMULATED_HUB: &str = "http://127.0.0.1:1";

    fn check(is_compiled: bool, has_cryptography: bool, endpoint: &str) -> Result<(), String> {
        let endpoint = Url::parse(endpoint).unwrap();
        check_tls(is_compiled, has_cryptography, &endpoint).map_err(|error| error.to_string())
    }

    #[test]
    fn build_without_tls_is_refused_for_https_alone() {
        let error = check(false, true, HUB).unwrap_err();
        assert!(error.contains("no TLS: enable the feature `rustls`"), "{error}");
        assert_eq!(check(false, true, EMULATED_HUB), Ok(()));
    }

    #[test]
    fn rustls_without_cryptography_is_refused_before_reqwest_panics() {
        for endpoint in [HUB, EMULATED_HUB] {
            let error = check(true, false, endpoint).unwrap_err();
            assert!(
                error.contains("install a `CryptoProvider` first, or enable the feature `rustls`"),
                "{error}"
            );
        }
    }
}
