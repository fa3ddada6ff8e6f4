//! Errors of credentials.
//!
//! A malformed credential may be a key in the wrong place. The errors say what is wrong and where, and repeat nothing of
//! a value that may be a secret.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// An error of a credential. No variant holds a key or a token.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CredentialError {
    /// The name of the policy, the key, the token or the connection string is malformed. This text says which of
    /// them, and how.
    Malformed(String),
    /// The token signed elsewhere expired at this instant.
    Expired(DateTime<Utc>),
    /// The token signed elsewhere is for another host than the one the client calls.
    #[non_exhaustive]
    OtherHost {
        /// The resource of the token.
        resource: String,
        /// The host the client calls.
        host: String,
    },
    /// The token credential returned no usable token, or none in time. This text says why, without tokens.
    NoToken(String),
    /// The call was made outside a Tokio runtime.
    NoRuntime,
}

impl CredentialError {
    pub(super) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed(reason.into())
    }

    pub(super) fn not_a_header() -> Self {
        Self::malformed("the token has characters that an HTTP header cannot have")
    }

    /// The token credential neither returned a token nor failed for this long.
    pub(crate) fn no_token_within(limit: Duration) -> Self {
        Self::NoToken(format!("the credential returned no token within {limit:.0?}"))
    }
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) | Self::NoToken(reason) => f.write_str(reason),
            Self::Expired(at) => {
                let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
                write!(f, "the shared access signature expired at {at}; supply a new one")
            }
            Self::OtherHost { resource, host } => {
                write!(f, "the shared access signature is for {resource:?}, but the client calls {host:?}")
            }
            Self::NoRuntime => f.write_str(
                "a call needs a Tokio runtime; make it inside one, for example in `#[tokio::main]`",
            ),
        }
    }
}

impl Error for CredentialError {}

/// Iterates over an error and its sources.
pub(crate) fn causes<'a>(
    error: Option<&'a (dyn Error + 'static)>,
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error, |error| (*error).source())
}

/// Returns the messages of an error and its sources on one line.
pub(crate) fn messages(error: &(dyn Error + 'static)) -> String {
    let messages: Vec<String> = causes(Some(error)).map(ToString::to_string).collect();
    messages.join(": ")
}
