//! A hub's connection string, as the Azure portal shows it.
//!
//! One that cannot be used may have been cut by a shell, be in quotation marks, or belong to a device or an event hub.
//! The errors distinguish these by keys and positions, and never show a value.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use super::credential::Credential;
use super::error::CredentialError;
use super::host::{HOST_NAME_RULE, has_only, is_host_name};

const HOST_NAME: &str = "HostName";
const GATEWAY_HOST_NAME: &str = "GatewayHostName";
const SHARED_ACCESS_KEY_NAME: &str = "SharedAccessKeyName";
const SHARED_ACCESS_KEY: &str = "SharedAccessKey";
const SHARED_ACCESS_SIGNATURE: &str = "SharedAccessSignature";

/// The keys of a hub's connection string.
const KEYS: [&str; 5] =
    [HOST_NAME, GATEWAY_HOST_NAME, SHARED_ACCESS_KEY_NAME, SHARED_ACCESS_KEY, SHARED_ACCESS_SIGNATURE];
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
/// println!("{}", connection.host_name);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionString {
    /// The hub's host name, such as `contoso.azure-devices.net`, with its port if it has one.
    pub host_name: String,
    /// The host of the gateway in front of the hub, if there is one, with its port if it has one.
    pub gateway_host_name: Option<String>,
    /// The credential made from the key or the signature, with the name of the policy.
    pub credential: Credential,
}

impl FromStr for ConnectionString {
    type Err = CredentialError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = Parts::split(text)?;
        let host_name = parts.required(HOST_NAME)?;
        check_host_name(HOST_NAME, host_name)?;
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
            credential: parts.credential(policy)?,
        })
    }
}

/// The values of a connection string by their keys.
struct Parts<'a>(BTreeMap<&'static str, &'a str>);

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, CredentialError> {
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
                return Err(CredentialError::malformed(reason));
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

    fn required(&self, key: &str) -> Result<&'a str, CredentialError> {
        self.get(key).ok_or_else(|| missing(key))
    }

    fn credential(&self, policy: &str) -> Result<Credential, CredentialError> {
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
        credential.map_err(|error| match error {
            CredentialError::Malformed(reason) => invalid(key, &format!("cannot be used: {reason}")),
            error => error,
        })
    }
}

/// Returns the canonical form of a key. An unknown one is shown only if it cannot be a secret.
fn find_key(key: &str, position: usize) -> Result<&'static str, CredentialError> {
    if let Some(known) = KEYS.into_iter().find(|known| known.eq_ignore_ascii_case(key)) {
        return Ok(known);
    }
    let can_show = key.len() <= MAX_SHOWN_KEY && key.chars().all(|c| c.is_ascii_alphabetic());
    let shown = if can_show { format!(" `{key}`") } else { String::new() };
    Err(malformed(format_args!(
        "has an unknown key{shown} in part {position}; use that of a shared access policy of the hub, whose keys \
         are {}",
        KEYS.join(", ")
    )))
}

fn check_host_name(key: &str, value: &str) -> Result<(), CredentialError> {
    if is_host_name(value) { Ok(()) } else { Err(invalid(key, HOST_NAME_RULE)) }
}

/// Makes the error of a connection string. It names the key, never its value.
fn malformed(defect: impl Display) -> CredentialError {
    CredentialError::malformed(format!("the connection string {defect}"))
}

fn invalid(key: &str, defect: &str) -> CredentialError {
    CredentialError::malformed(format!("the key `{key}` of the connection string {defect}"))
}

fn missing(key: &str) -> CredentialError {
    malformed(format_args!(
        "lacks the key `{key}`; it has the form `HostName=…;SharedAccessKeyName=…;SharedAccessKey=…`"
    ))
}

#[cfg(test)]
mod tests;
