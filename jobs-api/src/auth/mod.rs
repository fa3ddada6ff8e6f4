//! How a client proves to the hub who it is.
//!
//! A [`Credential`] says with what; an [`Authorizer`] turns it into the token that a request carries,
//! and keeps that token for as long as it serves.

mod authorizer;
mod connection_string;
mod redaction;
mod sas;
mod secret;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};

use self::authorizer::Token;
pub(crate) use self::authorizer::{Authorization, Authorizer};
pub(crate) use self::connection_string::is_host_name;
pub use self::connection_string::{ConnectionString, ConnectionStringError};
pub(crate) use self::redaction::{text_without_tokens, without_tokens};
use self::sas::{SharedAccessKey, SharedAccessSignature};
use self::secret::Secret;

/// The scheme of a token of Entra ID, and the blank after it.
const BEARER: &str = "Bearer ";
/// What stands before the signature in a shared access signature.
const SIGNATURE_FIELD: &str = "sig=";

/// What a client signs its calls with.
///
/// Its `Debug` tells the kind and the policy, never a key or a token.
#[derive(Clone)]
pub struct Credential(Kind);

#[derive(Clone)]
enum Kind {
    Key(Arc<SharedAccessKey>),
    Signature(Arc<SharedAccessSignature>),
}

impl Credential {
    /// Signs with the key of a shared access policy of the hub.
    ///
    /// The policy needs the permissions RegistryRead, RegistryWrite and ServiceConnect; `service` and
    /// `registryReadWrite` each have a part of them, `iothubowner` has all. Tokens are signed for an
    /// hour, kept, and renewed five minutes before their end. See
    /// [Control access with shared access signatures][page].
    ///
    /// # Errors
    ///
    /// The policy name or the key is empty, or the key is not valid base64.
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas
    pub fn shared_access_key(policy: &str, base64_key: &str) -> Result<Self, CredentialError> {
        SharedAccessKey::new(policy, base64_key).map(|key| Self(Kind::Key(Arc::new(key))))
    }

    /// Uses a token that was signed elsewhere, until it ends: `SharedAccessSignature sr=…&sig=…&se=…`.
    ///
    /// The fields may stand in any order. The token must be for the hub that the client calls.
    ///
    /// # Errors
    ///
    /// The text has another form. That the token has ended, or is for another host, is found when the
    /// client is built and before each call.
    pub fn shared_access_signature(token: &str) -> Result<Self, CredentialError> {
        SharedAccessSignature::parse(token).map(|signature| Self(Kind::Signature(Arc::new(signature))))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Key(key) => {
                f.debug_struct("SharedAccessKey").field("policy", &key.policy()).finish_non_exhaustive()
            }
            Kind::Signature(_) => f.debug_struct("SharedAccessSignature").finish_non_exhaustive(),
        }
    }
}

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
    /// The token ended at this instant.
    Expired(DateTime<Utc>),
    /// The token has characters that an HTTP header cannot have.
    NotAHeader,
    /// The token is for another host than the one that is called.
    OtherHost {
        /// What the token is for.
        resource: String,
        /// The host that the client calls.
        host: String,
    },
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
                write!(f, "the shared access signature ended at {end}; supply a new one")
            }
            Self::OtherHost { resource, host } => {
                write!(f, "the shared access signature is for {resource:?}, the client calls {host:?}")
            }
        }
    }
}

impl std::error::Error for CredentialError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_a_key_or_a_token() {
        let token = "SharedAccessSignature sr=hub.azure-devices.net&sig=c2VjcmV0&se=4102444800&skn=service";
        let signature = Credential::shared_access_signature(token).unwrap();
        let key = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
        let shown = format!("{signature:?} {key:?} {:?}", Authorizer::new(key.clone(), "h.net".into()));
        assert!(
            shown.contains("service") && !shown.contains("c2VjcmV0") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
