//! Why there is nothing to sign a call with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use super::redaction::text_without_tokens;

/// Why a credential cannot be used. No variant holds a key or a token.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CredentialError {
    /// The name of the shared access policy is empty.
    EmptyPolicyName,
    /// The key is empty.
    EmptyKey,
    /// The key is not valid base64.
    KeyIsNotBase64,
    /// The token does not start with `SharedAccessSignature` and a blank.
    NotASignature,
    /// The token lacks this field, or it is empty.
    MissingField(&'static str),
    /// The token's `se` is not a number of seconds since 1970.
    UnreadableExpiry,
    /// The token expired at this instant.
    Expired(DateTime<Utc>),
    /// The token has characters that an HTTP header cannot have.
    NotAHeader,
    /// The token is for another host than the one that is called.
    OtherHost {
        /// What the token is for.
        resource: String,
        /// What the client needs it for.
        host: String,
    },
    /// The scope that a token of Entra ID is to have is empty.
    EmptyScope,
    /// No token came from where tokens come from.
    NoToken(TokenError),
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyPolicyName => f.write_str("the name of the shared access policy is empty"),
            Self::EmptyKey => f.write_str("the shared access key is empty"),
            Self::KeyIsNotBase64 => f.write_str(
                "the shared access key is not valid base64; copy the policy's primary or secondary key whole, with its `=`",
            ),
            Self::NotASignature => f.write_str("the token does not start with `SharedAccessSignature `"),
            Self::MissingField(name) => write!(f, "the shared access signature lacks the field `{name}`"),
            Self::UnreadableExpiry => {
                f.write_str("the field `se` of the shared access signature is not a time in seconds since 1970")
            }
            Self::NotAHeader => f.write_str("the token has characters that an HTTP header cannot have"),
            Self::Expired(end) => {
                let end = end.to_rfc3339_opts(SecondsFormat::Secs, true);
                write!(f, "the shared access signature expired at {end}; supply a new one")
            }
            Self::OtherHost { resource, host } => {
                write!(f, "the shared access signature is for {resource:?}, the client calls {host:?}")
            }
            Self::EmptyScope => f.write_str("the scope of the tokens is empty"),
            Self::NoToken(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CredentialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoToken(error) => error.source(),
            _ => None,
        }
    }
}

/// Why no token came. Two of these are equal when they tell of the same failure.
#[derive(Clone)]
pub struct TokenError(Arc<Reason>);

#[cfg_attr(not(feature = "entra"), allow(dead_code, reason = "some happen to a token credential only"))]
enum Reason {
    Failed(Box<dyn std::error::Error + Send + Sync>),
    Late(Duration),
    Panicked,
    Ended,
    Empty,
}

impl TokenError {
    /// The credential reports a failure.
    #[cfg(feature = "entra")]
    pub(super) fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(Arc::new(Reason::Failed(error.into())))
    }

    /// No token came for this long.
    pub(crate) fn late(time: Duration) -> Self {
        Self(Arc::new(Reason::Late(time)))
    }

    pub(super) fn panicked() -> Self {
        Self(Arc::new(Reason::Panicked))
    }

    /// The token that came had ended before.
    pub(super) fn ended() -> Self {
        Self(Arc::new(Reason::Ended))
    }

    /// The token that came has no characters.
    #[cfg(feature = "entra")]
    pub(super) fn empty() -> Self {
        Self(Arc::new(Reason::Empty))
    }

    /// The credential neither gave a token nor failed in time.
    pub fn is_timeout(&self) -> bool {
        matches!(*self.0, Reason::Late(_))
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
            Reason::Failed(_) => f.write_str("the credential gave no token"),
            Reason::Late(time) => write!(f, "the credential gave no token within {time:?}"),
            Reason::Panicked => f.write_str("the credential panicked"),
            Reason::Empty => f.write_str("the credential gave an empty token"),
            Reason::Ended => {
                f.write_str("the credential gave a token that has expired; check this machine's clock")
            }
        }
    }
}

/// Shows the texts of what lies beneath, not its members: they are not ours to vouch for.
impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenError({self}")?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            write!(f, ": {}", text_without_tokens(&cause_text).unwrap_or(cause_text))?;
            source = cause.source();
        }
        f.write_str(")")
    }
}

impl std::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.0 {
            Reason::Failed(error) => Some(&**error as _),
            _ => None,
        }
    }
}
