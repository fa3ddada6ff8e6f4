//! The tokens for one host: made when needed, kept for as long as they serve.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;

use super::{Credential, CredentialError, Kind, Secret, redaction};

/// How long before its end a token is no longer used: longer than a request and the clock's error.
const RENEWAL_MARGIN: Duration = Duration::from_secs(5 * 60);

/// What the header `Authorization` holds, and until when.
pub(super) struct Token {
    pub(super) text: Secret<String>,
    pub(super) expires: SystemTime,
}

/// Makes the tokens for one host and keeps the current one.
pub(crate) struct Authorizer {
    credential: Credential,
    host: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<Arc<Token>>,
    /// How far the hub's clock is ahead of ours; tokens are made by the hub's.
    clock_skew: TimeDelta,
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

    /// The headers without this token or any other.
    pub(crate) fn redact_headers(&self, headers: &HeaderMap) -> HeaderMap {
        redaction::headers_without_token(headers, self.expose())
    }
}

impl Authorizer {
    pub(crate) fn new(credential: Credential, host: String) -> Self {
        Self { credential, host, state: Mutex::default() }
    }

    /// The host that tokens are made for.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The token for a request that is sent at `now`: signed once, then reused until shortly before its
    /// end. Calls that come while it is being signed wait for that one signature.
    pub(crate) fn authorization(&self, now: DateTime<Utc>) -> Result<Authorization, CredentialError> {
        let mut state = self.state();
        let now = SystemTime::from(now.checked_add_signed(state.clock_skew).unwrap_or(now));
        if let Some(token) = state.current.as_ref().filter(|token| token.expires > now + RENEWAL_MARGIN) {
            return Ok(Authorization(token.clone()));
        }
        let token = match &self.credential.0 {
            Kind::Key(key) => key.sign(&self.host, now),
            Kind::Signature(signature) => signature.token(&self.host, now)?,
        };
        Ok(Authorization(state.current.insert(Arc::new(token)).clone()))
    }

    /// Has the next token made anew, by the hub's clock, which is `clock_skew` ahead of ours, since the
    /// hub refused this one. False when no other can be made.
    pub(crate) fn renew(&self, refused: &Authorization, clock_skew: TimeDelta) -> bool {
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &refused.0)) {
            state.current = None;
            state.clock_skew = clock_skew;
        }
        matches!(self.credential.0, Kind::Key(_))
    }

    /// The time by the hub's clock, as far as it is known.
    pub(crate) fn hub_time(&self) -> DateTime<Utc> {
        let now = Utc::now();
        now.checked_add_signed(self.state().clock_skew).unwrap_or(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer").field("credential", &self.credential).field("host", &self.host).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    const HOUR: TimeDelta = TimeDelta::hours(1);
    const MARGIN: TimeDelta = TimeDelta::minutes(5);

    fn authorizer() -> Authorizer {
        let credential = Credential::shared_access_key("service", "c2VjcmV0").unwrap();
        Authorizer::new(credential, "hub.azure-devices.net".into())
    }

    fn is_same(a: &Authorization, b: &Authorization) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }

    #[test]
    fn a_token_is_signed_once_and_reused_until_shortly_before_its_end() {
        let authorizer = authorizer();
        let first = authorizer.authorization(NOW).unwrap();
        let last_moment = NOW + HOUR - MARGIN - TimeDelta::seconds(1);
        assert!(is_same(&first, &authorizer.authorization(last_moment).unwrap()));
        let second = authorizer.authorization(last_moment + TimeDelta::seconds(1)).unwrap();
        assert!(!is_same(&first, &second));
        assert_ne!(first.expose(), second.expose());
    }

    #[test]
    fn concurrent_calls_meet_one_signature() {
        let authorizer = authorizer();
        let tokens: Vec<Authorization> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..16).map(|_| scope.spawn(|| authorizer.authorization(NOW))).collect();
            calls.into_iter().map(|call| call.join().unwrap().unwrap()).collect()
        });
        assert!(tokens.iter().all(|token| is_same(token, &tokens[0])));
    }

    #[test]
    fn a_refused_token_is_made_anew_once_by_the_hubs_clock() {
        let authorizer = authorizer();
        let refused = authorizer.authorization(NOW).unwrap();
        assert!(authorizer.renew(&refused, HOUR));
        let renewed = authorizer.authorization(NOW).unwrap();
        assert!(renewed.expose().contains("&se=1700007200&"), "two hours after {NOW}");
        assert!(authorizer.renew(&refused, TimeDelta::zero()));
        assert!(is_same(&renewed, &authorizer.authorization(NOW).unwrap()), "the new token stays");
        assert!(authorizer.renew(&renewed, TimeDelta::zero()));
        let agreed = authorizer.authorization(NOW).unwrap();
        assert!(agreed.expose().contains("&se=1700003600&"), "the clocks agree again");
    }

    #[test]
    fn a_token_signed_elsewhere_cannot_be_made_anew() {
        let token = "SharedAccessSignature sr=h.net&sig=a&se=4102444800";
        let authorizer = Authorizer::new(Credential::shared_access_signature(token).unwrap(), "h.net".into());
        let refused = authorizer.authorization(NOW).unwrap();
        assert!(!authorizer.renew(&refused, HOUR));
    }
}
