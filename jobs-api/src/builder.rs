//! Setting up a client.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use reqwest::redirect::Policy;

use crate::auth::{Authorizer, ConnectionString, Credential, HOST_NAME_RULE, is_host_name, is_resource};
use crate::client::{Client, Shared};
use crate::error::Error;
use crate::retry::RetryPolicy;

/// How long one attempt may take when nothing else is set: creating a job takes a hub seconds at worst.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long connecting may take: name, TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How large an answer may be: a page of 100 jobs with the largest payloads stays below it.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// Sets up a [`Client`]. A host name and a credential are needed; all else has a default.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    host_name: String,
    endpoint: Option<String>,
    audience: Option<String>,
    credential: Option<Credential>,
    http_client: Option<reqwest::Client>,
    retry: RetryPolicy,
    timeout: Duration,
    body_limit: usize,
}

impl ClientBuilder {
    pub(crate) fn new(host_name: String) -> Self {
        Self {
            host_name,
            endpoint: None,
            audience: None,
            credential: None,
            http_client: None,
            retry: RetryPolicy::default(),
            timeout: TIMEOUT,
            body_limit: BODY_LIMIT,
        }
    }

    /// Starts from a hub's connection string: its host, its credential, its gateway if it names one.
    ///
    /// # Errors
    ///
    /// The connection string cannot be used; the error names the key that is at fault.
    pub fn from_connection_string(connection_string: &str) -> Result<Self, Error> {
        Ok(connection_string.parse::<ConnectionString>()?.into())
    }

    /// What the client signs its calls with.
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = Some(credential);
        self
    }

    /// Sends the requests to this URL instead of `https://` and the host name, which stays the one that
    /// shared access tokens are signed for, unless [`audience`](Self::audience) names another. For an
    /// emulator or a private gateway.
    ///
    /// It may end with a path, below which those of the operations stand. Plain `http` is taken for a
    /// loopback address only: the token would be readable on the way.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Has shared access tokens signed for this resource instead of the host name: another host, or the
    /// host with a path below which they are good, such as `contoso.azure-devices.net/jobs`.
    ///
    /// A hub takes a token for the host that it is called by, also by its other names such as
    /// `contoso.service.azure-devices.net`. Tokens of Entra ID have a scope instead.
    pub fn audience(mut self, resource: impl Into<String>) -> Self {
        self.audience = Some(resource.into());
        self
    }

    /// Sends the requests through this client: with your proxy, your certificate authority, your pool.
    /// When not set it is one that takes TLS 1.2 and later, connects within 10 seconds, and goes through
    /// the environment's proxy (`HTTPS_PROXY`, `NO_PROXY`) to any address but a loopback one.
    ///
    /// Build it with [`redirect::Policy::none()`](reqwest::redirect::Policy::none): without that, the
    /// request has reached the target of a redirect, token and all, by the time that the error is raised.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }

    /// When and how often a failed attempt is followed by another.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long one attempt may take, from connecting to the last byte received; 30 seconds when not
    /// set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How large the body of an answer may be, in bytes; 16 MiB when not set. A larger one is an error
    /// and is not read on.
    pub fn max_response_size(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Makes the client.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfiguration`] names the setting at fault; [`Error::Credential`] when the token
    /// that was handed over has expired or is for another host.
    pub fn build(self) -> Result<Client, Error> {
        let endpoint = self.checked_endpoint()?;
        let credential =
            self.credential.ok_or_else(|| invalid("ClientBuilder::credential", "it must be set"))?;
        let audience = self.audience.unwrap_or_else(|| self.host_name.clone());
        if !is_resource(&audience) {
            let rule = "it must be a host name, perhaps with a path, without scheme";
            return Err(invalid("ClientBuilder::audience", rule));
        }
        let authorizer = Authorizer::new(credential, audience)?;
        let http = self.http_client.map_or_else(|| http_client(&endpoint), Ok)?;
        let Self { host_name, retry, timeout, body_limit, .. } = self;
        Ok(Client::new(Shared { host_name, endpoint, http, authorizer, retry, timeout, body_limit }))
    }

    fn checked_endpoint(&self) -> Result<Url, Error> {
        if !is_host_name(&self.host_name) {
            return Err(invalid("Client::builder", format!("it {HOST_NAME_RULE}")));
        }
        let url = self.endpoint.clone().unwrap_or_else(|| format!("https://{}", self.host_name));
        let url = Url::parse(&url)
            .map_err(|error| invalid("ClientBuilder::endpoint", format!("it is not a URL: {error}")))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("ClientBuilder::endpoint", "it must not hold a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("ClientBuilder::endpoint", "it must end with the host, the port or a path"));
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if is_loopback(&url) => Ok(url),
            "http" => Err(invalid(
                "ClientBuilder::endpoint",
                "plain http would show the token; only a loopback address may have it",
            )),
            other => Err(invalid("ClientBuilder::endpoint", format!("it must be https, not {other}"))),
        }
    }
}

impl From<ConnectionString> for ClientBuilder {
    fn from(connection: ConnectionString) -> Self {
        let builder =
            Self::new(connection.host_name().to_owned()).credential(connection.credential().clone());
        match connection.gateway_host_name() {
            Some(gateway) => builder.endpoint(format!("https://{gateway}")),
            None => builder,
        }
    }
}

/// Shows the host and the endpoint only when they are what they should be: before
/// [`build`](ClientBuilder::build) they may be anything, a connection string in the wrong place too.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { credential, retry, timeout, body_limit, .. } = self;
        let endpoint = self.checked_endpoint().ok();
        f.debug_struct("ClientBuilder")
            .field("endpoint", &endpoint.as_ref().map(Url::as_str))
            .field("credential", credential)
            .field("retry", retry)
            .field("timeout", timeout)
            .field("max_response_size", body_limit)
            .finish_non_exhaustive()
    }
}

fn invalid(setting: &'static str, rule: impl Into<String>) -> Error {
    Error::InvalidConfiguration { setting, rule: rule.into() }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn http_client(endpoint: &Url) -> Result<reqwest::Client, Error> {
    if endpoint.scheme() == "https" && !cfg!(any(feature = "rustls", feature = "native-tls")) {
        let rule =
            "this build has no TLS: enable the feature `rustls` or `native-tls`, or hand over a client";
        return Err(invalid("ClientBuilder::http_client", rule));
    }
    let mut builder = reqwest::Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIMEOUT);
    if is_loopback(endpoint) {
        // A proxy would be handed a token that is meant for this machine.
        builder = builder.no_proxy();
    }
    #[cfg(feature = "rustls")]
    let builder = builder.tls_backend_rustls();
    #[cfg(any(feature = "rustls", feature = "native-tls"))]
    let builder = builder.tls_version_min(reqwest::tls::Version::TLS_1_2);
    builder
        .build()
        .map_err(|error| invalid("ClientBuilder::http_client", format!("it cannot be made: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::CredentialError;

    fn builder() -> ClientBuilder {
        let credential = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
        // A build without TLS takes no other endpoint.
        let endpoint = "http://127.0.0.1:1";
        ClientBuilder::new("contoso.azure-devices.net".into()).credential(credential).endpoint(endpoint)
    }

    #[track_caller]
    fn assert_refused(builder: ClientBuilder, setting: &str) {
        match builder.build().unwrap_err() {
            Error::InvalidConfiguration { setting: at_fault, .. } => assert_eq!(at_fault, setting),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for url in ["http://127.0.0.1:8080", "http://localhost/", "http://[::1]:1/base", "http://127.9.9.9"] {
            assert!(builder().endpoint(url).build().is_ok(), "{url}");
        }
        for url in [
            "http://contoso.azure-devices.net",
            "http://127.0.0.1.evil.net",
            "http://10.0.0.1",
            "http://[::2]",
        ] {
            assert_refused(builder().endpoint(url), "ClientBuilder::endpoint");
        }
    }

    #[test]
    fn an_endpoint_is_a_url_and_nothing_more() {
        for url in ["", "contoso", "ftp://h", "https://u:p@h", "https://h?a=b", "https://h#a", "https://"] {
            assert_refused(builder().endpoint(url), "ClientBuilder::endpoint");
        }
    }

    #[test]
    fn a_host_name_is_bare() {
        for host in ["", "https://contoso.azure-devices.net", "contoso/", "a b", "contoso:443"] {
            let unusable = ClientBuilder { host_name: host.into(), ..builder() };
            assert_refused(unusable, "Client::builder");
        }
    }

    #[test]
    fn what_is_in_the_wrong_place_is_not_shown() {
        let host = ClientBuilder { host_name: "HostName=h;SharedAccessKey=c2VjcmV0".into(), ..builder() };
        let endpoint = builder().endpoint("https://user:c2VjcmV0@h");
        let shown =
            format!("{host:?} {endpoint:?} {:?} {:?}", host.clone().build(), endpoint.clone().build());
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
    }

    #[test]
    fn a_credential_is_needed_and_must_fit() {
        assert_refused(ClientBuilder { credential: None, ..builder() }, "ClientBuilder::credential");
        let of_another = "SharedAccessSignature sr=other.net&sig=a&se=4102444800";
        let builder = || builder().credential(Credential::shared_access_signature(of_another).unwrap());
        assert!(matches!(builder().build(), Err(Error::Credential(CredentialError::OtherHost { .. }))));
        assert!(builder().audience("other.net").build().is_ok());
        assert!(builder().audience("other.net/jobs").build().is_ok());
        for audience in ["", "https://other.net", "other.net/?a", "/jobs"] {
            assert_refused(builder().audience(audience), "ClientBuilder::audience");
        }
    }
}
