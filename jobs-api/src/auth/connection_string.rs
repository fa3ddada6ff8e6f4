//! A hub's connection string, as the Azure portal shows it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::credential::Credential;
use super::error::CredentialError;
use super::host::{HOST_NAME_RULE, has_only, is_host_name, without_port};

const HOST_NAME: &str = "HostName";
const GATEWAY_HOST_NAME: &str = "GatewayHostName";
const SHARED_ACCESS_KEY_NAME: &str = "SharedAccessKeyName";
const SHARED_ACCESS_KEY: &str = "SharedAccessKey";
const SHARED_ACCESS_SIGNATURE: &str = "SharedAccessSignature";

/// The keys of a hub's connection string.
const KEYS: [&str; 5] =
    [HOST_NAME, GATEWAY_HOST_NAME, SHARED_ACCESS_KEY_NAME, SHARED_ACCESS_KEY, SHARED_ACCESS_SIGNATURE];
/// The host that devices are provisioned by; its instances have names below it.
const PROVISIONING_HOST: &str = ".azure-devices-provisioning.net";
/// The longest unknown key that an error shows. Longer text may be a misplaced secret.
const MAX_SHOWN_KEY: usize = 24;

/// A hub's connection string:
/// `HostName=contoso.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=…`.
///
/// `HostName`, `SharedAccessKeyName` and exactly one of `SharedAccessKey` and `SharedAccessSignature`
/// are required. Keys may be in any order and any case; spaces around the parts and a trailing `;` are
/// allowed; a value may contain `=`. With `GatewayHostName` requests go to that host, with tokens for
/// `HostName`.
///
/// `Debug` shows the host and the policy, never a key or a token.
///
/// ```
/// # fn example(text: &str) -> Result<(), jobs_api::Error> {
/// use jobs_api::ConnectionString;
///
/// let connection: ConnectionString = text.parse()?;
/// println!("{}", connection.host_name());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConnectionString {
    host_name: String,
    gateway_host_name: Option<String>,
    shared_access_key_name: String,
    credential: Credential,
}

impl ConnectionString {
    /// Returns the hub's host name, such as `contoso.azure-devices.net`, with its port if it has one.
    pub fn host_name(&self) -> &str {
        &self.host_name
    }

    /// Returns the host of the gateway in front of the hub, if there is one, with its port if it has one.
    pub fn gateway_host_name(&self) -> Option<&str> {
        self.gateway_host_name.as_deref()
    }

    /// Returns the name of the shared access policy.
    pub fn shared_access_key_name(&self) -> &str {
        &self.shared_access_key_name
    }

    /// Returns the credential made from the key or the signature.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

impl FromStr for ConnectionString {
    type Err = ConnectionStringError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = Parts::split(text)?;
        let host_name = parts.required(HOST_NAME)?;
        check_host_name(HOST_NAME, host_name)?;
        if without_port(host_name).to_ascii_lowercase().ends_with(PROVISIONING_HOST) {
            return Err(of_another("belongs to the device provisioning service"));
        }
        if !text.contains(';') {
            return Err(malformed(
                "ends before its first `;`: put it in single quotes, or a shell cuts it there",
            ));
        }
        let gateway_host_name = parts.get(GATEWAY_HOST_NAME);
        if let Some(gateway) = gateway_host_name {
            check_host_name(GATEWAY_HOST_NAME, gateway)?;
        }
        let policy = parts.required(SHARED_ACCESS_KEY_NAME)?;
        if !has_only(policy, "-_.@") {
            return Err(invalid(SHARED_ACCESS_KEY_NAME, "must have only ASCII letters, digits and `-_.@`"));
        }
        Ok(Self {
            host_name: host_name.to_owned(),
            gateway_host_name: gateway_host_name.map(str::to_owned),
            shared_access_key_name: policy.to_owned(),
            credential: parts.credential(policy)?,
        })
    }
}

/// The values of a connection string by their keys.
struct Parts<'a>(BTreeMap<&'static str, &'a str>);

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, ConnectionStringError> {
        if text.trim_start().starts_with(['"', '\'']) {
            return Err(malformed("begins with a quotation mark; remove the quotation marks"));
        }
        let mut values = BTreeMap::new();
        for (position, part) in (1..).zip(text.split(';').map(str::trim)) {
            if part.is_empty() {
                continue;
            }
            let Some((key, value)) = part.split_once('=') else {
                let reason = format!("part {position} of the connection string is not `key=value`");
                return Err(ConnectionStringError::Malformed(reason));
            };
            let (key, value) = (find_key(key.trim(), position)?, value.trim());
            if value.is_empty() {
                return Err(invalid(key, "has no value"));
            }
            if values.insert(key, value).is_some() {
                return Err(malformed(format_args!("has the key `{key}` twice")));
            }
        }
        Ok(Self(values))
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).copied()
    }

    fn required(&self, key: &str) -> Result<&'a str, ConnectionStringError> {
        self.get(key).ok_or_else(|| missing(key))
    }

    fn credential(&self, policy: &str) -> Result<Credential, ConnectionStringError> {
        let (key, credential) = match (self.get(SHARED_ACCESS_KEY), self.get(SHARED_ACCESS_SIGNATURE)) {
            (Some(key), None) => (SHARED_ACCESS_KEY, Credential::shared_access_key(policy, key)),
            (None, Some(token)) => (SHARED_ACCESS_SIGNATURE, Credential::shared_access_signature(token)),
            (Some(_), Some(_)) => {
                let both =
                    format!("has both `{SHARED_ACCESS_KEY}` and `{SHARED_ACCESS_SIGNATURE}`; remove one");
                return Err(malformed(both));
            }
            (None, None) => return Err(missing(SHARED_ACCESS_KEY)),
        };
        credential.map_err(|error| ConnectionStringError::Unusable { key, error })
    }
}

/// Returns the canonical form of a key. An unknown one is shown only if it cannot be a secret.
fn find_key(key: &str, position: usize) -> Result<&'static str, ConnectionStringError> {
    if let Some(known) = KEYS.into_iter().find(|known| known.eq_ignore_ascii_case(key)) {
        return Ok(known);
    }
    let owner = match key.to_ascii_lowercase().as_str() {
        "deviceid" | "moduleid" | "x509" => "a device",
        "endpoint" | "entitypath" => "the hub's Event Hubs endpoint",
        _ => {
            let can_show = key.len() <= MAX_SHOWN_KEY && key.chars().all(|c| c.is_ascii_alphabetic());
            let shown = if can_show { format!(" `{key}`") } else { String::new() };
            let keys = KEYS.join(", ");
            return Err(malformed(format_args!(
                "has an unknown key{shown} in part {position}; its keys are {keys}"
            )));
        }
    };
    Err(of_another(&format!("has the key `{key}` and so belongs to {owner}")))
}

fn check_host_name(key: &str, value: &str) -> Result<(), ConnectionStringError> {
    if is_host_name(value) { Ok(()) } else { Err(invalid(key, HOST_NAME_RULE)) }
}

/// An error in a connection string. It names the key, never its value.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionStringError {
    /// The text is not the connection string of a hub. This message says why, and names the key.
    Malformed(String),
    /// The key or signature makes no credential.
    #[non_exhaustive]
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
            Self::Malformed(reason) => f.write_str(reason),
            Self::Unusable { key, error } => {
                write!(f, "the key `{key}` of the connection string cannot be used: {error}")
            }
        }
    }
}

impl std::error::Error for ConnectionStringError {}

fn malformed(defect: impl fmt::Display) -> ConnectionStringError {
    ConnectionStringError::Malformed(format!("the connection string {defect}"))
}

fn of_another(evidence: &str) -> ConnectionStringError {
    malformed(format_args!("{evidence}; use that of a shared access policy of the hub"))
}

fn invalid(key: &str, defect: &str) -> ConnectionStringError {
    ConnectionStringError::Malformed(format!("the key `{key}` of the connection string {defect}"))
}

fn missing(key: &str) -> ConnectionStringError {
    malformed(format_args!(
        "lacks the key `{key}`; it has the form `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`"
    ))
}

#[cfg(test)]
mod tests;
