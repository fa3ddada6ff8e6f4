//! The life of a token, under a clock that stands still until it is moved.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::{join_all, pending};
use tokio::time::{advance, sleep};

use super::state::{LAST_USE, MARGIN, PAUSE};
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
        self.other_than(None, life).await.map(|token| token.text.expose().clone())
    }

    async fn other_than(
        &self,
        refused: Option<&Arc<Token>>,
        life: Duration,
    ) -> Result<Arc<Token>, CredentialError> {
        let issue = || {
            let (made, is_closed) = (self.made.clone(), self.is_closed.clone());
            async move {
                let number = made.fetch_add(1, Ordering::Relaxed) + 1;
                sleep(SECOND / 2).await;
                match *is_closed.lock().unwrap() {
                    true => Err(CredentialError::NoToken(TokenError::expired())),
                    false => Ok(Token { text: Secret::new(number.to_string()), life }),
                }
            }
        };
        self.cache.token(refused, issue).await
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
    mint.close(true);
    advance(HOUR).await;
    assert!(mint.token().await.is_err());
    mint.close(false);
    advance(PAUSE.0).await;
    assert_eq!(mint.token().await.unwrap(), "4", "the pauses have begun anew");
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
    let late = cache.token(None, pending).await.err().unwrap();
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
    assert!(cache.token(None, issue).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_panics_is_an_error() {
    let (cache, calls) = (Cache::default(), AtomicU32::new(0));
    for _ in 0..3 {
        let issue = || {
            calls.fetch_add(1, Ordering::Relaxed);
            async { panic!("by the user's code") }
        };
        assert!(cache.token(None, issue).await.is_err());
    }
    assert_eq!(calls.into_inner(), 1, "it is not hammered either");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_ended_before_it_came_is_an_error() {
    let expired = Mint::default().token_of(Duration::ZERO).await.unwrap_err();
    assert!(matches!(expired, CredentialError::NoToken(_)));
    let huge = Mint::default();
    assert_eq!(huge.token_of(Duration::MAX).await.unwrap(), "1");
}

#[tokio::test(start_paused = true)]
async fn a_doubted_token_is_renewed_once_and_only_when_it_is_of_some_age() {
    let mint = Mint::default();
    let refused = mint.other_than(None, HOUR).await.unwrap();
    assert!(!mint.cache.doubt(&refused, MINUTE));
    advance(MINUTE).await;
    assert!(mint.cache.doubt(&refused, MINUTE));
    let calls = (0..100).map(|_| mint.other_than(Some(&refused), HOUR));
    assert!(join_all(calls).await.iter().all(|token| token.as_ref().unwrap().text.expose() == "2"));
    assert!(mint.cache.doubt(&refused, MINUTE));
    assert_eq!(mint.token().await.unwrap(), "2", "the new one stays");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_refused_to_one_call_serves_the_others_while_there_is_no_better_one() {
    let mint = Mint::default();
    let refused = mint.other_than(None, HOUR).await.unwrap();
    advance(MINUTE).await;
    mint.close(true);
    assert!(mint.cache.doubt(&refused, MINUTE));
    assert_eq!(mint.token().await.unwrap(), "1");
    assert!(mint.other_than(Some(&refused), HOUR).await.is_err());
    assert_eq!(mint.token().await.unwrap(), "1");
    assert!(!mint.cache.doubt(&refused, MINUTE), "none can be had just now");
    mint.close(false);
    advance(PAUSE.0).await;
    assert_eq!(mint.other_than(Some(&refused), HOUR).await.unwrap().text.expose(), "3");
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_token_is_used_no_more_and_only_that() {
    let mint = Mint::default();
    let refused = mint.other_than(None, HOUR).await.unwrap();
    mint.cache.forget(&refused);
    assert_eq!(mint.token().await.unwrap(), "2");
    mint.cache.forget(&refused);
    assert_eq!(mint.token().await.unwrap(), "2");
}

#[cfg(feature = "entra")]
mod errors_of_a_users {
    use std::fmt;

    use super::*;

    /// Its code sees whether the cache is locked.
    struct Watcher {
        cache: Cache,
        /// How often it ran, and how often the cache was locked then.
        seen: Arc<[AtomicU32; 2]>,
    }

    impl Watcher {
        fn look(&self) {
            let is_locked = self.cache.0.try_lock().is_err();
            self.seen[0].fetch_add(1, Ordering::Relaxed);
            self.seen[1].fetch_add(u32::from(is_locked), Ordering::Relaxed);
        }
    }

    impl fmt::Display for Watcher {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.look();
            f.write_str("watching")
        }
    }

    impl fmt::Debug for Watcher {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            fmt::Display::fmt(self, f)
        }
    }

    impl std::error::Error for Watcher {}

    impl Drop for Watcher {
        fn drop(&mut self) {
            self.look();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn are_shown_and_dropped_without_the_lock() {
        let (cache, seen) = (Cache::default(), Arc::<[AtomicU32; 2]>::default());
        for failures in 1..=3 {
            let issue = || {
                let watcher = Watcher { cache: cache.clone(), seen: seen.clone() };
                async { Err(CredentialError::NoToken(TokenError::failed(watcher))) }
            };
            let error = cache.token(None, issue).await.err().unwrap();
            assert!(format!("{error:?}").contains("watching"));
            drop(error);
            advance(PAUSE.1).await;
            let [ran, was_locked] = &*seen;
            // Looked into, shown, and dropped when the next one came.
            assert_eq!(ran.load(Ordering::Relaxed), 3 * failures - 1);
            assert_eq!(was_locked.load(Ordering::Relaxed), 0);
        }
    }
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
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (mint, first) = (Mint::default(), runtime());
    assert!(first.block_on(async { timeout(SECOND / 100, mint.token()).await }).is_err());
    assert_eq!(runtime().block_on(mint.token()).unwrap(), "2");
}
