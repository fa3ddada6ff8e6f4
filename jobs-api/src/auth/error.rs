//! Why there is nothing to sign a call with.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

use super::TokenError;

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
