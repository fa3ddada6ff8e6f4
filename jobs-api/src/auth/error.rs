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
    /// The name of the shared access policy is empty.
    EmptyPolicyName,
    /// The key is empty.
    EmptyKey,
    /// The key is not valid base64.
    KeyIsNotBase64,
    /// The token does not begin with `SharedAccessSignature` and a space.
    NotASignature,
    /// The token lacks this field, or the field is empty.
    MissingField(&'static str),
    /// The token's `se` is not a number of seconds since 1970.
    UnreadableExpiry,
    /// The token expired at this instant.
    Expired(DateTime<Utc>),
    /// The token has characters that an HTTP header cannot have.
    NotAHeader,
    /// The token is for another host than the one the client calls.
    OtherHost {
        /// The resource of the token.
        resource: String,
        /// The host the client calls.
        host: String,
    },
    /// The scope for Entra ID tokens is empty.
    EmptyScope,
    /// The token credential returned no usable token.
    NoToken(TokenError),
    /// The call was made outside a Tokio runtime.
    NoRuntime,
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyPolicyName => f.write_str("the name of the shared access policy is empty"),
            Self::EmptyKey => f.write_str("the shared access key is empty"),
            Self::KeyIsNotBase64 => f.write_str(
                "the shared access key is not valid base64; copy the whole primary or secondary key of the \
                 policy, including any `=` at its end",
            ),
            Self::NotASignature => f.write_str("the token does not begin with `SharedAccessSignature `"),
            Self::MissingField(name) => write!(f, "the shared access signature lacks the field `{name}`"),
            Self::UnreadableExpiry => f.write_str(
                "the field `se` of the shared access signature is not a time in seconds since 1970",
            ),
            Self::NotAHeader => f.write_str("the token has characters that an HTTP header cannot have"),
            Self::Expired(at) => {
                let at = at.to_rfc3339_opts(SecondsFormat::Secs, true);
                write!(f, "the shared access signature expired at {at}; supply a new one")
            }
            Self::OtherHost { resource, host } => {
                write!(f, "the shared access signature is for {resource:?}, but the client calls {host:?}")
            }
            Self::EmptyScope => f.write_str("the scope of the tokens is empty"),
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
pub struct TokenError(Arc<Reason>);

#[cfg_attr(not(feature = "entra"), allow(dead_code, reason = "only a token credential fails like this"))]
enum Reason {
    Source(Box<dyn Error + Send + Sync>),
    Timeout(Duration),
    Panic,
    ExpiredToken,
    EmptyToken,
}

impl TokenError {
    /// Wraps an error of the credential. If its messages contain a token, only the redacted messages
    /// are kept.
    #[cfg(feature = "entra")]
    pub(super) fn from_source(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        Self(Arc::new(Reason::Source(match Redacted::from_chain(&*error) {
            Some(redacted) => Box::new(redacted),
            None => error,
        })))
    }

    /// The credential neither returned nor failed for this long.
    pub(crate) fn timeout(after: Duration) -> Self {
        Self(Arc::new(Reason::Timeout(after)))
    }

    #[cfg(feature = "entra")]
    pub(super) fn panic() -> Self {
        Self(Arc::new(Reason::Panic))
    }

    #[cfg(feature = "entra")]
    pub(super) fn expired_token() -> Self {
        Self(Arc::new(Reason::ExpiredToken))
    }

    #[cfg(feature = "entra")]
    pub(super) fn empty_token() -> Self {
        Self(Arc::new(Reason::EmptyToken))
    }

    /// Returns true if the credential neither returned a token nor failed in time.
    pub fn is_timeout(&self) -> bool {
        matches!(*self.0, Reason::Timeout(_))
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
        match &*self.0 {
            Reason::Source(_) => f.write_str("the credential gave no token"),
            Reason::Timeout(after) => write!(f, "the credential gave no token within {after:.0?}"),
            Reason::Panic => f.write_str("the credential panicked"),
            Reason::EmptyToken => f.write_str("the credential gave an empty token"),
            Reason::ExpiredToken => f.write_str(
                "the credential gave a token that has expired or is about to; check this machine's clock",
            ),
        }
    }
}

/// Shows the messages of the chain. The `Debug` of a foreign error might show a secret.
impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenError({self}")?;
        for cause in causes(self.source()) {
            write!(f, ": {cause}")?;
        }
        f.write_str(")")
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.0 {
            Reason::Source(error) => Some(&**error as _),
            _ => None,
        }
    }
}

/// Iterates over an error and its sources.
pub(crate) fn causes<'a>(
    error: Option<&'a (dyn Error + 'static)>,
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error, |error| (*error).source())
}

/// The redacted messages of an error and its sources.
#[cfg(feature = "entra")]
#[derive(Debug)]
struct Redacted {
    message: String,
    source: Option<Box<Redacted>>,
}

#[cfg(feature = "entra")]
impl Redacted {
    /// Copies the chain of an error, `None` if no message contains a token.
    fn from_chain(error: &(dyn Error + 'static)) -> Option<Self> {
        let messages: Vec<String> = causes(Some(error)).map(ToString::to_string).collect();
        let redacted: Vec<Option<String>> = messages.iter().map(|message| redact_tokens(message)).collect();
        if redacted.iter().all(Option::is_none) {
            return None;
        }
        let messages =
            redacted.into_iter().zip(messages).map(|(redacted, message)| redacted.unwrap_or(message));
        let messages: Vec<String> = messages.collect();
        let innermost_first = messages.into_iter().rev();
        innermost_first.fold(None, |source, message| Some(Self { message, source: source.map(Box::new) }))
    }
}

#[cfg(feature = "entra")]
impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(feature = "entra")]
impl Error for Redacted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(all(test, feature = "entra"))]
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
        assert_eq!(source.to_string(), "no token");
        let inner = source.source().unwrap();
        assert_eq!(inner.to_string(), "the answer was {\"access_token\":\"[redacted]\"}");
        assert!(inner.source().is_none());
        let shown = format!("{error:?} {source:?} {inner:?}");
        assert!(!shown.contains("eyJ") && !shown.contains("c2VjcmV0"), "{shown}");
    }

    #[test]
    fn credential_error_without_a_token_is_kept() {
        let error = azure_core::Error::with_message(ErrorKind::Credential, "no identity");
        let error = TokenError::from_source(error);
        let source = error.source().unwrap().downcast_ref::<azure_core::Error>().unwrap();
        assert!(matches!(source.kind(), ErrorKind::Credential));
        assert_eq!(format!("{error:?}"), "TokenError(the credential gave no token: no identity)");
    }

    #[test]
    fn clones_are_equal_and_separate_failures_are_not() {
        let error = TokenError::timeout(Duration::from_secs(5));
        assert_eq!(error, error.clone());
        assert_ne!(error, TokenError::timeout(Duration::from_secs(5)));
        assert!(error.is_timeout() && !TokenError::panic().is_timeout());
    }
}
