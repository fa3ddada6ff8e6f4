//! Who may call: the hub's reading of the header `Authorization`.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use sha2::Sha256;
use uuid::Uuid;

use crate::hub::lock;
use crate::issuer::Issuer;
use crate::refusal::Refusal;

/// The only shared access policy of the hub, which may do everything.
const POLICY: &str = "service";

/// Which of the two keys that a shared access policy has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PolicyKey {
    /// The first.
    Primary,
    /// The second, in use while the first is made anew.
    Secondary,
}

/// Who may call a hub.
pub(crate) struct Access {
    pub(crate) host_name: String,
    pub(crate) issuer: Issuer,
    /// The primary and the secondary key of the policy.
    keys: Mutex<[Vec<u8>; 2]>,
}

impl Access {
    pub(crate) fn new(host_name: String) -> Self {
        Self { host_name, issuer: Issuer::new(), keys: Mutex::new([new_key(), new_key()]) }
    }

    pub(crate) fn connection_string(&self, key: PolicyKey) -> String {
        let key = BASE64.encode(&lock(&self.keys)[key as usize]);
        format!("HostName={};SharedAccessKeyName={POLICY};SharedAccessKey={key}", self.host_name)
    }

    pub(crate) fn regenerate(&self, key: PolicyKey) {
        lock(&self.keys)[key as usize] = new_key();
    }

    /// Lets a request through that has a token which is good at `now`.
    pub(crate) fn check(&self, headers: &HeaderMap, path: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Some(fields) = header.strip_prefix("SharedAccessSignature ") {
            self.check_signature(fields, path, now)
        } else if header.strip_prefix("Bearer ").is_some_and(|token| self.issuer.verifies(token, now)) {
            Ok(())
        } else {
            Err(unauthorized())
        }
    }

    /// Lets a shared access signature through that is for this host or a part of `path` on it, is signed
    /// with one of the keys, and has not ended at `now`.
    fn check_signature(&self, fields: &str, path: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        let field = |name| {
            let mut pairs = fields.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value).ok_or_else(unauthorized)
        };
        let (resource, end) = (field("sr")?, field("se")?);
        let scope = decode(resource).ok_or_else(unauthorized)?;
        let mut called = std::iter::once(self.host_name.as_str()).chain(path.split('/').skip(1));
        let is_called =
            |segment: &str| called.next().is_some_and(|called| called.eq_ignore_ascii_case(segment));
        if !scope.split('/').all(is_called) {
            return Err(Refusal::hub_not_found("Unauthorized"));
        }
        let signature =
            decode(field("sig")?).and_then(|text| BASE64.decode(text).ok()).ok_or_else(unauthorized)?;
        let is_signed = lock(&self.keys).iter().any(|key| {
            let mac = Hmac::<Sha256>::new_from_slice(key).ok();
            let mac = mac.map(|mac| mac.chain_update(resource).chain_update("\n").chain_update(end));
            mac.is_some_and(|mac| mac.verify_slice(&signature).is_ok())
        });
        let is_current = end.parse().is_ok_and(|end: i64| now.timestamp() < end);
        let is_of_policy = decode(field("skn")?).as_deref() == Some(POLICY);
        if is_signed && is_current && is_of_policy { Ok(()) } else { Err(unauthorized()) }
    }
}

fn new_key() -> Vec<u8> {
    [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat()
}

fn unauthorized() -> Refusal {
    Refusal::unauthorized("Unauthorized")
}

fn decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}
