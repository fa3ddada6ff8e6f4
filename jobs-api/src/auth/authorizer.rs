//! The tokens for one hub: of the newest issuer, by the hub's clock.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{Either, select};

use super::cache::Cache;
#[cfg(feature = "entra")]
use super::entra;
use super::{Credential, CredentialError, Issuer, Token, redaction};

/// Has tokens made for one hub, and keeps the current one.
pub(crate) struct Authorizer {
    credential: Credential,
    /// What tokens are signed for: a host name, perhaps with a path.
    audience: String,
    /// How far the hub's clock is ahead of ours, in milliseconds.
    clock: HubClock,
    state: Mutex<State>,
}

struct State {
    /// Who made the tokens of the cache.
    issuer: Issuer,
    cache: Cache,
}

/// A token in use; `expose` gives the header value in the clear.
#[derive(Clone)]
pub(crate) struct Authorization(Arc<Token>);

impl Authorization {
    pub(crate) fn expose(&self) -> &str {
        self.0.text.expose()
    }

    /// The body without this token, which a server may echo.
    pub(crate) fn redact(&self, body: Bytes) -> Bytes {
        redaction::without_token(body, self.expose())
    }

    /// The text without this token or any other; none when there is none in it.
    pub(crate) fn redact_text(&self, text: &str) -> Option<String> {
        redaction::text_without_token(text, self.expose())
    }
}

impl Authorizer {
    /// # Errors
    ///
    /// The credential is a token that has expired, or that is for another host.
    pub(crate) fn new(credential: Credential, audience: String) -> Result<Self, CredentialError> {
        let issuer = credential.issuer();
        if let Issuer::Signature(signature) = &issuer {
            signature.token(&audience, Utc::now())?;
        }
        let state = Mutex::new(State { issuer, cache: Cache::default() });
        Ok(Self { credential, audience, clock: HubClock::default(), state })
    }

    /// The token for a request that is sent now: the one in use, unless the hub has `refused` it to this
    /// call, or a new one for all who call. When the credential is replaced meanwhile, it is one of the new
    /// credential.
    pub(crate) async fn authorization(
        &self,
        refused: Option<&Authorization>,
    ) -> Result<Authorization, CredentialError> {
        loop {
            let replaced = pin!(self.credential.replaced());
            let (issuer, cache) = self.newest();
            let token = pin!(self.token_of(&issuer, &cache, refused.map(|refused| &refused.0)));
            if let Either::Right((token, _)) = select(replaced, token).await {
                return token.map(Authorization);
            }
        }
    }

    async fn token_of(
        &self,
        issuer: &Issuer,
        cache: &Cache,
        refused: Option<&Arc<Token>>,
    ) -> Result<Arc<Token>, CredentialError> {
        match issuer {
            Issuer::Key(key) => {
                let issue = || std::future::ready(Ok(key.sign(&self.audience, self.hub_time())));
                cache.token(refused, issue).await
            }
            Issuer::Signature(signature) => signature.token(&self.audience, self.hub_time()),
            #[cfg(feature = "entra")]
            Issuer::Entra(entra) => {
                let issue = || {
                    let entra = entra.clone();
                    async move { entra.issue().await }
                };
                cache.token(refused, issue).await
            }
        }
    }

    /// The hub, whose clock is `clock_skew` ahead of ours, has refused this token: false when there is
    /// no other to try.
    pub(crate) fn refused(&self, refused: &Authorization, clock_skew: TimeDelta) -> bool {
        let (issuer, cache) = self.newest();
        match issuer {
            Issuer::Key(_) => {
                // First: the next token may be signed as soon as this one is gone.
                let _ = clock_skew;
                cache.forget(&refused.0);
                true
            }
            Issuer::Signature(signature) => !signature.made(&refused.0),
            #[cfg(feature = "entra")]
            Issuer::Entra(_) => cache.doubt(&refused.0, entra::DOUBTABLE_AGE),
        }
    }

    /// The time by the hub's clock, as far as it is known.
    pub(crate) fn hub_time(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Who makes tokens now, and those that it made. What another made before is forgotten.
    fn newest(&self) -> (Issuer, Cache) {
        let mut state = self.state();
        // Read under the lock, so that no call takes back what another saw replaced.
        let newest = self.credential.issuer();
        if state.issuer.is(&newest) {
            return (newest, state.cache.clone());
        }
        let cache = Cache::default();
        let forgotten =
            std::mem::replace(&mut *state, State { issuer: newest.clone(), cache: cache.clone() });
        // What a user's credential does when it is dropped is done without the lock.
        drop(state);
        drop(forgotten);
        (newest, cache)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { credential, audience, .. } = self;
        f.debug_struct("Authorizer").field("credential", credential).field("audience", audience).finish()
    }
}

pub(crate) type AccessToken = Authorization;

#[derive(Default)]
pub(crate) struct HubClock(AtomicI64);

impl HubClock {
    pub(crate) fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.0.load(Ordering::Relaxed))
    }
    pub(crate) fn earliest_now(&self) -> Option<DateTime<Utc>> {
        Some(self.now() - TimeDelta::seconds(1))
    }
    pub(crate) fn observe(&self, date: DateTime<Utc>, _sent: DateTime<Utc>, received: DateTime<Utc>) {
        let skew = date - received;
        if skew.abs() < TimeDelta::days(1) {
            self.0.store(skew.num_milliseconds(), Ordering::Relaxed);
        }
    }
}

impl Authorization {
    pub(crate) fn header(&self) -> reqwest::header::HeaderValue {
        let mut header = reqwest::header::HeaderValue::from_str(self.expose())
            .unwrap_or(reqwest::header::HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
    pub(crate) fn redact_body(&self, body: Bytes) -> Bytes {
        super::without_tokens(self.redact(body))
    }
}
impl Authorizer {
    pub(crate) async fn token(&self, rejected: Option<&AccessToken>) -> Result<AccessToken, CredentialError> {
        self.authorization(rejected).await
    }
    pub(crate) fn reject(&self, token: &AccessToken) -> bool {
        self.refused(token, TimeDelta::zero())
    }
    pub(crate) fn clock(&self) -> &HubClock {
        &self.clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::RotatingCredential;

    const HOUR: TimeDelta = TimeDelta::hours(1);
    const SIGNATURE: &str = "SharedAccessSignature sr=h.net&sig=a&se=4102444800";

    fn key() -> Credential {
        Credential::shared_access_key("service", "c2VjcmV0").unwrap()
    }

    fn authorizer(credential: Credential) -> Authorizer {
        Authorizer::new(credential, "h.net".into()).unwrap()
    }

    /// How long a token is good for by our clock, in seconds.
    fn life(token: &Authorization) -> i64 {
        let end = token.expose().split("&se=").nth(1).unwrap().split('&').next().unwrap();
        end.parse::<i64>().unwrap() - Utc::now().timestamp()
    }

    fn is_same(a: &Authorization, b: &Authorization) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }

    #[tokio::test]
    async fn a_refused_token_is_made_anew_once_by_the_hubs_clock() {
        let authorizer = authorizer(key());
        let refused = authorizer.authorization(None).await.unwrap();
        assert!(is_same(&refused, &authorizer.authorization(None).await.unwrap()));
        assert!(authorizer.refused(&refused, HOUR));
        let renewed = authorizer.authorization(None).await.unwrap();
        assert!((7100..=7200).contains(&life(&renewed)), "{}", life(&renewed));
        assert!(authorizer.refused(&refused, HOUR));
        assert!(is_same(&renewed, &authorizer.authorization(None).await.unwrap()), "the new token stays");
        assert!(authorizer.refused(&renewed, TimeDelta::zero()));
        let agreed = authorizer.authorization(None).await.unwrap();
        assert!((3500..=3600).contains(&life(&agreed)), "the clocks agree again");
    }

    #[tokio::test]
    async fn a_token_signed_elsewhere_cannot_be_made_anew() {
        let authorizer = authorizer(Credential::shared_access_signature(SIGNATURE).unwrap());
        let refused = authorizer.authorization(None).await.unwrap();
        assert!(!authorizer.refused(&refused, HOUR));
    }

    #[tokio::test]
    async fn the_newest_credential_is_used_at_once() {
        let handle = RotatingCredential::new(Credential::shared_access_signature(SIGNATURE).unwrap());
        let authorizer = authorizer(Credential::rotating(&handle));
        let first = authorizer.authorization(None).await.unwrap();
        assert!(!authorizer.refused(&first, TimeDelta::zero()), "there is no other yet");
        handle.replace(key());
        assert!(authorizer.refused(&first, TimeDelta::zero()));
        let second = authorizer.authorization(None).await.unwrap();
        assert!(second.expose().ends_with("&skn=service"));
        assert!(is_same(&second, &authorizer.authorization(None).await.unwrap()));
        handle.replace(Credential::shared_access_key("other", "c2VjcmV0").unwrap());
        assert!(authorizer.authorization(None).await.unwrap().expose().ends_with("&skn=other"));
        handle.replace(Credential::rotating(&handle));
        assert!(authorizer.authorization(None).await.unwrap().expose().ends_with("&skn=other"));
    }

    #[tokio::test]
    async fn a_token_is_signed_for_the_audience() {
        let authorizer = Authorizer::new(key(), "H.net/jobs".into()).unwrap();
        assert!(authorizer.authorization(None).await.unwrap().expose().contains(" sr=h.net%2Fjobs&"));
    }
}
