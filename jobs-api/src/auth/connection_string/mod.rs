//! A hub's connection string, as the Azure portal shows it.

mod error;
#[cfg(test)]
mod tests;

use std::str::FromStr;

pub use self::error::ConnectionStringError;
use self::error::{
    DEVICE_KEYS, EVENT_HUBS_KEYS, GATEWAY_HOST_NAME, HOST_NAME, KEYS, PROVISIONING_HOST, SHARED_ACCESS_KEY,
    SHARED_ACCESS_KEY_NAME, SHARED_ACCESS_SIGNATURE,
};
use crate::auth::credential::Credential;
use crate::auth::host::{has_only, is_host_name, without_port};

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
        check_characters(HOST_NAME, host_name, is_host_name)?;
        if is_of_provisioning(host_name) {
            return Err(ConnectionStringError::OfProvisioning);
        }
        if !text.contains(';') {
            return Err(ConnectionStringError::CutOff);
        }
        let gateway_host_name = parts.get(GATEWAY_HOST_NAME);
        if let Some(gateway) = gateway_host_name {
            check_characters(GATEWAY_HOST_NAME, gateway, is_host_name)?;
        }
        let policy = parts.required(SHARED_ACCESS_KEY_NAME)?;
        check_characters(SHARED_ACCESS_KEY_NAME, policy, |name| has_only(name, "-_.@"))?;
        let (key, credential) = match (parts.get(SHARED_ACCESS_KEY), parts.get(SHARED_ACCESS_SIGNATURE)) {
            (Some(key), None) => (SHARED_ACCESS_KEY, Credential::shared_access_key(policy, key)),
            (None, Some(token)) => (SHARED_ACCESS_SIGNATURE, Credential::shared_access_signature(token)),
            (Some(_), Some(_)) => return Err(ConnectionStringError::KeyAndSignature),
            (None, None) => return Err(ConnectionStringError::Missing(SHARED_ACCESS_KEY)),
        };
        Ok(Self {
            host_name: host_name.to_owned(),
            gateway_host_name: gateway_host_name.map(str::to_owned),
            shared_access_key_name: policy.to_owned(),
            credential: credential.map_err(|error| ConnectionStringError::Unusable { key, error })?,
        })
    }
}

/// The values of a connection string by their keys.
struct Parts<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, ConnectionStringError> {
        if text.trim_start().starts_with(['"', '\'']) {
            return Err(ConnectionStringError::Quoted);
        }
        let mut parts = Self(Vec::new());
        let non_empty = text.split(';').map(str::trim).enumerate().filter(|(_, part)| !part.is_empty());
        for (index, part) in non_empty {
            let position = index + 1;
            let (key, value) = part.split_once('=').ok_or(ConnectionStringError::NotAPair { position })?;
            let (key, value) = (find_key(key.trim(), position)?, value.trim());
            if value.is_empty() {
                return Err(ConnectionStringError::Empty(key));
            }
            if parts.get(key).is_some() {
                return Err(ConnectionStringError::Duplicate(key));
            }
            parts.0.push((key, value));
        }
        Ok(parts)
    }

    fn get(&self, key: &'static str) -> Option<&'a str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn required(&self, key: &'static str) -> Result<&'a str, ConnectionStringError> {
        self.get(key).ok_or(ConnectionStringError::Missing(key))
    }
}

/// Returns the canonical form of a key. An unknown one is shown only if it cannot be a secret.
fn find_key(key: &str, position: usize) -> Result<&'static str, ConnectionStringError> {
    let find = |keys: &[&'static str]| keys.iter().find(|known| known.eq_ignore_ascii_case(key)).copied();
    if let Some(known) = find(&KEYS) {
        return Ok(known);
    }
    if let Some(known) = find(&DEVICE_KEYS) {
        return Err(ConnectionStringError::OfADevice(known));
    }
    if let Some(known) = find(&EVENT_HUBS_KEYS) {
        return Err(ConnectionStringError::OfEventHubs(known));
    }
    let can_show = key.len() <= MAX_SHOWN_KEY && key.chars().all(|c| c.is_ascii_alphabetic());
    Err(ConnectionStringError::Unknown { position, key: can_show.then(|| key.to_owned()) })
}

/// Returns true if the host is the device provisioning service's, the global one or that of an instance.
fn is_of_provisioning(host_name: &str) -> bool {
    let host = without_port(host_name).to_ascii_lowercase();
    host.strip_suffix(PROVISIONING_HOST).is_some_and(|instance| instance.ends_with('.'))
}

fn check_characters(
    key: &'static str,
    value: &str,
    is_valid: impl FnOnce(&str) -> bool,
) -> Result<(), ConnectionStringError> {
    if is_valid(value) { Ok(()) } else { Err(ConnectionStringError::Characters(key)) }
}
