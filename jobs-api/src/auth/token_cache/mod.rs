//! A cache of one token that takes a while to obtain.
//!
//! All calls of a client use the cached token. A refresh begins four minutes before it expires, runs
//! as a task, and is shared by all calls on the same runtime: none of them has to stay for it to finish.

mod state;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use self::state::{CacheState, Refresh};
use super::error::{CredentialError, TokenError};
use super::token::{AccessToken, IssuedToken};
use crate::targets::TOKEN;

/// How long a refresh may take. The credentials of `azure_identity` retry for more than a minute before
/// they report why they fail.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(2 * 60);

/// A cached token and its refreshes. Clones share them.
#[derive(Clone, Default)]
pub(super) struct TokenCache(Arc<Mutex<CacheState>>);

impl TokenCache {
    /// Returns the token for a request sent now, other than the `rejected` one.
    ///
    /// `issue` makes the future that obtains a token. It runs as a task of the caller's runtime.
    ///
    /// # Errors
    ///
    /// Fails if there is no usable token and the refresh fails, or failed less than 30 seconds ago, or
    /// cannot begin because there is no Tokio runtime.
    pub(super) async fn token<F, Fut>(
        &self,
        rejected: Option<&AccessToken>,
        issue: F,
    ) -> Result<AccessToken, CredentialError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<IssuedToken, CredentialError>> + Send + 'static,
    {
        loop {
            let mut refresh = {
                let (now, mut state) = (Instant::now(), self.state());
                if let Some(token) = state.fresh(rejected, now) {
                    return Ok(token);
                }
                // The order matters. The refresh begins before a usable token is returned, so that it
                // runs in the background; and its error counts only if there is no usable token.
                let usable = state.usable(rejected, now);
                let refresh = self.join_or_start(&mut state, now, &issue);
                if let Some(token) = usable {
                    return Ok(token);
                }
                refresh?
            };
            // The task stores its outcome before it closes the channel. If the task was cancelled with
            // its runtime, there is no outcome, and the next round starts another refresh.
            let _ = refresh.closed.changed().await;
        }
    }

    /// Invalidates a token that the hub rejected, if it is the cached one and at least `min_age` old.
    /// Returns true if a better one can be obtained now.
    ///
    /// Other calls keep using the token until its refresh succeeds: the hub may have rejected it for a
    /// reason that does not concern them.
    pub(super) fn reject(&self, token: &AccessToken, min_age: Duration) -> bool {
        self.state().reject(token, min_age, Instant::now())
    }

    /// Joins the refresh in flight on the caller's runtime, or starts one.
    ///
    /// The caller's runtime is certain to be driven while the caller waits. Another one may never be driven
    /// again.
    fn join_or_start<F, Fut>(
        &self,
        state: &mut CacheState,
        now: Instant,
        issue: &F,
    ) -> Result<Refresh, CredentialError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<IssuedToken, CredentialError>> + Send + 'static,
    {
        let runtime = Handle::try_current().map_err(|_| CredentialError::NoRuntime)?;
        if let Some(refresh) = state.in_flight(runtime.id()) {
            return Ok(refresh);
        }
        if let Some(error) = state.back_off_error(now) {
            return Err(error);
        }
        let (open, closed) = watch::channel(());
        let (cache, issue) = (self.clone(), issue());
        runtime.spawn(async move {
            let outcome = refresh(issue).await;
            match &outcome {
                Ok(issued) => {
                    debug!(target: TOKEN, lifetime_s = issued.lifetime.as_secs(), "token refreshed")
                }
                Err(error) => warn!(target: TOKEN, ?error, "token refresh failed"),
            }
            cache.state().finish_refresh(outcome, Instant::now());
            drop(open);
        });
        Ok(state.start_refresh(Refresh { runtime: runtime.id(), closed }))
    }

    fn state(&self) -> MutexGuard<'_, CacheState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Obtains a token that can be used.
async fn refresh(
    issue: impl Future<Output = Result<IssuedToken, CredentialError>>,
) -> Result<IssuedToken, CredentialError> {
    // A panic of the credential must back off like any other failure.
    let issued = timeout(REFRESH_TIMEOUT, AssertUnwindSafe(issue).catch_unwind()).await;
    match issued {
        Ok(Ok(Ok(issued))) if issued.lifetime <= state::EXPIRY_MARGIN => {
            Err(CredentialError::NoToken(TokenError::expired_token()))
        }
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(CredentialError::NoToken(TokenError::panic())),
        Err(_) => Err(CredentialError::NoToken(TokenError::timeout(REFRESH_TIMEOUT))),
    }
}
