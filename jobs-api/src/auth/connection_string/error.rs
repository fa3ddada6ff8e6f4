//! The keys of a connection string, and the error of an unusable one.

use std::fmt;

use crate::auth::error::CredentialError;
use crate::auth::host::HOST_NAME_RULE;

pub(super) const HOST_NAME: &str = "HostName";
pub(super) const GATEWAY_HOST_NAME: &str = "GatewayHostName";
pub(super) const SHARED_ACCESS_KEY_NAME: &str = "SharedAccessKeyName";
pub(super) const SHARED_ACCESS_KEY: &str = "SharedAccessKey";
pub(super) const SHARED_ACCESS_SIGNATURE: &str = "SharedAccessSignature";

/// The keys of a hub's connection string.
pub(super) const KEYS: [&str; 5] =
    [HOST_NAME, GATEWAY_HOST_NAME, SHARED_ACCESS_KEY_NAME, SHARED_ACCESS_KEY, SHARED_ACCESS_SIGNATURE];

/// The keys of a device's or module's connection string, which cannot create jobs.
pub(super) const DEVICE_KEYS: [&str; 3] = ["DeviceId", "ModuleId", "x509"];

/// The host that devices are provisioned by; its instances have names below it.
pub(super) const PROVISIONING_HOST: &str = "azure-devices-provisioning.net";

/// The keys of the connection string of a hub's Event Hubs endpoint.
pub(super) const EVENT_HUBS_KEYS: [&str; 2] = ["Endpoint", "EntityPath"];

/// An error in a connection string. It names the key, never its value.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionStringError {
    /// A part is not `key=value`.
    NotAPair {
        /// The number of the part, from 1.
        position: usize,
    },
    /// A key is unknown.
    Unknown {
        /// The number of the part, from 1.
        position: usize,
        /// The key, `None` if it may be a misplaced secret.
        key: Option<String>,
    },
    /// A key appears twice.
    Duplicate(&'static str),
    /// A key is missing.
    Missing(&'static str),
    /// A key has no value.
    Empty(&'static str),
    /// The value of a key has invalid characters.
    Characters(&'static str),
    /// The connection string is that of a device or module; this key gives it away.
    OfADevice(&'static str),
    /// The connection string is that of the hub's Event Hubs endpoint, which serves messages; this key
    /// gives it away.
    OfEventHubs(&'static str),
    /// The connection string is that of the device provisioning service.
    OfProvisioning,
    /// The connection string begins with a quotation mark.
    Quoted,
    /// The connection string ends after its first part, as one that a shell cut at the first `;`.
    CutOff,
    /// Both a key and a signature are present.
    KeyAndSignature,
    /// The key or signature makes no credential.
    Unusable {
        /// `SharedAccessKey` or `SharedAccessSignature`.
        key: &'static str,
        /// The reason.
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
                "the connection string has the key `{key}` and so belongs to a device; \
                 use that of a shared access policy of the hub"
            ),
            Self::OfEventHubs(key) => write!(
                f,
                "the connection string has the key `{key}` and so belongs to the hub's Event Hubs endpoint; \
                 use that of a shared access policy of the hub"
            ),
            Self::OfProvisioning => f.write_str(
                "the connection string belongs to the device provisioning service; use that of a shared access \
                 policy of the hub",
            ),
            Self::CutOff => f.write_str(
                "the connection string ends before its first `;`: put it in single quotes, or a shell cuts it \
                 there",
            ),
            Self::Quoted => {
                f.write_str("the connection string begins with a quotation mark; remove the quotation marks")
            }
            Self::KeyAndSignature => write!(
                f,
                "the connection string has both `{SHARED_ACCESS_KEY}` and `{SHARED_ACCESS_SIGNATURE}`; remove one"
            ),
            Self::Unusable { key, error } => {
                write!(f, "the key `{key}` of the connection string cannot be used: {error}")
            }
        }
    }
}

impl std::error::Error for ConnectionStringError {}
