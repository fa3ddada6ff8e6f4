//! A cache of one token that takes a while to obtain.
//!
//! All calls use the cached token. A refresh begins four minutes before it expires, runs as a task, and
//! is shared by all calls on the same runtime: none of them has to stay for it to finish.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::{self, Handle};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::error::CredentialError;
use super::token::AccessToken;
use crate::targets::TOKEN;

/// How long before its expiry a token is refreshed, but not in the first half of its life.
///
/// `azure_identity` caches a token until five minutes before its expiry; an earlier refresh would
/// return the same one.
const REFRESH_MARGIN: Duration = Duration::from_secs(4 * 60);
/// How long before its expiry a token is no longer used: it must still be valid when it arrives. A token of
/// less than twice that is used for half of its life.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);
/// How long a refresh may take. The credentials of `azure_identity` retry for more than a minute before
/// they report why they fail.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2 * 60);
/// The back-off after the first of several failed refreshes. It doubles with each.
const MIN_BACK_OFF: Duration = Duration::from_secs(1);
/// The longest back-off.
const MAX_BACK_OFF: Duration = Duration::from_secs(30);

/// A new token and its lifetime.
#[derive(Debug)]
pub(super) struct IssuedToken {
    pub(super) token: AccessToken,
    /// Counted from the moment the token arrived.
    pub(super) lifetime: Duration,
}

/// A request for a new token.
pub(super) type Issuing = BoxFuture<'static, Result<IssuedToken, CredentialError>>;

/// A cached token and its refreshes. Clones share them.
#[derive(Clone, Default)]
pub(super) struct TokenCache(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    current: Option<CachedToken>,
    failure: Option<RefreshFailure>,
    /// The refreshes in flight, each closed when it ends, in whatever way.
    ///
    /// The caller's runtime is certain to be driven while the caller waits. Another one may never be driven
    /// again, so that each has its own refresh.
    in_flight: HashMap<runtime::Id, watch::Receiver<()>>,
}

#[derive(Clone)]
struct CachedToken {
    token: AccessToken,
    issued_at: Instant,
    refresh_at: Instant,
    expires_at: Instant,
}

/// The failure of the last refresh.
struct RefreshFailure {
    error: CredentialError,
    back_off: Duration,
    ends_at: Instant,
}

impl TokenCache {
    /// Returns the token for a request sent now, other than the `rejected` one.
    ///
    /// `issue` makes the future that obtains a token. It runs as a task of the caller's runtime.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable token and the refresh fails, or failed less than 30 seconds ago, or
    /// cannot begin because there is no Tokio runtime.
    pub(super) async fn token(
        &self,
        rejected: Option<&AccessToken>,
        issue: impl Fn() -> Issuing,
    ) -> Result<AccessToken, CredentialError> {
        loop {
            let mut refresh = {
                let (now, mut state) = (Instant::now(), self.state());
                let usable = state.current.clone().filter(|current| current.is_usable(rejected, now));
                if let Some(fresh) = usable.as_ref().filter(|current| now < current.refresh_at) {
                    return Ok(fresh.token.clone());
                }
                // The order matters. The refresh begins before a usable token is returned, so that it
                // runs in the background; and its error counts only if there is no usable token.
                let refresh = self.join_or_start(&mut state, now, &issue);
                if let Some(usable) = usable {
                    return Ok(usable.token);
                }
                refresh?
            };
            // The task stores its outcome before it closes the channel. If the task was cancelled with
            // its runtime, there is no outcome, and the next round starts another refresh.
            let _ = refresh.changed().await;
        }
    }

    /// Invalidates a token that the hub rejected, if it is the cached one and at least `min_age` old.
    /// Returns true if a better one can be obtained now.
    ///
    /// Other calls keep using the token until its refresh succeeds: the hub may have rejected it for a
    /// reason that does not concern them.
    pub(super) fn reject(&self, token: &AccessToken, min_age: Duration) -> bool {
        let (now, mut state) = (Instant::now(), self.state());
        let is_backing_off = state.back_off_error(now).is_some();
        // Without a match, another token is already in use.
        let Some(current) = state.current.as_mut().filter(|current| current.token.is_same(token)) else {
            return true;
        };
        let can_refresh = now >= current.issued_at + min_age && !is_backing_off;
        if can_refresh {
            current.refresh_at = now;
        }
        can_refresh
    }

    /// Joins the refresh in flight on the caller's runtime, or starts one.
    fn join_or_start(
        &self,
        state: &mut State,
        now: Instant,
        issue: impl Fn() -> Issuing,
    ) -> Result<watch::Receiver<()>, CredentialError> {
        let runtime = Handle::try_current().map_err(|_| CredentialError::NoRuntime)?;
        state.in_flight.retain(|_, closed| closed.has_changed().is_ok());
        if let Some(closed) = state.in_flight.get(&runtime.id()) {
            return Ok(closed.clone());
        }
        if let Some(error) = state.back_off_error(now) {
            return Err(error);
        }
        let (open, closed) = watch::channel(());
        let (cache, issuing) = (self.clone(), issue());
        runtime.spawn(async move {
            let outcome = refresh(issuing).await;
            match &outcome {
                Ok(issued) => {
                    debug!(target: TOKEN, lifetime_s = issued.lifetime.as_secs(), "token refreshed")
                }
                Err(error) => warn!(target: TOKEN, reason = error.to_string(), "token refresh failed"),
            }
            cache.state().store(outcome, Instant::now());
            drop(open);
        });
        state.in_flight.insert(runtime.id(), closed.clone());
        Ok(closed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Stores the outcome of a refresh.
    fn store(&mut self, outcome: Result<IssuedToken, CredentialError>, now: Instant) {
        let previous = self.failure.take();
        match outcome {
            Ok(issued) => self.current = Some(CachedToken::new(issued, now)),
            Err(error) => {
                let back_off =
                    previous.map_or(MIN_BACK_OFF, |failure| (failure.back_off * 2).min(MAX_BACK_OFF));
                self.failure = Some(RefreshFailure { error, back_off, ends_at: now + back_off });
            }
        }
    }

    /// Returns the error of the last refresh while it is too early for another one.
    fn back_off_error(&self, now: Instant) -> Option<CredentialError> {
        let failure = self.failure.as_ref().filter(|failure| now < failure.ends_at);
        failure.map(|failure| failure.error.clone())
    }
}

impl CachedToken {
    fn new(issued: IssuedToken, now: Instant) -> Self {
        let half = issued.lifetime / 2;
        let ends_before = |margin: Duration| now + (issued.lifetime - margin.min(half));
        Self {
            issued_at: now,
            refresh_at: ends_before(REFRESH_MARGIN),
            expires_at: ends_before(EXPIRY_MARGIN),
            token: issued.token,
        }
    }

    /// Returns true if the token has not expired and is not the `rejected` one.
    fn is_usable(&self, rejected: Option<&AccessToken>, now: Instant) -> bool {
        now < self.expires_at && !rejected.is_some_and(|rejected| rejected.is_same(&self.token))
    }
}

/// Obtains a token that can be used.
async fn refresh(issuing: Issuing) -> Result<IssuedToken, CredentialError> {
    // A panic of the credential must back off like any other failure.
    let outcome = match timeout(REFRESH_TIMEOUT, AssertUnwindSafe(issuing).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome?,
        Ok(Err(_)) => return Err(CredentialError::NoToken("the credential panicked".into())),
        Err(_) => return Err(CredentialError::no_token_within(REFRESH_TIMEOUT)),
    };
    if outcome.lifetime <= EXPIRY_MARGIN {
        let reason =
            "the credential returned a token that has expired or is about to; check this machine's clock";
        return Err(CredentialError::NoToken(reason.into()));
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests;
