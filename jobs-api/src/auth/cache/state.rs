//! What is known of the token in use, and what follows from it at a given moment.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{CredentialError, Token};

/// How long before its end a token is renewed. `azure_identity` hands out the token it has until five
/// minutes before the end: asking earlier would bring the same one.
pub(super) const MARGIN: Duration = Duration::from_secs(4 * 60);
/// How long before its end a token is no longer used: it must still be good when it arrives.
pub(super) const LAST_USE: Duration = Duration::from_secs(10);
/// Of a token with a short life, those two are no more than these parts of it.
const MARGIN_PART: u32 = 4;
const LAST_USE_PART: u32 = 10;
/// The longest life that is reckoned with; clocks do not count for ever.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The first pause after a renewal that failed, and the longest; each is twice as long as the one before.
pub(super) const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

#[derive(Default)]
pub(super) struct State {
    kept: Option<Kept>,
    renewal: Option<Renewal>,
    failure: Option<Failure>,
}

/// The token in use.
struct Kept {
    token: Arc<Token>,
    since: Instant,
    renew_at: Instant,
    end: Instant,
}

/// A renewal that was begun.
#[derive(Clone)]
pub(super) struct Renewal {
    /// Closed when it is over, in whatever way.
    pub(super) over: watch::Receiver<()>,
    /// When nobody counts on it any more, since the runtime that it was begun on stands still.
    pub(super) stale_at: Instant,
}

/// Why the last renewal brought nothing.
pub(super) struct Failure {
    error: CredentialError,
    pause: Duration,
    pause_ends: Instant,
}

impl State {
    /// The token in use, if it is not yet to be renewed, nor the one that was `refused`.
    pub(super) fn fresh(&self, refused: Option<&Arc<Token>>, now: Instant) -> Option<Arc<Token>> {
        self.kept_until(refused, |kept| now < kept.renew_at)
    }

    /// The token in use, if it still serves, and is not the one that was `refused`.
    pub(super) fn serving(&self, refused: Option<&Arc<Token>>, now: Instant) -> Option<Arc<Token>> {
        self.kept_until(refused, |kept| now < kept.end)
    }

    fn kept_until(
        &self,
        refused: Option<&Arc<Token>>,
        is_good: impl FnOnce(&Kept) -> bool,
    ) -> Option<Arc<Token>> {
        let kept = self.kept.as_ref().filter(|kept| is_good(kept))?;
        let is_refused = refused.is_some_and(|refused| kept.is(refused));
        (!is_refused).then(|| kept.token.clone())
    }

    pub(super) fn begin(&mut self, renewal: Renewal) -> Renewal {
        self.renewal.insert(renewal).clone()
    }

    pub(super) fn renewal_under_way(&self, now: Instant) -> Option<Renewal> {
        self.renewal.clone().filter(|renewal| renewal.over.has_changed().is_ok() && now < renewal.stale_at)
    }

    /// Why the last renewal failed, if it is too early for another.
    pub(super) fn pause(&self, now: Instant) -> Option<CredentialError> {
        self.failure.as_ref().filter(|failure| now < failure.pause_ends).map(|failure| failure.error.clone())
    }

    /// Takes what a renewal brought, and gives the failure of the one before, to be dropped elsewhere.
    pub(super) fn take(&mut self, outcome: Result<Token, CredentialError>, now: Instant) -> Option<Failure> {
        let before = self.failure.take();
        match outcome {
            Ok(token) => {
                let life = token.life.min(LONGEST_LIFE);
                let renew_at = now + life - MARGIN.min(life / MARGIN_PART);
                let end = now + life - LAST_USE.min(life / LAST_USE_PART);
                self.kept = Some(Kept { token: Arc::new(token), since: now, renew_at, end });
            }
            Err(error) => {
                let pause = before.as_ref().map_or(PAUSE.0, |failure| (failure.pause * 2).min(PAUSE.1));
                self.failure = Some(Failure { error, pause, pause_ends: now + pause });
            }
        }
        before
    }

    pub(super) fn forget(&mut self, refused: &Arc<Token>) {
        self.kept.take_if(|kept| kept.is(refused));
    }

    pub(super) fn doubt(&mut self, refused: &Arc<Token>, least_age: Duration, now: Instant) -> bool {
        let is_pausing = self.pause(now).is_some();
        match &mut self.kept {
            Some(kept) if kept.is(refused) => {
                let is_doubtful = now >= kept.since + least_age && !is_pausing;
                if is_doubtful {
                    kept.renew_at = now;
                }
                is_doubtful
            }
            _ => true,
        }
    }
}

impl Kept {
    fn is(&self, token: &Arc<Token>) -> bool {
        Arc::ptr_eq(&self.token, token)
    }
}
