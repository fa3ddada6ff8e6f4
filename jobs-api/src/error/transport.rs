//! Responses that never came, or not to their end.
//!
//! Whether the hub may have acted on a request depends on one fact alone: whether the HTTP client had it when the
//! attempt failed, and a connection to send it on.

use reqwest::Url;

use super::attempt::FailedAttempt;
use super::tls;

/// No complete response came.
///
/// | message | request | [`is_connect`](Self::is_connect) | [`is_timeout`](Self::is_timeout) |
/// |---|---|---|---|
/// | no connection to … | not sent | true | true if connecting took too long |
/// | not sent: no time was left | not sent | false | true |
/// | no response within … | sent | false | true |
/// | the connection ended before a response came | sent | false | false |
/// | the response did not end in time; its status is … | answered in part | false | true |
/// | the connection ended within the response; its status is … | answered in part | false | false |
///
/// A request that was sent may have taken effect: see [`Error::is_outcome_unknown`](crate::Error::is_outcome_unknown).
///
/// ```
/// # fn example(error: jobs_api::Error) {
/// if let jobs_api::Error::Transport(error) = error {
///     match error.tls_failure() {
///         Some(reason) => println!("TLS: {reason}"),
///         None if error.is_timeout() => println!("no answer in time"),
///         None => println!("the connection failed"),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct TransportError {
    pub(super) attempt: FailedAttempt,
    /// `None` if the time ran out.
    pub(super) source: Option<reqwest::Error>,
    tls_failure: Option<String>,
    /// False if no connection was made, or no time was left to send the request.
    pub(super) is_sent: bool,
}

impl TransportError {
    pub(super) fn new(attempt: FailedAttempt, source: Option<reqwest::Error>, is_sent: bool) -> Self {
        let is_sent = is_sent && !source.as_ref().is_some_and(reqwest::Error::is_connect);
        let tls_failure = source.as_ref().and_then(tls::find_failure);
        Self { attempt, source, tls_failure, is_sent }
    }

    /// Returns true if the hub could not be reached: nothing was sent.
    pub fn is_connect(&self) -> bool {
        self.source.as_ref().is_some_and(reqwest::Error::is_connect)
    }

    /// Returns true if the attempt took longer than
    /// [`ClientBuilder::attempt_timeout`](crate::ClientBuilder::attempt_timeout) allows, or than was left of
    /// the [`RetryPolicy`](crate::RetryPolicy)'s deadline.
    pub fn is_timeout(&self) -> bool {
        self.source.as_ref().is_none_or(reqwest::Error::is_timeout)
    }

    /// Returns what the TLS library reports, if there is no connection because the server's certificate is not
    /// trusted, or its port has no TLS. The attempt is not repeated: another would meet the same.
    ///
    /// Known with rustls and OpenSSL. On Windows and macOS, native-tls may report it like any other failure to connect.
    pub fn tls_failure(&self) -> Option<&str> {
        self.tls_failure.as_deref()
    }

    /// Returns what happened to the request, and to its response.
    pub(super) fn reason(&self) -> String {
        let status = self.attempt.status().map(|status| status.as_u16());
        match (status, &self.source) {
            (Some(status), _) if self.is_timeout() => {
                format!("the response did not end in time; its status is {status}")
            }
            (Some(status), _) => format!("the connection ended within the response; its status is {status}"),
            (None, Some(source)) if source.is_connect() => {
                let host = source.url().map_or("the hub", Url::authority);
                let reason = self.tls_failure().map(|reason| format!(": {reason}")).unwrap_or_default();
                format!("no connection to {host}{reason}")
            }
            (None, None) if !self.is_sent => "not sent: no time was left".into(),
            (None, None) => format!("no response within {:.1?}", self.attempt.request.timeout),
            (None, Some(source)) if source.is_timeout() => "no response in time".into(),
            (None, Some(_)) => "the connection ended before a response came".into(),
        }
    }

    /// Returns the advice for an operator.
    pub(super) fn hint(&self) -> Option<&'static str> {
        let connect = "check the host name, the network and the proxy, if any";
        self.tls_failure().and_then(tls::hint).or(self.is_connect().then_some(connect))
    }
}
