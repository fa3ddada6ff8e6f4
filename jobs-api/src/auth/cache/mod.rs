//! One token for all calls: kept for as long as it serves, renewed once for all that need it.
//!
//! A renewal is a task of its own. Whoever waits for it may go away; while the token before still
//! serves, nobody waits. No code of a user's runs under the lock: neither the making of a token, nor what
//! shows or drops the error of one that was not made.

mod state;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};

use self::state::{Renewal, State};
use super::{CredentialError, Token, TokenError};

/// How long a renewal may take: the credentials of `azure_identity` try for more than a minute before
/// they tell why there is no token.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(2 * 60);
/// After how long a renewal has outlived its own timeout: nobody drives the runtime it was begun on.
const STANDSTILL: Duration = RENEWAL_TIMEOUT.saturating_add(Duration::from_secs(5));

/// The token that is in use, if there is one, and how the next one comes.
#[derive(Clone, Default)]
pub(super) struct Cache(Arc<Mutex<State>>);

impl Cache {
    /// The token for a request that is sent now, but not the one that the hub has `refused`. `issue`
    /// makes one, in a task that is begun at most once at a time.
    pub(super) async fn token<F, Fut>(
        &self,
        refused: Option<&Arc<Token>>,
        issue: F,
    ) -> Result<Arc<Token>, CredentialError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Token, CredentialError>> + Send + 'static,
    {
        loop {
            let Renewal { mut over, stale_at } = {
                let (now, mut state) = (Instant::now(), self.state());
                if let Some(token) = state.fresh(refused, now) {
                    return Ok(token);
                }
                let renewal = match (state.renewal_under_way(now), state.pause(now)) {
                    (Some(renewal), _) => Ok(renewal),
                    (None, Some(error)) => Err(error),
                    (None, None) => Ok(self.renew(&mut state, now, issue())),
                };
                if let Some(token) = state.serving(refused, now) {
                    return Ok(token);
                }
                renewal?
            };
            // What came of it is in the state.
            let _ = timeout_at(stale_at, over.changed()).await;
        }
    }

    /// Begins a renewal, which goes on when nobody waits for it.
    fn renew<Fut>(&self, state: &mut State, now: Instant, issue: Fut) -> Renewal
    where
        Fut: Future<Output = Result<Token, CredentialError>> + Send + 'static,
    {
        let (done, over) = watch::channel(());
        let cache = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let outcome = match timeout(RENEWAL_TIMEOUT, AssertUnwindSafe(issue).catch_unwind()).await {
                Ok(Ok(outcome)) => outcome.and_then(unless_expired),
                Ok(Err(_)) => Err(CredentialError::NoToken(TokenError::panicked())),
                Err(_) => Err(CredentialError::NoToken(TokenError::late(RENEWAL_TIMEOUT))),
            };
            let told = outcome.as_ref().map(|token| token.life).map_err(CredentialError::clone);
            let cache = Weak::upgrade(&cache).map(Self);
            let forgotten = cache.and_then(|cache| cache.state().take(outcome, Instant::now()));
            drop(done);
            drop(forgotten);
            match told {
                Ok(life) => debug!(life_s = life.as_secs(), "there is a new token"),
                Err(error) => warn!(?error, "there is no new token"),
            }
        });
        state.begin(Renewal { over, stale_at: now + STANDSTILL })
    }

    /// The hub has refused this token, and another takes no time to make: it is used no more.
    pub(super) fn forget(&self, refused: &Arc<Token>) {
        self.state().forget(refused);
    }

    /// The hub has refused this token, which may be good for other calls: it is due for renewal, unless it
    /// is younger than `least_age`. False when there is no better one to be had now.
    #[cfg_attr(not(feature = "entra"), allow(dead_code, reason = "keys make another token at once"))]
    pub(super) fn doubt(&self, refused: &Arc<Token>, least_age: Duration) -> bool {
        self.state().doubt(refused, least_age, Instant::now())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unless_expired(token: Token) -> Result<Token, CredentialError> {
    if token.life.is_zero() { Err(CredentialError::NoToken(TokenError::expired())) } else { Ok(token) }
}
