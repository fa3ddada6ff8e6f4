//! Why a connection string cannot be used.

use std::fmt;

use super::{KEYS, SHARED_ACCESS_KEY, SHARED_ACCESS_KEY_NAME, SHARED_ACCESS_SIGNATURE};
use crate::auth::{CredentialError, HOST_NAME_RULE};

/// Why a connection string cannot be used. Names the key, never its value.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionStringError {
    /// A part is not `key=value`.
    NotAPair {
        /// Which part it is, from 1.
        position: usize,
    },
    /// A key that a hub's connection string does not have.
    Unknown {
        /// Which part it is, from 1.
        position: usize,
        /// The key; left out when it may be a secret in the wrong place.
        key: Option<String>,
    },
    /// A key that appears twice.
    Duplicate(&'static str),
    /// A key that is missing.
    Missing(&'static str),
    /// A key without a value.
    Empty(&'static str),
    /// A key whose value has characters that it cannot have.
    Characters(&'static str),
    /// A key of a device's or module's connection string.
    OfADevice(&'static str),
    /// A key of the connection string of the hub's Event Hubs endpoint, at which messages are read.
    OfEventHubs(&'static str),
    /// It stands between quotation marks.
    Quoted,
    /// Both a key and a signature.
    KeyAndSignature,
    /// A key or signature that makes no credential.
    Unusable {
        /// `SharedAccessKey` or `SharedAccessSignature`.
        key: &'static str,
        /// What is wrong with it.
        error: CredentialError,
    },
}

impl fmt::Display for ConnectionStringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPair { position } => {
                write!(f, "part {position} of the connection string is not `key=value`")
            }
            Self::Unknown { position, key } => {
                let shown = key.as_ref().map(|key| format!(" `{key}`")).unwrap_or_default();
                write!(
                    f,
                    "the connection string has an unknown key{shown} in part {position}; its keys are {}",
                    KEYS.join(", ")
                )
            }
            Self::Duplicate(key) => write!(f, "the connection string has the key `{key}` twice"),
            Self::Missing(key) => write!(
                f,
                "the connection string lacks the key `{key}`; it has the form \
                 `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`"
            ),
            Self::Empty(key) => write!(f, "the key `{key}` of the connection string has no value"),
            Self::Characters(SHARED_ACCESS_KEY_NAME) => write!(
                f,
                "the key `{SHARED_ACCESS_KEY_NAME}` of the connection string must have only ASCII letters, \
                 digits and `-_.@`"
            ),
            Self::Characters(key) => write!(f, "the key `{key}` of the connection string {HOST_NAME_RULE}"),
            Self::OfADevice(key) => write!(
                f,
                "the connection string belongs to a device, as the key `{key}` tells; \
                 jobs need that of a shared access policy of the hub"
            ),
            Self::OfEventHubs(key) => write!(
                f,
                "the connection string belongs to the hub's Event Hubs endpoint, as the key `{key}` tells; \
                 jobs need that of a shared access policy of the hub"
            ),
            Self::Quoted => {
                f.write_str("the connection string begins with a quotation mark; leave the quotes out")
            }
            Self::KeyAndSignature => write!(
                f,
                "the connection string has both `{SHARED_ACCESS_KEY}` and `{SHARED_ACCESS_SIGNATURE}`; leave one"
            ),
            Self::Unusable { key, error } => {
                write!(f, "the key `{key}` of the connection string cannot be used: {error}")
            }
        }
    }
}

impl std::error::Error for ConnectionStringError {}
