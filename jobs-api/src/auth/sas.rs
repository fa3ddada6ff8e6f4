//! Shared access signatures: tokens signed with a policy's key here, or elsewhere.
//!
//! A token names a resource, an expiry and the policy whose key signed it:
//! `SharedAccessSignature sr=…&sig=…&se=…&skn=…`. The signature covers the encoded resource and the
//! expiry; the token can be reused until then. See
//! [Control access with shared access signatures][page].
//!
//! [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use hmac_sha256::HMAC;
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretBox};

use super::error::CredentialError;
use super::redaction::SIGNATURE_FIELD;
use super::token::AccessToken;
use crate::runtime::RESERVED;

/// The lifetime of tokens signed here, the same as in the service's official clients.
const LIFETIME: TimeDelta = TimeDelta::hours(1);
/// How long before its expiry a signed token is replaced: it must still be valid when a slow request
/// arrives, by a clock that the service tolerates to be minutes off.
const SIGNING_MARGIN: TimeDelta = TimeDelta::minutes(4);

/// The scheme of the header value, with the space after it.
const SCHEME: &str = "SharedAccessSignature ";

/// A shared access policy, its key, which is overwritten when dropped, and the token signed last.
pub(super) struct SharedAccessKey {
    pub(super) policy: String,
    key: SecretBox<Vec<u8>>,
    signed: Mutex<Option<SignedToken>>,
}

/// A token signed here, and its expiry by the hub's clock.
struct SignedToken {
    token: AccessToken,
    audience: String,
    expires_at: DateTime<Utc>,
}

impl SharedAccessKey {
    pub(super) fn new(policy: &str, base64_key: &str) -> Result<Self, CredentialError> {
        if policy.is_empty() {
            return Err(CredentialError::malformed("the name of the shared access policy is empty"));
        }
        // The decoder's own error shows a byte of the key.
        let Ok(key) = BASE64.decode(base64_key.trim()) else {
            return Err(CredentialError::malformed(
                "the shared access key is not valid base64; copy the whole primary or secondary key of the \
                 policy, including any `=` at its end",
            ));
        };
        if key.is_empty() {
            return Err(CredentialError::malformed("the shared access key is empty"));
        }
        let key = SecretBox::new(Box::new(key));
        Ok(Self { policy: policy.to_owned(), key, signed: Mutex::default() })
    }

    /// Returns a token for `audience`, other than the `rejected` one: the last one if it is valid for more
    /// than four minutes after `now`, else one signed now.
    pub(super) fn token(
        &self,
        audience: &str,
        now: DateTime<Utc>,
        rejected: Option<&AccessToken>,
    ) -> Result<AccessToken, CredentialError> {
        let mut last = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let is_usable = |signed: &&SignedToken| {
            now + SIGNING_MARGIN < signed.expires_at
                && signed.audience == audience
                && !rejected.is_some_and(|rejected| signed.token.is_same(rejected))
        };
        if let Some(signed) = last.as_ref().filter(is_usable) {
            return Ok(signed.token.clone());
        }
        let expires_at = now + LIFETIME;
        let token = self.sign(audience, expires_at)?;
        *last = Some(SignedToken { token: token.clone(), audience: audience.to_owned(), expires_at });
        Ok(token)
    }

    /// Forgets a token. Returns false if it is not the last one.
    pub(super) fn forget(&self, token: &AccessToken) -> bool {
        let mut last = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        last.take_if(|signed| signed.token.is_same(token)).is_some()
    }

    /// Signs a token for `audience` that expires at `expires_at`.
    fn sign(&self, audience: &str, expires_at: DateTime<Utc>) -> Result<AccessToken, CredentialError> {
        let resource = encode(&audience.to_lowercase());
        let expiry = expires_at.timestamp();
        let signature = HMAC::mac(format!("{resource}\n{expiry}"), self.key.expose_secret());
        let signature = encode(&BASE64.encode(signature));
        let policy = encode(&self.policy);
        AccessToken::new(format!(
            "{SCHEME}sr={resource}&{SIGNATURE_FIELD}{signature}&se={expiry}&skn={policy}"
        ))
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A token signed elsewhere.
pub(super) struct SharedAccessSignature {
    token: AccessToken,
    resource: String,
    pub(super) expires_at: DateTime<Utc>,
}

impl SharedAccessSignature {
    /// Parses a token that has not expired at `now`. Fields may be in any order; `skn` is optional.
    pub(super) fn parse(text: &str, now: DateTime<Utc>) -> Result<Self, CredentialError> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(CredentialError::not_a_header());
        }
        let Some(fields) = text.strip_prefix(SCHEME) else {
            return Err(CredentialError::malformed("the token does not begin with `SharedAccessSignature `"));
        };
        let field = |name| {
            let mut values = fields.split('&').filter_map(|field| field.trim().split_once('='));
            match values.find(|(key, _)| *key == name) {
                Some((_, value)) if !value.is_empty() => Ok(value),
                _ => Err(CredentialError::malformed(format!(
                    "the shared access signature lacks the field `{name}`"
                ))),
            }
        };
        field("sig")?;
        let seconds = field("se")?.parse().ok();
        let Some(expires_at) = seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)) else {
            return Err(CredentialError::malformed(
                "the field `se` of the shared access signature is not a time in seconds since 1970",
            ));
        };
        let resource = percent_decode_str(field("sr")?).decode_utf8_lossy().to_lowercase();
        if expires_at <= now {
            return Err(CredentialError::Expired(expires_at));
        }
        Ok(Self { token: AccessToken::new(text.to_owned())?, resource, expires_at })
    }

    /// Returns true if the token is this one.
    pub(super) fn is_source_of(&self, token: &AccessToken) -> bool {
        self.token.is_same(token)
    }

    /// Returns the token for a request to `audience` at `now`.
    ///
    /// # Errors
    ///
    /// Fails if the token is for another host than `audience`, or has expired at `now`.
    pub(super) fn token(&self, audience: &str, now: DateTime<Utc>) -> Result<AccessToken, CredentialError> {
        // The signature may be restricted to a path of its host.
        let host = self.resource.split('/').next().unwrap_or_default();
        if !host.eq_ignore_ascii_case(audience) {
            let (resource, host) = (self.resource.clone(), audience.to_owned());
            return Err(CredentialError::OtherHost { resource, host });
        }
        if self.expires_at <= now {
            return Err(CredentialError::Expired(self.expires_at));
        }
        Ok(self.token.clone())
    }
}

#[cfg(test)]
mod tests;
