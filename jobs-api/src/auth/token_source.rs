//! The current token of one issuer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
#[cfg(feature = "entra")]
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::error::CredentialError;
use super::hub_clock::HubClock;
use super::issuer::Issuer;
use super::sas::{LIFETIME, SharedAccessKey};
use super::token::AccessToken;
#[cfg(feature = "entra")]
use super::token_cache::TokenCache;

/// How long before its expiry a signed token is replaced: it must still be valid when a slow request
/// arrives, by a clock that the service tolerates to be minutes off.
const SIGNING_MARGIN: TimeDelta = TimeDelta::minutes(4);

/// The age below which a rejected Entra ID token is not refreshed. The hub rejects a new token for
/// another reason than its age, such as a missing role; a refresh for each rejected call would flood
/// the token endpoint.
#[cfg(feature = "entra")]
const MIN_REFRESH_AGE: Duration = Duration::from_secs(30);

/// An issuer and the token that it issued last.
pub(super) struct TokenSource {
    pub(super) issuer: Arc<Issuer>,
    signed: Mutex<Option<SignedToken>>,
    #[cfg(feature = "entra")]
    cache: TokenCache,
}

/// A token signed here, and its expiry by the hub's clock.
struct SignedToken {
    token: AccessToken,
    expires_at: DateTime<Utc>,
}

impl TokenSource {
    pub(super) fn new(issuer: Arc<Issuer>) -> Self {
        Self {
            issuer,
            signed: Mutex::default(),
            #[cfg(feature = "entra")]
            cache: TokenCache::default(),
        }
    }

    /// Returns the token for a request sent now, other than the `rejected` one.
    pub(super) async fn token(
        &self,
        audience: &str,
        clock: &HubClock,
        rejected: Option<&AccessToken>,
    ) -> Result<AccessToken, CredentialError> {
        match &*self.issuer {
            // Signs inline: an HMAC takes microseconds, less than handing it to a task.
            Issuer::Key(key) => self.sign(key, audience, clock.now(), rejected),
            Issuer::Signature(signature) => signature.token(audience, clock.now()),
            #[cfg(feature = "entra")]
            Issuer::Entra(credential) => {
                let issue = || {
                    let credential = credential.clone();
                    async move { credential.issue().await }
                };
                self.cache.token(rejected, issue).await
            }
        }
    }

    fn sign(
        &self,
        key: &SharedAccessKey,
        audience: &str,
        now: DateTime<Utc>,
        rejected: Option<&AccessToken>,
    ) -> Result<AccessToken, CredentialError> {
        let mut current = self.signed();
        let is_usable = |signed: &&SignedToken| {
            now + SIGNING_MARGIN < signed.expires_at
                && !rejected.is_some_and(|rejected| signed.token.is_same(rejected))
        };
        if let Some(signed) = current.as_ref().filter(is_usable) {
            return Ok(signed.token.clone());
        }
        let expires_at = now + LIFETIME;
        let token = key.sign(audience, expires_at)?;
        *current = Some(SignedToken { token: token.clone(), expires_at });
        Ok(token)
    }

    /// Invalidates a token that the hub rejected. Returns true if another one can be obtained now.
    pub(super) fn reject(&self, token: &AccessToken, clock: &HubClock) -> bool {
        match &*self.issuer {
            Issuer::Key(_) => {
                let was_current = self.signed().take_if(|signed| signed.token.is_same(token)).is_some();
                // By a clock that is too far off to be corrected, the next token is no better.
                !was_current || !clock.is_out_of_range()
            }
            Issuer::Signature(signature) => !signature.is_source_of(token),
            #[cfg(feature = "entra")]
            Issuer::Entra(_) => self.cache.reject(token, MIN_REFRESH_AGE),
        }
    }

    fn signed(&self) -> MutexGuard<'_, Option<SignedToken>> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
