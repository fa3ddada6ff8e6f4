//! The state of a token cache: pure decisions at a given moment.

use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::auth::error::CredentialError;
use crate::auth::token::{AccessToken, IssuedToken};

/// How long before its expiry a token is refreshed, but not in the first half of its life.
///
/// `azure_identity` caches a token until five minutes before its expiry; an earlier refresh would
/// return the same one.
pub(super) const REFRESH_MARGIN: Duration = Duration::from_secs(4 * 60);
/// How long before its expiry a token is no longer used: it must still be valid when it arrives.
pub(super) const EXPIRY_MARGIN: Duration = Duration::from_secs(10);

/// The back-off after the first of several failed refreshes. It doubles with each.
pub(super) const MIN_BACK_OFF: Duration = Duration::from_secs(1);
/// The longest back-off.
pub(super) const MAX_BACK_OFF: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct CacheState {
    current: Option<CachedToken>,
    /// One per runtime at most.
    in_flight: Vec<Refresh>,
    failure: Option<RefreshFailure>,
}

struct CachedToken {
    token: AccessToken,
    issued_at: Instant,
    refresh_at: Instant,
    expires_at: Instant,
}

/// A refresh in flight.
#[derive(Clone)]
pub(super) struct Refresh {
    pub(super) runtime: runtime::Id,
    /// Closed when the refresh ends, in whatever way.
    pub(super) closed: watch::Receiver<()>,
}

/// The failure of the last refresh.
struct RefreshFailure {
    error: CredentialError,
    back_off: Duration,
    back_off_until: Instant,
}

impl CacheState {
    /// Returns the current token if it is neither due for refresh nor the `rejected` one.
    pub(super) fn fresh(&self, rejected: Option<&AccessToken>, now: Instant) -> Option<AccessToken> {
        self.current_other_than(rejected).filter(|current| now < current.refresh_at).map(CachedToken::token)
    }

    /// Returns the current token if it is neither expired nor the `rejected` one.
    pub(super) fn usable(&self, rejected: Option<&AccessToken>, now: Instant) -> Option<AccessToken> {
        self.current_other_than(rejected).filter(|current| now < current.expires_at).map(CachedToken::token)
    }

    fn current_other_than(&self, rejected: Option<&AccessToken>) -> Option<&CachedToken> {
        let is_rejected = |token| rejected.is_some_and(|rejected| rejected.is_same(token));
        self.current.as_ref().filter(|current| !is_rejected(&current.token))
    }

    /// Returns the refresh in flight on this runtime.
    pub(super) fn in_flight(&mut self, runtime: runtime::Id) -> Option<Refresh> {
        self.in_flight.retain(|refresh| refresh.closed.has_changed().is_ok());
        self.in_flight.iter().find(|refresh| refresh.runtime == runtime).cloned()
    }

    pub(super) fn start_refresh(&mut self, refresh: Refresh) -> Refresh {
        self.in_flight.push(refresh.clone());
        refresh
    }

    /// Stores the outcome of a refresh.
    pub(super) fn finish_refresh(&mut self, outcome: Result<IssuedToken, CredentialError>, now: Instant) {
        let previous = self.failure.take();
        match outcome {
            Ok(IssuedToken { token, lifetime }) => {
                let expires_at = now + (lifetime - EXPIRY_MARGIN.min(lifetime));
                let refresh_at = now + (lifetime - REFRESH_MARGIN.min(lifetime / 2));
                self.current = Some(CachedToken { token, issued_at: now, refresh_at, expires_at });
            }
            Err(error) => {
                let back_off =
                    previous.map_or(MIN_BACK_OFF, |failure| (failure.back_off * 2).min(MAX_BACK_OFF));
                self.failure = Some(RefreshFailure { error, back_off, back_off_until: now + back_off });
            }
        }
    }

    /// Returns the error of the last refresh while it is too early for another one.
    pub(super) fn back_off_error(&self, now: Instant) -> Option<CredentialError> {
        let failure = self.failure.as_ref().filter(|failure| now < failure.back_off_until);
        failure.map(|failure| failure.error.clone())
    }

    /// Marks a rejected token of at least `min_age` as due for refresh. Returns true if a better one can
    /// be obtained now.
    pub(super) fn reject(&mut self, token: &AccessToken, min_age: Duration, now: Instant) -> bool {
        let is_backing_off = self.back_off_error(now).is_some();
        match &mut self.current {
            Some(current) if current.token.is_same(token) => {
                let can_refresh = now >= current.issued_at + min_age && !is_backing_off;
                if can_refresh {
                    current.refresh_at = now;
                }
                can_refresh
            }
            // Another token has already taken its place.
            _ => true,
        }
    }
}

impl CachedToken {
    fn token(&self) -> AccessToken {
        self.token.clone()
    }
}
