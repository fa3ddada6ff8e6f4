//! Failures of TLS that no repetition cures: a certificate that is not trusted, a port without TLS.
//!
//! They are recognized by the words of rustls and of OpenSSL, not by types: the HTTP client of a user may have either.
//! The libraries' own words become part of the message, with an advice:
//!
//! | rustls | OpenSSL | advice |
//! |---|---|---|
//! | `UnknownIssuer` | `unable to get local issuer certificate` | trust the issuer |
//! | `CaUsedAsEndEntity` | `self-signed certificate` | use a certificate that an authority signed, or trust it |
//! | `certificate expired`, `not valid yet` | `certificate has expired`, `not yet valid` | check the clock |
//! | `certificate not valid for name` | `hostname mismatch` | check the host name |
//! | `InvalidContentType` | `wrong version number`, `packet length too long` | check the port |
//!
//! A text that no longer fits is no defect of the certificate, but a failed connection: the attempt is repeated.

use super::text::one_line;
use crate::auth::causes;

/// Returns what the TLS library reports about a failed connection.
pub(super) fn find_failure(error: &reqwest::Error) -> Option<String> {
    // The outermost message has the URL.
    let mut reasons = causes(Some(error)).skip(1).map(|cause| one_line(&cause.to_string()));
    reasons.find(|reason| error.is_connect() && hint(reason).is_some())
}

/// Returns the advice about what a TLS library reports; `None` if another attempt may succeed.
pub(super) fn hint(reason: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|words| reason.contains(words));
    if has(&["InvalidContentType", "wrong version number", "packet length too long"]) {
        return Some("the server does not speak TLS: check the port and the scheme of the endpoint");
    }
    has(&["certificate"]).then_some(if has(&["CaUsedAsEndEntity"]) {
        "it is most likely self-signed: use one that an authority signed, and trust that authority"
    } else if has(&["Issuer", "issuer", "self-signed", "self signed"]) {
        "trust its issuer with ClientBuilder::configure_http"
    } else if has(&["expired", "not valid yet", "not yet valid"]) {
        "check the clock of this machine too"
    } else {
        "check the host name of the endpoint"
    })
}
