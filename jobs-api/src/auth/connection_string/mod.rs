//! The connection string of a hub, as the portal shows it.

mod error;

use std::str::FromStr;

pub use self::error::ConnectionStringError;
use super::Credential;
use super::host::{has_only, is_host_name};

const HOST_NAME: &str = "HostName";
const GATEWAY_HOST_NAME: &str = "GatewayHostName";
const SHARED_ACCESS_KEY_NAME: &str = "SharedAccessKeyName";
const SHARED_ACCESS_KEY: &str = "SharedAccessKey";
const SHARED_ACCESS_SIGNATURE: &str = "SharedAccessSignature";

const KEYS: [&str; 5] =
    [HOST_NAME, GATEWAY_HOST_NAME, SHARED_ACCESS_KEY_NAME, SHARED_ACCESS_KEY, SHARED_ACCESS_SIGNATURE];

/// The keys of a device's or module's connection string, which cannot create jobs.
const DEVICE_KEYS: [&str; 3] = ["DeviceId", "ModuleId", "x509"];

/// The keys of the connection string for reading a hub's messages.
const EVENT_HUBS_KEYS: [&str; 2] = ["Endpoint", "EntityPath"];

/// The longest unknown key that an error repeats. Longer text may be a secret in the wrong place.
const LONGEST_SHOWN_KEY: usize = 24;

/// A hub's connection string:
/// `HostName=contoso.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=…`.
///
/// Needed are `HostName`, `SharedAccessKeyName` and exactly one of `SharedAccessKey` and
/// `SharedAccessSignature`. Keys may stand in any order and any case; blanks around the parts and a
/// trailing `;` are fine; a value may contain `=`.
/// With `GatewayHostName` the requests go to that host, signed for `HostName`.
///
/// Its `Debug` shows the host and the policy, never a key or a token.
#[derive(Clone, Debug)]
pub struct ConnectionString {
    host_name: String,
    gateway_host_name: Option<String>,
    shared_access_key_name: String,
    credential: Credential,
}

impl ConnectionString {
    /// The hub's host name, such as `contoso.azure-devices.net`.
    pub fn host_name(&self) -> &str {
        &self.host_name
    }

    /// The host that stands in for the hub, if there is one.
    pub fn gateway_host_name(&self) -> Option<&str> {
        self.gateway_host_name.as_deref()
    }

    /// The name of the shared access policy.
    pub fn shared_access_key_name(&self) -> &str {
        &self.shared_access_key_name
    }

    /// The credential that the key or the signature makes.
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
        let written = text.split(';').map(str::trim).enumerate().filter(|(_, part)| !part.is_empty());
        for (index, part) in written {
            let position = index + 1;
            let (key, value) = part.split_once('=').ok_or(ConnectionStringError::NotAPair { position })?;
            let (key, value) = (known_key(key.trim(), position)?, value.trim());
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

fn known_key(key: &str, position: usize) -> Result<&'static str, ConnectionStringError> {
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
    let is_showable = key.len() <= LONGEST_SHOWN_KEY && key.chars().all(|c| c.is_ascii_alphabetic());
    Err(ConnectionStringError::Unknown { position, key: is_showable.then(|| key.to_owned()) })
}

fn check_characters(
    key: &'static str,
    value: &str,
    is_valid: impl FnOnce(&str) -> bool,
) -> Result<(), ConnectionStringError> {
    if is_valid(value) { Ok(()) } else { Err(ConnectionStringError::Characters(key)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::CredentialError;

    const SECRET: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";

    fn refusal(text: &str) -> ConnectionStringError {
        let error = text.parse::<ConnectionString>().unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(SECRET) && !shown.contains(&SECRET[..8]), "{shown}");
        error
    }

    #[test]
    fn keys_come_in_any_order_and_case_with_blanks_and_a_trailing_separator() {
        for text in [
            format!("HostName=hub.azure-devices.net;SharedAccessKeyName=service;SharedAccessKey={SECRET}"),
            format!(
                " sharedaccesskey = {SECRET} ; HOSTNAME=hub.azure-devices.net;;SharedAccessKeyName =service ; "
            ),
        ] {
            let connection: ConnectionString = text.parse().unwrap();
            assert_eq!(connection.host_name(), "hub.azure-devices.net");
            assert_eq!(connection.shared_access_key_name(), "service");
            assert_eq!(connection.gateway_host_name(), None);
            assert!(!format!("{connection:?}").contains(SECRET));
        }
    }

    #[test]
    fn a_value_may_contain_the_equals_sign() {
        let key = "HostName=h.net;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0cw==";
        assert!(key.parse::<ConnectionString>().is_ok());
        let token = "SharedAccessSignature sr=h.net&sig=a%3D&se=4102444800&skn=service";
        let signature = format!("HostName=h.net;SharedAccessKeyName=service;SharedAccessSignature={token}");
        let connection: ConnectionString = signature.parse().unwrap();
        assert!(format!("{:?}", connection.credential()).starts_with("SharedAccessSignature"));
    }

    #[test]
    fn a_gateway_is_understood() {
        let text =
            format!("GatewayHostName=edge;HostName=h.net;SharedAccessKeyName=s;SharedAccessKey={SECRET}");
        assert_eq!(text.parse::<ConnectionString>().unwrap().gateway_host_name(), Some("edge"));
    }

    #[test]
    fn every_mistake_names_its_key() {
        use ConnectionStringError as E;
        let policy = format!("SharedAccessKeyName=service;SharedAccessKey={SECRET}");
        assert_eq!(refusal(""), E::Missing("HostName"));
        assert_eq!(refusal(&policy), E::Missing("HostName"));
        assert_eq!(
            refusal(&format!("HostName=h;SharedAccessKey={SECRET}")),
            E::Missing("SharedAccessKeyName")
        );
        assert_eq!(refusal("HostName=h;SharedAccessKeyName=s"), E::Missing("SharedAccessKey"));
        assert_eq!(refusal(&format!("HostName= ;{policy}")), E::Empty("HostName"));
        assert_eq!(refusal(&format!("HostName=h;hostname=i;{policy}")), E::Duplicate("HostName"));
        assert_eq!(refusal(&format!("HostName=https://h;{policy}")), E::Characters("HostName"));
        assert_eq!(
            refusal(&format!("HostName=h;GatewayHostName=a/b;{policy}")),
            E::Characters("GatewayHostName")
        );
        assert_eq!(
            refusal(&format!("HostName=h;DeviceId=d;SharedAccessKey={SECRET}")),
            E::OfADevice("DeviceId")
        );
        let both = format!("HostName=h;{policy};SharedAccessSignature=SharedAccessSignature sr=h&sig=a&se=1");
        assert_eq!(refusal(&both), E::KeyAndSignature);
        assert_eq!(refusal("Endpoint=sb://h/;EntityPath=e"), E::OfEventHubs("Endpoint"));
        assert_eq!(refusal(&format!("\"HostName=h;{policy}\"")), E::Quoted);
        let key = "SharedAccessKey";
        let error = CredentialError::KeyIsNotBase64;
        assert_eq!(refusal("HostName=h;SharedAccessKeyName=s;SharedAccessKey=é"), E::Unusable { key, error });
    }

    #[test]
    fn an_unknown_key_is_shown_only_when_it_cannot_be_a_secret() {
        use ConnectionStringError as E;
        let typo = refusal("HostName=h;SharedAccesKey=a");
        assert_eq!(typo, E::Unknown { position: 2, key: Some("SharedAccesKey".into()) });
        assert!(typo.to_string().contains("SharedAccessKeyName"), "{typo} tells the keys that there are");
        assert_eq!(refusal(&format!("HostName=h;{SECRET}==")), E::Unknown { position: 2, key: None });
        assert_eq!(refusal(SECRET), E::NotAPair { position: 1 });
    }
}
