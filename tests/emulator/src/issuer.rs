//! A stand-in for Microsoft Entra ID: tokens that only hubs of this process take.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

/// How far the clocks of issuer and hub may be apart, in seconds, for a token that is new.
const CLOCK_TOLERANCE: i64 = 5 * 60;
/// What a token for the hubs of every cloud names.
const AUDIENCE: &str = "https://iothubs.azure.net";

/// Issues JSON web tokens that the hub it belongs to takes.
#[derive(Clone)]
pub struct Issuer {
    key: [u8; 16],
}

impl Issuer {
    pub(crate) fn new() -> Self {
        Self { key: Uuid::new_v4().into_bytes() }
    }

    /// A token for IoT hubs that is good for so long from now.
    pub fn token(&self, life: Duration) -> String {
        self.token_for(AUDIENCE, life)
    }

    /// A token for another audience than IoT hubs, which a hub refuses.
    pub fn token_for(&self, audience: &str, life: Duration) -> String {
        let now = Utc::now().timestamp();
        let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX / 2);
        let header = json!({ "alg": "HS256", "typ": "JWT" });
        let claims = json!({
            "aud": audience,
            "iss": "https://sts.example/",
            "jti": Uuid::new_v4().to_string(),
            "iat": now,
            "nbf": now,
            "exp": now.saturating_add(life),
        });
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&signed).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    /// Whether this issuer made the token, for IoT hubs, and it has begun and not ended at `now`.
    pub(crate) fn verifies(&self, token: &str, now: DateTime<Utc>) -> bool {
        let Some((signed, signature)) = token.rsplit_once('.') else { return false };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        if self.mac(signed).verify_slice(&signature).is_err() {
            return false;
        }
        let claims = signed.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        let claims: Value = claims.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        let (begin, end) = (claims["nbf"].as_i64(), claims["exp"].as_i64());
        claims["aud"] == AUDIENCE
            && begin.is_some_and(|begin| begin <= now.timestamp() + CLOCK_TOLERANCE)
            && end.is_some_and(|end| now.timestamp() < end)
    }

    #[allow(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn mac(&self, text: &str) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.key).expect("a key of any length").chain_update(text)
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").finish_non_exhaustive()
    }
}
