//! Shared access signatures: made from a policy's key, or handed over ready.
//!
//! A token names a resource, an instant at which it ends and the policy whose key signed it:
//! `SharedAccessSignature sr=…&sig=…&se=…&skn=…`. The signature covers the encoded resource and the
//! end, so a token can be used again until then. See
//! [Control access with shared access signatures][page].
//!
//! [page]: https://learn.microsoft.com/azure/iot-hub/authenticate-authorize-sas

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::Sha256;

use super::secret::Secret;
use super::{CredentialError, SIGNATURE_FIELD, Token};

/// How long a token made here is good for: what the official clients use.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The scheme of the header value, and the blank after it.
const SCHEME: &str = "SharedAccessSignature ";

/// All but the characters that RFC 3986 never reserves.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A shared access policy, and its key in the form that signs: the key itself is not kept.
pub(super) struct SharedAccessKey {
    policy: String,
    mac: Hmac<Sha256>,
}

impl SharedAccessKey {
    pub(super) fn new(policy: &str, base64_key: &str) -> Result<Self, CredentialError> {
        if policy.is_empty() {
            return Err(CredentialError::EmptyPolicyName);
        }
        // The decoder's own message quotes a byte of the key.
        let key = BASE64.decode(base64_key.trim()).map_err(|_| CredentialError::KeyIsNotBase64)?;
        let key = Secret::new(key);
        if key.expose().is_empty() {
            return Err(CredentialError::EmptyKey);
        }
        let mac = Hmac::new_from_slice(key.expose()).map_err(|_| CredentialError::EmptyKey)?;
        Ok(Self { policy: policy.to_owned(), mac })
    }

    pub(super) fn policy(&self) -> &str {
        &self.policy
    }

    /// Signs a token for `audience` that is good for an hour from `now`.
    pub(super) fn sign(&self, audience: &str, now: DateTime<Utc>) -> Token {
        let end = (now + LIFETIME).timestamp();
        let resource = encode(&audience.to_lowercase());
        let mac = self.mac.clone().chain_update(format!("{resource}\n{end}")).finalize();
        let signature = encode(&BASE64.encode(mac.into_bytes()));
        let policy = encode(&self.policy);
        let text = format!("{SCHEME}sr={resource}&{SIGNATURE_FIELD}{signature}&se={end}&skn={policy}");
        Token { text: Secret::new(text), life: LIFETIME }
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A token that somebody else signed.
pub(super) struct SharedAccessSignature {
    token: Arc<Token>,
    resource: String,
    end: DateTime<Utc>,
}

impl SharedAccessSignature {
    /// Reads a token whose fields may stand in any order, `skn` being optional, and which has not expired
    /// at `now`.
    pub(super) fn parse(text: &str, now: DateTime<Utc>) -> Result<Self, CredentialError> {
        let text = text.trim();
        if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(CredentialError::NotAHeader);
        }
        let fields = text.strip_prefix(SCHEME).ok_or(CredentialError::NotASignature)?;
        let field = |name: &'static str| {
            let mut values = fields.split('&').filter_map(|field| field.trim().split_once('='));
            match values.find(|(key, _)| *key == name) {
                Some((_, value)) if !value.is_empty() => Ok(value),
                _ => Err(CredentialError::MissingField(name)),
            }
        };
        field("sig")?;
        let seconds = field("se")?.parse().map_err(|_| CredentialError::UnreadableExpiry)?;
        let end = DateTime::from_timestamp(seconds, 0).ok_or(CredentialError::UnreadableExpiry)?;
        let resource = percent_decode_str(field("sr")?).decode_utf8_lossy().to_lowercase();
        let life = (end - now).to_std().unwrap_or_default();
        if life.is_zero() {
            return Err(CredentialError::Expired(end));
        }
        let token = Token { text: Secret::new(text.to_owned()), life };
        Ok(Self { token: Arc::new(token), resource, end })
    }

    pub(super) fn end(&self) -> DateTime<Utc> {
        self.end
    }

    pub(super) fn made(&self, token: &Arc<Token>) -> bool {
        Arc::ptr_eq(&self.token, token)
    }

    /// The token, if it is for the host of `audience` and has not expired at `now`.
    pub(super) fn token(&self, audience: &str, now: DateTime<Utc>) -> Result<Arc<Token>, CredentialError> {
        if !host(&self.resource).eq_ignore_ascii_case(host(audience)) {
            return Err(CredentialError::OtherHost {
                resource: self.resource.clone(),
                host: host(audience).to_owned(),
            });
        }
        if self.end <= now { Err(CredentialError::Expired(self.end)) } else { Ok(self.token.clone()) }
    }
}

/// The host of a resource that may have a path.
fn host(resource: &str) -> &str {
    resource.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn signed(policy: &str, key: &str, host: &str, end: i64) -> String {
        let now = DateTime::from_timestamp(end, 0).unwrap() - LIFETIME;
        SharedAccessKey::new(policy, key).unwrap().sign(host, now).text.expose().clone()
    }

    // The expected tokens come from Python's standard library:
    //
    //   import base64, hashlib, hmac, urllib.parse
    //   def sas(host, policy, key, se):
    //       quote = lambda s: urllib.parse.quote(s, safe='~')
    //       sr = quote(host.lower())
    //       mac = hmac.new(base64.b64decode(key), f'{sr}\n{se}'.encode(), hashlib.sha256)
    //       sig = quote(base64.b64encode(mac.digest()).decode())
    //       return f'SharedAccessSignature sr={sr}&sig={sig}&se={se}&skn={quote(policy)}'
    #[test]
    fn tokens_equal_those_of_another_implementation() {
        assert_eq!(
            signed("service", "c2VjcmV0", "contoso.azure-devices.net", 1_700_003_600),
            "SharedAccessSignature sr=contoso.azure-devices.net&sig=3YF4sA8ZJXmMnuuY6ErBaXzbygFSynXHSpv5M1qEl6A%3D&se=1700003600&skn=service"
        );
        assert_eq!(
            signed(
                "ops@night shift",
                "+/8A+/8A+/8A+/8A+/8A+/8A+/8A+/8A+/8A+/8A+w==",
                "Contoso.Azure-Devices.US",
                4_102_444_800
            ),
            "SharedAccessSignature sr=contoso.azure-devices.us&sig=hiG7GyRO%2BQpCo%2BG8ycgg8nj%2B7W3cGOWgRni%2B%2F1SpAkE%3D&se=4102444800&skn=ops%40night%20shift"
        );
    }

    #[test]
    fn a_key_that_is_no_base64_is_refused_without_showing_it() {
        let refusal = |key| SharedAccessKey::new("service", key).err().unwrap();
        assert_eq!(refusal("not base64!"), CredentialError::KeyIsNotBase64);
        assert_eq!(refusal("c2VjcmV0c"), CredentialError::KeyIsNotBase64);
        assert_eq!(refusal(""), CredentialError::EmptyKey);
        assert_eq!(SharedAccessKey::new("", "c2VjcmV0").err().unwrap(), CredentialError::EmptyPolicyName);
    }

    #[test]
    fn a_ready_signature_is_read_whatever_the_order_of_its_fields() {
        for text in [
            "SharedAccessSignature sr=hub.azure-devices.net&sig=a%3D&se=100&skn=service",
            " SharedAccessSignature se=100&skn=service&sig=a%3D&sr=HUB.azure-devices.net%2Fjobs ",
            "SharedAccessSignature sig=a%3D&se=100&sr=hub.azure-devices.net",
        ] {
            let signature = SharedAccessSignature::parse(text, NOW).unwrap();
            let token = signature.token("hub.azure-devices.net", NOW).unwrap();
            assert_eq!(token.text.expose(), text.trim());
        }
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let refusal = |text: &str| SharedAccessSignature::parse(text, NOW).err().unwrap();
        assert_eq!(refusal(""), CredentialError::NotASignature);
        assert_eq!(refusal("Bearer abc"), CredentialError::NotASignature);
        assert_eq!(refusal("SharedAccessSignature sr=h&sig=a\nb&se=1"), CredentialError::NotAHeader);
        assert_eq!(refusal("SharedAccessSignature a"), CredentialError::MissingField("sig"));
        assert_eq!(refusal("SharedAccessSignature sig=&se=1&sr=h"), CredentialError::MissingField("sig"));
        assert_eq!(refusal("SharedAccessSignature sig=a&sr=h"), CredentialError::MissingField("se"));
        assert_eq!(refusal("SharedAccessSignature sig=a&se=1"), CredentialError::MissingField("sr"));
        assert_eq!(refusal("SharedAccessSignature sig=a&se=soon&sr=h"), CredentialError::UnreadableExpiry);
        for end in ["18446744073709551615", "9223372036854775807"] {
            let huge = format!("SharedAccessSignature sig=a&se={end}&sr=h");
            assert_eq!(refusal(&huge), CredentialError::UnreadableExpiry);
        }
        let past = "SharedAccessSignature sig=a&se=-1&sr=h";
        assert!(matches!(refusal(past), CredentialError::Expired(_)));
    }

    #[test]
    fn a_signature_that_has_ended_or_is_for_another_host_is_refused() {
        let signature =
            SharedAccessSignature::parse("SharedAccessSignature sr=hub.net&sig=a&se=100", NOW).unwrap();
        let end = DateTime::from_timestamp(100, 0).unwrap();
        assert_eq!(signature.token("hub.net", end).err().unwrap(), CredentialError::Expired(end));
        assert!(signature.token("HUB.net/jobs", NOW).is_ok());
        let other = signature.token("evil.hub.net", NOW).err().unwrap();
        assert!(matches!(other, CredentialError::OtherHost { .. }));
    }
}
