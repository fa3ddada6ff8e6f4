//! Errors of credentials and of token requests.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

#[cfg(feature = "entra")]
use super::redaction::redact_tokens;

/// An error of a credential. No variant holds a key or a token.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CredentialError {
    /// The name of the policy, the key, the token or the scope is malformed. This text says which of them, and how.
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
    /// The token credential returned no usable token.
    NoToken(TokenError),
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
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => f.write_str(reason),
            Self::Expired(at) => {
                let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
                write!(f, "the shared access signature expired at {at}; supply a new one")
            }
            Self::OtherHost { resource, host } => {
                write!(f, "the shared access signature is for {resource:?}, but the client calls {host:?}")
            }
            Self::NoToken(error) => error.fmt(f),
            Self::NoRuntime => f.write_str(
                "a call needs a Tokio runtime; make it inside one, for example in `#[tokio::main]`",
            ),
        }
    }
}

impl Error for CredentialError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NoToken(error) => error.source(),
            _ => None,
        }
    }
}

/// A failed attempt to obtain a token. Clones are equal; separate failures are not.
#[derive(Clone)]
pub struct TokenError(Arc<Failure>);

struct Failure {
    message: String,
    is_timeout: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl TokenError {
    #[cfg(feature = "entra")]
    pub(super) fn new(message: &str) -> Self {
        Self(Arc::new(Failure { message: message.to_owned(), is_timeout: false, source: None }))
    }

    /// Wraps an error of the credential. If its messages contain a token, only the redacted messages
    /// are kept.
    #[cfg(feature = "entra")]
    pub(super) fn from_source(error: azure_core::Error) -> Self {
        let source = match redact_tokens(&messages(&error)) {
            Some(redacted) => redacted.into(),
            None => error.into(),
        };
        let message = "the credential returned no token".to_owned();
        Self(Arc::new(Failure { message, is_timeout: false, source: Some(source) }))
    }

    /// The credential neither returned nor failed for this long.
    pub(crate) fn timeout(after: Duration) -> Self {
        let message = format!("the credential returned no token within {after:.0?}");
        Self(Arc::new(Failure { message, is_timeout: true, source: None }))
    }

    /// Returns true if the credential neither returned a token nor failed in time.
    pub fn is_timeout(&self) -> bool {
        self.0.is_timeout
    }
}

impl PartialEq for TokenError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TokenError {}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// Shows the messages of the chain. The `Debug` of a foreign error might show a secret.
impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenError({})", messages(self))
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

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

#[cfg(test)]
#[cfg(feature = "entra")]
mod tests {
    use azure_core::error::ErrorKind;

    use super::*;

    #[test]
    fn credential_error_that_shows_a_token_is_redacted() {
        let inner = "the answer was {\"access_token\":\"eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0\"}";
        let inner = std::io::Error::other(inner);
        let error = azure_core::Error::with_error(ErrorKind::Credential, inner, "no token");
        let error = TokenError::from_source(error);
        let source = error.source().unwrap();
        assert_eq!(source.to_string(), "no token: the answer was {\"access_token\":\"[redacted]\"}");
        assert!(source.source().is_none());
        let shown = format!("{error:?} {source:?}");
        assert!(!shown.contains("eyJ") && !shown.contains("c2VjcmV0"), "{shown}");
    }

    #[test]
    fn credential_error_without_a_token_is_kept() {
        let error = azure_core::Error::with_message(ErrorKind::Credential, "no identity");
        let error = TokenError::from_source(error);
        let source = error.source().unwrap().downcast_ref::<azure_core::Error>().unwrap();
        assert!(matches!(source.kind(), ErrorKind::Credential));
        assert_eq!(format!("{error:?}"), "TokenError(the credential returned no token: no identity)");
    }

    #[test]
    fn clones_are_equal_and_separate_failures_are_not() {
        let error = TokenError::timeout(Duration::from_secs(5));
        assert_eq!(error, error.clone());
        assert_ne!(error, TokenError::timeout(Duration::from_secs(5)));
        assert!(error.is_timeout() && !TokenError::new("none").is_timeout());
    }
}
