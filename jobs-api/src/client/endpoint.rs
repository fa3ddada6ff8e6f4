//! The URL to which the requests go.

use std::net::IpAddr;

use reqwest::Url;

use super::require;
use crate::error::Error;

const ENDPOINT: &str = "ClientBuilder::endpoint";

/// Reads the URL of an endpoint and checks that it shows no secret and does not expose the token.
///
/// The URL appears in spans, so that it must not have a password; the operations add their paths and queries to it.
pub(super) fn parse_endpoint(url: &str) -> Result<Url, Error> {
    let invalid = |rule: &str| Error::invalid_setting(ENDPOINT, rule);
    let url = Url::parse(url).map_err(|error| invalid(&format!("it is not a URL: {error}")))?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    require(!has_user, ENDPOINT, "it must not hold a user name or password")?;
    let has_more = url.query().is_some() || url.fragment().is_some();
    require(!has_more, ENDPOINT, "it must end with the host, the port or a path")?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(invalid(
            "it must be https: plain http, which shows the token, is for loopback addresses only",
        )),
        other => Err(invalid(&format!("it must be https, not {other}"))),
    }
}

/// Returns true if the host is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
