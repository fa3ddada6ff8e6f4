//! Building a client.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;

use super::endpoint::parse_endpoint;
use super::http::HttpClient;
use super::tier::Tier;
use super::{Client, require};
use crate::auth::{Authorizer, Credential, HOST_NAME_RULE, is_host_name, without_port};
use crate::error::Error;
use crate::pace::{Limits, Pace};
use crate::pipeline::Pipeline;
use crate::pipeline::retry::RetryPolicy;
use crate::runtime::attempt::OnRequest;

/// The default duration of an attempt: a hub lets requests wait for 40 seconds before it rejects them.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
/// The default size of a response body: a page of 100 jobs with the largest payloads is smaller.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// Builds a [`Client`] from a host name, a credential and settings that have defaults.
///
/// ```
/// # fn example(base64_key: &str) -> Result<(), jobs_api::Error> {
/// use jobs_api::{Client, Credential, RetryPolicy};
///
/// let credential = Credential::shared_access_key("service", base64_key)?;
/// let client = Client::builder("contoso.azure-devices.net", credential)
///     .retry(RetryPolicy::default().with_attempts(4))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    host_name: String,
    endpoint: Option<String>,
    credential: Credential,
    http: HttpClient,
    retry: RetryPolicy,
    /// The tier, and the number of units.
    tier: Option<(Tier, u32)>,
    operations_per_minute: Option<u32>,
    is_paced: bool,
    attempt_timeout: Duration,
    body_limit: usize,
    on_request: Option<OnRequest>,
}

impl ClientBuilder {
    /// Sends the requests to this URL, of an emulator, a private gateway or another name of the hub, instead of
    /// `https://` and the host name. Shared access tokens are still signed for the host name.
    ///
    /// May include a base path. Plain `http` is accepted for loopback addresses only: a network would see
    /// the token.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Changes the default HTTP client, such as its proxy or the certificate authorities that it trusts.
    ///
    /// It speaks HTTP/1.1 over TLS 1.2 or later, connects within 10 seconds, and uses the environment's proxy
    /// (`HTTPS_PROXY`, `NO_PROXY`) except for loopback addresses. It follows no redirect, whatever the function
    /// sets.
    ///
    /// Replaces an earlier such function, or [`http_client`](Self::http_client).
    ///
    /// ```
    /// use jobs_api::{Client, ClientBuilder, Error, reqwest};
    ///
    /// fn build(builder: ClientBuilder, authority: reqwest::Certificate) -> Result<Client, Error> {
    ///     builder.configure_http(move |http| http.tls_certs_merge([authority.clone()])).build()
    /// }
    /// ```
    pub fn configure_http(
        mut self,
        configure: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        self.http = HttpClient::Default(Some(Arc::new(configure)));
        self
    }

    /// Sets the HTTP client, in place of the default one and of [`configure_http`](Self::configure_http): to share
    /// connections with other parts of a program.
    ///
    /// A timeout that this client has ends an attempt too, if it passes before the
    /// [`attempt_timeout`](Self::attempt_timeout).
    ///
    /// HTTP/1.1 closes a connection on which a response timed out. An HTTP/2 connection that has gone silent
    /// carries every retry too, unless the client detects it: with HTTP/2, set `http2_keep_alive_interval`
    /// and `http2_keep_alive_timeout` to a few seconds.
    ///
    /// Build the client with [`redirect::Policy::none()`](reqwest::redirect::Policy::none). Otherwise the
    /// target of a redirect receives the request, token included, before the error is returned.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = HttpClient::Own(client);
        self
    }

    /// Sets how often and for how long a call is retried.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets the tier and the number of units of the hub, whose limits the calls then keep: [Quotas and
    /// throttling][quotas].
    ///
    /// Without it nothing is delayed until the hub rejects a call, and the limits are learned from what it rejects. A
    /// tier that the hub does not have makes calls slower than they need be, or rejected more often; they are retried
    /// in both cases.
    ///
    /// [quotas]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling
    pub fn tier(mut self, tier: Tier, units: u32) -> Self {
        self.tier = Some((tier, units));
        self
    }

    /// Sets how many operations on jobs a minute the hub allows, or are left to this client: creates,
    /// cancels, reads and lists. It replaces the rate of the [`tier`](Self::tier), whichever is set first; the other limits
    /// stay as they are.
    pub fn operations_per_minute(mut self, rate: u32) -> Self {
        self.operations_per_minute = Some(rate);
        self
    }

    /// Sends every call at once, and retries throttled ones as transient failures.
    ///
    /// By default all clones of a client share a pace: calls wait for the rate limit, creates and cancels before
    /// reads; creates wait for free slots if [`RetryPolicy::with_slot_deadline`] allows it; in an outage one call at a
    /// time probes the hub. [`Client::pacing`] shows the state.
    pub fn without_pacing(mut self) -> Self {
        self.is_paced = false;
        self
    }

    /// Sets the duration of one attempt, from connecting to the last byte of the response; 60 seconds by
    /// default: a hub that is busy lets requests wait for 40. Zero is refused. [`RetryPolicy::with_deadline`] limits
    /// the whole call.
    #[doc(alias = "timeout")]
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.attempt_timeout = timeout;
        self
    }

    /// Sets the size of a response body in bytes, 16 MiB by default. A larger body is an error and is read
    /// no further.
    pub fn max_response_size(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Sets headers of each attempt: `on_request` is called in the attempt's span, before it is sent.
    ///
    /// The map has the headers of [`Client::with_header`]. Headers that the client sets itself, such as
    /// `Authorization`, are not in it, and are left out if they are added.
    ///
    /// This sends the trace context. With `opentelemetry` and `tracing-opentelemetry`, `inject` lets the global
    /// propagator inject `Span::current().context()` into the map:
    ///
    /// ```
    /// use jobs_api::ClientBuilder;
    ///
    /// type Context = std::collections::HashMap<String, String>;
    /// fn traced(builder: ClientBuilder, inject: fn(&mut Context)) -> ClientBuilder {
    ///     builder.on_request(move |headers| {
    ///         let mut context = Context::new();
    ///         inject(&mut context);
    ///         for name in ["traceparent", "tracestate"] {
    ///             if let Some(Ok(value)) = context.get(name).map(|text| text.parse()) {
    ///                 headers.insert(name, value);
    ///             }
    ///         }
    ///     })
    /// }
    /// ```
    pub fn on_request(mut self, on_request: impl Fn(&mut HeaderMap) + Send + Sync + 'static) -> Self {
        self.on_request = Some(Arc::new(on_request));
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfiguration`] names the setting at fault. [`Error::Credential`] if a shared access
    /// signature has expired or is for another host.
    pub fn build(self) -> Result<Client, Error> {
        let endpoint = self.check_endpoint()?;
        let limits = self.limits()?;
        let host_name = without_port(&self.host_name).to_owned();
        let has_time = !self.attempt_timeout.is_zero();
        require(has_time, "ClientBuilder::attempt_timeout", "it must be longer than zero")?;
        Ok(Client(Arc::new(Pipeline {
            authorizer: Arc::new(Authorizer::new(self.credential, host_name.clone())?),
            http: self.http.build(&endpoint)?,
            host_name,
            endpoint,
            retry: self.retry,
            pace: self.is_paced.then(|| Arc::new(Pace::new(limits))),
            attempt_timeout: self.attempt_timeout,
            body_limit: self.body_limit,
            headers: Arc::default(),
            on_request: self.on_request,
        })))
    }

    fn limits(&self) -> Result<Limits, Error> {
        let limits = self.tier.map_or(Ok(Limits::default()), |(tier, units)| tier.limits(units));
        let limits = limits.map_err(|rule| Error::invalid_setting("ClientBuilder::tier", rule))?;
        let has_rate = self.operations_per_minute != Some(0);
        require(has_rate, "ClientBuilder::operations_per_minute", "it must be at least 1")?;
        Ok(Limits { operations: self.operations_per_minute.map(f64::from).or(limits.operations), ..limits })
    }

    fn check_endpoint(&self) -> Result<Url, Error> {
        require(is_host_name(&self.host_name), "Client::builder", format!("it {HOST_NAME_RULE}"))?;
        let url = self.endpoint.clone().unwrap_or_else(|| format!("https://{}", self.host_name));
        parse_endpoint(&url)
    }
}

impl Client {
    /// Starts building a client for the hub of this host name, such as `contoso.azure-devices.net`. Any
    /// cloud's host name is used verbatim. A port, as in `localhost:8443`, is for requests only: tokens are
    /// signed for the host. The credential signs the calls.
    pub fn builder(host_name: impl Into<String>, credential: Credential) -> ClientBuilder {
        ClientBuilder {
            host_name: host_name.into(),
            endpoint: None,
            credential,
            http: HttpClient::Default(None),
            retry: RetryPolicy::default(),
            tier: None,
            operations_per_minute: None,
            is_paced: true,
            attempt_timeout: ATTEMPT_TIMEOUT,
            body_limit: BODY_LIMIT,
            on_request: None,
        }
    }
}

/// Shows the endpoint only if it is valid: before [`build`](ClientBuilder::build) the host name may be
/// anything, such as a connection string by mistake.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { credential, retry, .. } = self;
        let endpoint = self.check_endpoint().ok();
        f.debug_struct("ClientBuilder")
            .field("endpoint", &endpoint.as_ref().map(Url::as_str))
            .field("credential", credential)
            .field("retry", retry)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
