//! The current token of one issuer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
#[cfg(feature = "entra")]
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

#[cfg(feature = "entra")]
use super::entra::EntraCredential;
use super::error::CredentialError;
use super::hub_clock::HubClock;
use super::issuer::Issuer;
use super::sas::{LIFETIME, SharedAccessKey, SharedAccessSignature};
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

/// An issuer and the token it issued last.
pub(super) enum TokenSource {
    /// Signs inline: an HMAC takes microseconds, less than handing it to a task.
    Key {
        key: Arc<SharedAccessKey>,
        current: Mutex<Option<SignedToken>>,
    },
    Signature(Arc<SharedAccessSignature>),
    #[cfg(feature = "entra")]
    Entra {
        credential: Arc<EntraCredential>,
        cache: TokenCache,
    },
}

/// A token signed here, and its expiry by the hub's clock.
pub(super) struct SignedToken {
    token: AccessToken,
    expires_at: DateTime<Utc>,
}

impl TokenSource {
    pub(super) fn new(issuer: Issuer) -> Self {
        match issuer {
            Issuer::Key(key) => Self::Key { key, current: Mutex::default() },
            Issuer::Signature(signature) => Self::Signature(signature),
            #[cfg(feature = "entra")]
            Issuer::Entra(credential) => Self::Entra { credential, cache: TokenCache::default() },
        }
    }

    /// Returns true if the issuer is this source's: identical, not only equal.
    pub(super) fn is_of(&self, issuer: &Issuer) -> bool {
        match (self, issuer) {
            (Self::Key { key, .. }, Issuer::Key(other)) => Arc::ptr_eq(key, other),
            (Self::Signature(signature), Issuer::Signature(other)) => Arc::ptr_eq(signature, other),
            #[cfg(feature = "entra")]
            (Self::Entra { credential, .. }, Issuer::Entra(other)) => Arc::ptr_eq(credential, other),
            _ => false,
        }
    }

    /// Returns the token for a request sent now, other than the `rejected` one.
    pub(super) async fn token(
        &self,
        audience: &str,
        clock: &HubClock,
        rejected: Option<&AccessToken>,
    ) -> Result<AccessToken, CredentialError> {
        match self {
            Self::Key { key, current } => {
                let (mut current, now) = (lock(current), clock.now());
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
            Self::Signature(signature) => signature.token(audience, clock.now()),
            #[cfg(feature = "entra")]
            Self::Entra { credential, cache } => {
                let issue = || {
                    let credential = credential.clone();
                    async move { credential.issue().await }
                };
                cache.token(rejected, issue).await
            }
        }
    }

    /// Invalidates a token that the hub rejected. Returns true if another one can be obtained now.
    pub(super) fn reject(&self, token: &AccessToken, clock: &HubClock) -> bool {
        match self {
            Self::Key { current, .. } => {
                let was_current = lock(current).take_if(|signed| signed.token.is_same(token)).is_some();
                // By a clock that is too far off to be corrected, the next token is no better.
                !was_current || !clock.is_out_of_range()
            }
            Self::Signature(signature) => !signature.is_source_of(token),
            #[cfg(feature = "entra")]
            Self::Entra { cache, .. } => cache.reject(token, MIN_REFRESH_AGE),
        }
    }
}

fn lock(current: &Mutex<Option<SignedToken>>) -> MutexGuard<'_, Option<SignedToken>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::credential::Credential;

    fn credentials() -> Vec<Credential> {
        let signature = "SharedAccessSignature sr=h.net&sig=a&se=4102444800";
        vec![
            Credential::shared_access_key("service", "c2VjcmV0").unwrap(),
            Credential::shared_access_signature(signature).unwrap(),
            #[cfg(feature = "entra")]
            Credential::token(azure_identity::ManagedIdentityCredential::new(None).unwrap()),
        ]
    }

    #[test]
    fn source_is_of_its_own_issuer_only() {
        let issuers = || credentials().into_iter().map(|credential| credential.issuer());
        for (index, issuer) in issuers().enumerate() {
            let source = TokenSource::new(issuer.clone());
            assert!(source.is_of(&issuer), "{index}");
            assert!(!issuers().any(|equal| source.is_of(&equal)), "{index}: equal is not identical");
        }
    }
}
