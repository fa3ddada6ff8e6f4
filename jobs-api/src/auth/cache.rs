//! One token for all calls: kept for as long as it serves, renewed once for all that need it.
//!
//! A renewal is a task of its own. Whoever waits for it may go away; while the token before still
//! serves, nobody waits. No lock is held while a token is being made.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};

use super::{CredentialError, Token, TokenError};

/// How long before its end a token is renewed. `azure_identity` hands out the token it has until five
/// minutes before the end: asking earlier would bring the same one.
const MARGIN: Duration = Duration::from_secs(4 * 60);
/// How long before its end a token is no longer used: it must still be good when it arrives.
const LAST_USE: Duration = Duration::from_secs(10);
/// Of a token with a short life, those two are no more than these parts of it.
const MARGIN_PART: u32 = 4;
const LAST_USE_PART: u32 = 10;
/// The longest life that is reckoned with; clocks do not count for ever.
const LONGEST_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long a renewal may take: the credentials of `azure_identity` try for more than a minute before
/// they tell why there is no token.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(2 * 60);
/// After how long a renewal has outlived its own timeout: nobody drives it.
const STANDSTILL: Duration = Duration::from_secs(2 * 60 + 5);
/// The first pause after a renewal that failed, and the longest; each is twice as long as the one before.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The token that is in use, if there is one, and how the next one comes.
#[derive(Clone, Default)]
pub(super) struct Cache(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    renewal: Option<Renewal>,
    failure: Option<Failure>,
}

struct Kept {
    token: Arc<Token>,
    since: Instant,
    renew_at: Instant,
    end: Instant,
}

/// A renewal that was begun.
#[derive(Clone)]
struct Renewal {
    /// Closed when it is over, in whatever way.
    over: watch::Receiver<()>,
    /// When nobody counts on it any more, since the runtime that it was begun on stands still.
    stale_at: Instant,
}

/// Why the last renewal brought nothing.
struct Failure {
    error: CredentialError,
    pause: Duration,
    pause_ends: Instant,
}

impl Cache {
    /// The token for a request that is sent now. `issue` makes one, in a task that is begun at most
    /// once at a time.
    pub(super) async fn token<F, Fut>(&self, issue: F) -> Result<Arc<Token>, CredentialError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Token, CredentialError>> + Send + 'static,
    {
        loop {
            let Renewal { mut over, stale_at } = {
                let (now, mut state) = (Instant::now(), self.state());
                if let Some(token) = state.kept_until(now, |kept| kept.renew_at) {
                    return Ok(token);
                }
                let renewal = match (state.renewal_under_way(now), state.pause(now)) {
                    (Some(renewal), _) => Ok(renewal),
                    (None, Some(error)) => Err(error),
                    (None, None) => Ok(self.renew(&mut state, now, issue())),
                };
                if let Some(token) = state.kept_until(now, |kept| kept.end) {
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
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(CredentialError::NoToken(TokenError::panicked())),
                Err(_) => Err(CredentialError::NoToken(TokenError::late(RENEWAL_TIMEOUT))),
            };
            if let Some(cache) = Weak::upgrade(&cache).map(Self) {
                cache.state().take(outcome);
            }
            drop(done);
        });
        state.renewal.insert(Renewal { over, stale_at: now + STANDSTILL }).clone()
    }

    /// The hub has refused `token`: has a new one made for the calls to come, unless it is younger than
    /// `least_age`. True when that token is used no more, false when there is no better one to be had now.
    pub(super) fn refuse(&self, token: &Arc<Token>, least_age: Duration) -> bool {
        let (now, mut state) = (Instant::now(), self.state());
        match &state.kept {
            Some(kept) if Arc::ptr_eq(&kept.token, token) => {
                if now < kept.since + least_age || state.pause(now).is_some() {
                    return false;
                }
                state.kept = None;
                true
            }
            _ => true,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The token in use, if this moment of its life is still to come.
    fn kept_until(&self, now: Instant, moment: impl Fn(&Kept) -> Instant) -> Option<Arc<Token>> {
        self.kept.as_ref().filter(|kept| now < moment(kept)).map(|kept| kept.token.clone())
    }

    fn renewal_under_way(&self, now: Instant) -> Option<Renewal> {
        self.renewal.clone().filter(|renewal| renewal.over.has_changed().is_ok() && now < renewal.stale_at)
    }

    /// Why the last renewal failed, if it is too early for another.
    fn pause(&self, now: Instant) -> Option<CredentialError> {
        self.failure.as_ref().filter(|failure| now < failure.pause_ends).map(|failure| failure.error.clone())
    }

    /// Takes what a renewal brought.
    fn take(&mut self, outcome: Result<Token, CredentialError>) {
        let now = Instant::now();
        match outcome {
            Ok(token) if token.life.is_zero() => {
                self.fail(CredentialError::NoToken(TokenError::ended()), now);
            }
            Ok(token) => {
                let life = token.life.min(LONGEST_LIFE);
                debug!(life_s = life.as_secs(), "there is a new token");
                let renew_at = now + life - MARGIN.min(life / MARGIN_PART);
                let end = now + life - LAST_USE.min(life / LAST_USE_PART);
                self.kept = Some(Kept { token: Arc::new(token), since: now, renew_at, end });
                self.failure = None;
            }
            Err(error) => self.fail(error, now),
        }
    }

    fn fail(&mut self, error: CredentialError, now: Instant) {
        let pause = self.failure.as_ref().map_or(PAUSE.0, |failure| (failure.pause * 2).min(PAUSE.1));
        let pause_s = pause.as_secs();
        warn!(?error, pause_s, "there is no new token");
        self.failure = Some(Failure { error, pause, pause_ends: now + pause });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::{join_all, pending};
    use tokio::time::{advance, sleep};

    use super::*;
    use crate::auth::Secret;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(60 * 60);

    /// Makes tokens, counts them, and takes half a second over each.
    #[derive(Clone, Default)]
    struct Mint {
        cache: Cache,
        made: Arc<AtomicU32>,
        is_closed: Arc<Mutex<bool>>,
    }

    impl Mint {
        async fn token(&self) -> Result<String, CredentialError> {
            self.token_of(HOUR).await
        }

        async fn token_of(&self, life: Duration) -> Result<String, CredentialError> {
            let issue = || {
                let (made, is_closed) = (self.made.clone(), self.is_closed.clone());
                async move {
                    let number = made.fetch_add(1, Ordering::Relaxed) + 1;
                    sleep(SECOND / 2).await;
                    match *is_closed.lock().unwrap() {
                        true => Err(CredentialError::NoToken(TokenError::ended())),
                        false => Ok(Token { text: Secret::new(number.to_string()), life }),
                    }
                }
            };
            self.cache.token(issue).await.map(|token| token.text.expose().clone())
        }

        fn close(&self, is_closed: bool) {
            *self.is_closed.lock().unwrap() = is_closed;
        }

        fn made(&self) -> u32 {
            self.made.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_calls_share_one_renewal() {
        let mint = Mint::default();
        let tokens = join_all((0..10_000).map(|_| mint.token())).await;
        assert!(tokens.iter().all(|token| token.as_deref() == Ok("1")));
        assert_eq!(mint.made(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_in_the_background_while_it_still_serves() {
        let mint = Mint::default();
        mint.token().await.unwrap();
        advance(HOUR - MARGIN - SECOND).await;
        assert_eq!(mint.token().await.unwrap(), "1");
        assert_eq!(mint.made(), 1, "the margin has not begun");

        advance(2 * SECOND).await;
        let begun = Instant::now();
        let tokens = join_all((0..100).map(|_| mint.token())).await;
        assert!(tokens.iter().all(|token| token.as_deref() == Ok("1")));
        assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits");
        sleep(SECOND).await;
        assert_eq!(mint.token().await.unwrap(), "2");
        assert_eq!(mint.made(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_has_ended_is_waited_for() {
        let mint = Mint::default();
        mint.token().await.unwrap();
        advance(HOUR - LAST_USE).await;
        let tokens = join_all((0..100).map(|_| mint.token())).await;
        assert!(tokens.iter().all(|token| token.as_deref() == Ok("2")));
        assert_eq!(mint.made(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_lived_token_is_used_for_most_of_its_life() {
        let mint = Mint::default();
        mint.token_of(20 * SECOND).await.unwrap();
        advance(14 * SECOND).await;
        assert_eq!(mint.token_of(20 * SECOND).await.unwrap(), "1");
        assert_eq!(mint.made(), 1);
        advance(3 * SECOND).await;
        assert_eq!(mint.token_of(20 * SECOND).await.unwrap(), "1");
        sleep(SECOND).await;
        assert_eq!(mint.token_of(20 * SECOND).await.unwrap(), "2");
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_old_token_serves_a_failed_renewal_is_no_error_and_is_not_hammered() {
        let mint = Mint::default();
        mint.token().await.unwrap();
        advance(HOUR - MARGIN).await;
        mint.close(true);
        let begun = Instant::now();
        while begun.elapsed() < MARGIN - LAST_USE - SECOND {
            assert_eq!(mint.token().await.unwrap(), "1");
            sleep(SECOND / 10).await;
        }
        // Pauses of 1, 2, 4, 8, 16 and then 30 seconds in 229.
        assert!((10..=13).contains(&mint.made()), "{}", mint.made());

        advance(LAST_USE).await;
        assert!(mint.token().await.is_err());
        mint.close(false);
        sleep(PAUSE.1 + SECOND).await;
        assert!(mint.token().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_token_a_failure_is_told_to_all_who_call_in_the_pause() {
        let mint = Mint::default();
        mint.close(true);
        let failures = join_all((0..100).map(|_| mint.token())).await;
        assert!(failures.iter().all(Result::is_err));
        let told = mint.token().await.unwrap_err();
        assert_eq!(mint.made(), 1);
        assert_eq!(failures[0].as_ref().unwrap_err(), &told);
        mint.close(false);
        advance(PAUSE.0).await;
        assert_eq!(mint.token().await.unwrap(), "2");
        assert!(mint.cache.state().failure.is_none(), "the pauses begin anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_goes_away_leaves_the_renewal_to_the_others() {
        let mint = Mint::default();
        let impatient = timeout(SECOND / 10, mint.token());
        let (gone, stayed) = tokio::join!(impatient, mint.token());
        assert!(gone.is_err());
        assert_eq!(stayed.unwrap(), "1");

        let alone = Mint::default();
        assert!(timeout(SECOND / 10, alone.token()).await.is_err());
        sleep(SECOND).await;
        assert_eq!(alone.token().await.unwrap(), "1");
        assert_eq!(alone.made(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_that_never_answers_is_given_up_on() {
        let cache = Cache::default();
        let begun = Instant::now();
        let late = cache.token(pending).await.err().unwrap();
        assert!(matches!(late, CredentialError::NoToken(error) if error.is_timeout()));
        assert_eq!(begun.elapsed(), RENEWAL_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn no_lock_is_held_while_a_token_is_made() {
        let cache = Cache::default();
        let within = cache.clone();
        let issue = || {
            let within = within.clone();
            async move {
                assert!(within.0.try_lock().is_ok());
                Ok(Token { text: Secret::new("a".into()), life: HOUR })
            }
        };
        assert!(cache.token(issue).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_that_panics_is_an_error() {
        let (cache, calls) = (Cache::default(), AtomicU32::new(0));
        for _ in 0..3 {
            let issue = || {
                calls.fetch_add(1, Ordering::Relaxed);
                async { panic!("by the user's code") }
            };
            assert!(cache.token(issue).await.is_err());
        }
        assert_eq!(calls.into_inner(), 1, "it is not hammered either");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_has_ended_before_it_came_is_an_error() {
        let ended = Mint::default().token_of(Duration::ZERO).await.unwrap_err();
        assert!(matches!(ended, CredentialError::NoToken(_)));
        let huge = Mint::default();
        assert_eq!(huge.token_of(Duration::MAX).await.unwrap(), "1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_renewed_once_and_only_when_it_is_of_some_age() {
        let mint = Mint::default();
        mint.token().await.unwrap();
        let refused = mint.cache.state().kept.as_ref().unwrap().token.clone();
        assert!(!mint.cache.refuse(&refused, MINUTE));
        advance(MINUTE).await;
        assert!(mint.cache.refuse(&refused, MINUTE));
        assert_eq!(mint.token().await.unwrap(), "2");
        assert!(mint.cache.refuse(&refused, MINUTE));
        assert_eq!(mint.token().await.unwrap(), "2", "the new one stays");
    }

    #[test]
    fn a_renewal_whose_runtime_is_gone_is_begun_anew() {
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mint = Mint::default();
        let first = runtime();
        assert!(first.block_on(async { timeout(SECOND / 100, mint.token()).await }).is_err());
        drop(first);
        assert_eq!(runtime().block_on(mint.token()).unwrap(), "2");
    }

    #[test]
    fn a_renewal_whose_runtime_stands_still_is_given_up_on() {
        let runtime = || {
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
        };
        let (mint, first) = (Mint::default(), runtime());
        assert!(first.block_on(async { timeout(SECOND / 100, mint.token()).await }).is_err());
        assert_eq!(runtime().block_on(mint.token()).unwrap(), "2");
    }
}
