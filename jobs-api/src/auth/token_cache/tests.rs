//! The life of a cached token, under a clock that stands still until it is moved.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::{join_all, pending};
use tokio::time::{advance, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const INSTANT: Duration = Duration::from_nanos(1);

/// How long the issuer takes.
const LATENCY: Duration = Duration::from_millis(500);

/// A cache whose issuer numbers its tokens, can be made to fail, and takes half a second.
#[derive(Clone, Default)]
struct Fixture {
    cache: TokenCache,
    issued: Arc<AtomicU32>,
    fails: Arc<Mutex<bool>>,
}

impl Fixture {
    async fn token(&self) -> Result<String, CredentialError> {
        self.token_with(HOUR).await
    }

    async fn token_with(&self, lifetime: Duration) -> Result<String, CredentialError> {
        self.token_other_than(None, lifetime).await.map(|token| text(&token))
    }

    async fn token_other_than(
        &self,
        rejected: Option<&AccessToken>,
        lifetime: Duration,
    ) -> Result<AccessToken, CredentialError> {
        let issue = || {
            let (issued, fails) = (self.issued.clone(), self.fails.clone());
            let issuing = async move {
                let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
                sleep(LATENCY).await;
                match *fails.lock().unwrap() {
                    true => Err(CredentialError::NoToken(TokenError::new("none"))),
                    false => Ok(IssuedToken { token: AccessToken::new(number.to_string())?, lifetime }),
                }
            };
            issuing.boxed()
        };
        self.cache.token(rejected, issue).await
    }

    fn fail(&self, fails: bool) {
        *self.fails.lock().unwrap() = fails;
    }

    /// How often the issuer was asked.
    fn issued(&self) -> u32 {
        self.issued.load(Ordering::Relaxed)
    }
}

fn text(token: &AccessToken) -> String {
    token.header().to_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_calls_share_one_refresh() {
    let fixture = Fixture::default();
    let tokens = join_all((0..10_000).map(|_| fixture.token())).await;
    assert!(tokens.iter().all(|token| token.as_deref() == Ok("1")));
    assert_eq!(fixture.issued(), 1);
}

#[tokio::test(start_paused = true)]
async fn token_is_refreshed_in_the_background_four_minutes_before_its_expiry() {
    let fixture = Fixture::default();
    fixture.token().await.unwrap();
    advance(HOUR - 4 * MINUTE - INSTANT).await;
    assert_eq!(fixture.token().await.unwrap(), "1");
    sleep(LATENCY / 2).await;
    assert_eq!(fixture.issued(), 1, "the margin has not begun");

    let fixture = Fixture::default();
    fixture.token().await.unwrap();
    advance(HOUR - 4 * MINUTE).await;
    let start = Instant::now();
    let tokens = join_all((0..100).map(|_| fixture.token())).await;
    assert!(tokens.iter().all(|token| token.as_deref() == Ok("1")));
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody waits");
    sleep(SECOND).await;
    assert_eq!(fixture.token().await.unwrap(), "2");
    assert_eq!(fixture.issued(), 2);
}

#[tokio::test(start_paused = true)]
async fn token_is_used_until_ten_seconds_before_its_expiry() {
    let fixture = Fixture::default();
    fixture.token().await.unwrap();
    advance(HOUR - 10 * SECOND - INSTANT).await;
    assert_eq!(fixture.token().await.unwrap(), "1");

    let fixture = Fixture::default();
    fixture.token().await.unwrap();
    advance(HOUR - 10 * SECOND).await;
    let start = Instant::now();
    let tokens = join_all((0..100).map(|_| fixture.token())).await;
    assert!(tokens.iter().all(|token| token.as_deref() == Ok("2")));
    assert!(start.elapsed() < 2 * LATENCY, "all wait for the one refresh");
    assert_eq!(fixture.issued(), 2);
}

#[tokio::test(start_paused = true)]
async fn short_lived_token_is_refreshed_halfway_through_its_life() {
    let fixture = Fixture::default();
    fixture.token_with(MINUTE).await.unwrap();
    advance(29 * SECOND).await;
    fixture.token_with(MINUTE).await.unwrap();
    sleep(LATENCY / 2).await;
    assert_eq!(fixture.issued(), 1);
    advance(SECOND).await;
    assert_eq!(fixture.token_with(MINUTE).await.unwrap(), "1");
    sleep(SECOND).await;
    assert_eq!(fixture.token_with(MINUTE).await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn failed_refresh_backs_off_and_the_usable_token_serves() {
    let fixture = Fixture::default();
    fixture.token().await.unwrap();
    advance(HOUR - REFRESH_MARGIN).await;
    fixture.fail(true);
    let start = Instant::now();
    while start.elapsed() < REFRESH_MARGIN - EXPIRY_MARGIN - SECOND {
        assert_eq!(fixture.token().await.unwrap(), "1");
        sleep(SECOND / 10).await;
    }
    // Back-offs of 1, 2, 4, 8, 16 and then 30 seconds in 229.
    assert!((10..=13).contains(&fixture.issued()), "{}", fixture.issued());

    advance(EXPIRY_MARGIN).await;
    assert!(fixture.token().await.is_err());
    fixture.fail(false);
    sleep(MAX_BACK_OFF + SECOND).await;
    assert!(fixture.token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn back_off_doubles_with_each_failure_in_a_row_up_to_thirty_seconds() {
    let fixture = Fixture::default();
    fixture.fail(true);
    for (failures, seconds) in (1..).zip([1, 2, 4, 8, 16, 30, 30]) {
        let error = fixture.token().await.unwrap_err();
        assert_eq!(fixture.issued(), failures);
        advance(Duration::from_secs(seconds) - INSTANT).await;
        assert_eq!(fixture.token().await.unwrap_err(), error, "{seconds} s are not over");
        assert_eq!(fixture.issued(), failures);
        advance(INSTANT).await;
    }
    fixture.fail(false);
    assert_eq!(fixture.token().await.unwrap(), "8");
    advance(HOUR).await;
    fixture.fail(true);
    assert!(fixture.token().await.is_err());
    advance(MIN_BACK_OFF).await;
    fixture.fail(false);
    assert_eq!(fixture.token().await.unwrap(), "10", "a success resets the back-off");
}

#[tokio::test(start_paused = true)]
async fn failure_is_returned_to_every_call_during_the_back_off() {
    let fixture = Fixture::default();
    fixture.fail(true);
    let failures = join_all((0..100).map(|_| fixture.token())).await;
    let error = fixture.token().await.unwrap_err();
    assert!(failures.iter().all(|failure| failure.as_ref().unwrap_err() == &error));
    assert_eq!(fixture.issued(), 1);
}

#[tokio::test(start_paused = true)]
async fn dropped_call_leaves_the_refresh_to_the_others() {
    let fixture = Fixture::default();
    let impatient = timeout(LATENCY / 5, fixture.token());
    let (dropped, stayed) = tokio::join!(impatient, fixture.token());
    assert!(dropped.is_err());
    assert_eq!(stayed.unwrap(), "1");

    let alone = Fixture::default();
    assert!(timeout(LATENCY / 5, alone.token()).await.is_err());
    sleep(SECOND).await;
    assert_eq!(alone.token().await.unwrap(), "1");
    assert_eq!(alone.issued(), 1);
}

#[tokio::test(start_paused = true)]
async fn issuer_that_never_answers_times_out() {
    let (cache, start) = (TokenCache::default(), Instant::now());
    let error = cache.token(None, || pending().boxed()).await.unwrap_err();
    assert!(matches!(error, CredentialError::NoToken(error) if error.is_timeout()));
    assert_eq!(start.elapsed(), Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn issuer_runs_without_the_lock() {
    let cache = TokenCache::default();
    let issue = || {
        let cache = cache.clone();
        let issuing = async move {
            assert!(cache.0.try_lock().is_ok());
            Ok(IssuedToken { token: AccessToken::new("a".into())?, lifetime: HOUR })
        };
        issuing.boxed()
    };
    assert!(cache.token(None, issue).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn issuer_that_panics_backs_off() {
    let (cache, issued) = (TokenCache::default(), AtomicU32::new(0));
    for _ in 0..3 {
        let issue = || {
            issued.fetch_add(1, Ordering::Relaxed);
            async { panic!("in the issuer") }.boxed()
        };
        let error = cache.token(None, issue).await.unwrap_err();
        assert_eq!(error.to_string(), "the credential panicked");
    }
    assert_eq!(issued.into_inner(), 1);
}

#[tokio::test(start_paused = true)]
async fn token_that_arrives_expired_is_an_error() {
    for lifetime in [Duration::ZERO, EXPIRY_MARGIN] {
        let error = Fixture::default().token_with(lifetime).await.unwrap_err();
        assert!(error.to_string().contains("has expired or is about to"), "{error}");
    }
    assert!(Fixture::default().token_with(EXPIRY_MARGIN + INSTANT).await.is_ok());
    let until_the_year_9999 = 8000 * 365 * 24 * HOUR;
    assert!(Fixture::default().token_with(until_the_year_9999).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn rejected_token_is_refreshed_once_and_only_at_some_age() {
    let fixture = Fixture::default();
    let rejected = fixture.token_other_than(None, HOUR).await.unwrap();
    advance(MINUTE - INSTANT).await;
    assert!(!fixture.cache.reject(&rejected, MINUTE));
    advance(INSTANT).await;
    assert!(fixture.cache.reject(&rejected, MINUTE));
    let calls = (0..100).map(|_| fixture.token_other_than(Some(&rejected), HOUR));
    assert!(join_all(calls).await.iter().all(|token| text(token.as_ref().unwrap()) == "2"));
    assert!(fixture.cache.reject(&rejected, MINUTE), "another one exists");
    assert_eq!(fixture.token().await.unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn token_rejected_in_one_call_serves_the_others_until_its_refresh_succeeds() {
    let fixture = Fixture::default();
    let rejected = fixture.token_other_than(None, HOUR).await.unwrap();
    advance(MINUTE).await;
    fixture.fail(true);
    assert!(fixture.cache.reject(&rejected, MINUTE));
    assert_eq!(fixture.token().await.unwrap(), "1");
    assert!(fixture.token_other_than(Some(&rejected), HOUR).await.is_err());
    assert_eq!(fixture.token().await.unwrap(), "1");
    assert!(!fixture.cache.reject(&rejected, MINUTE), "none can be obtained during the back-off");
    fixture.fail(false);
    advance(MIN_BACK_OFF).await;
    assert_eq!(text(&fixture.token_other_than(Some(&rejected), HOUR).await.unwrap()), "3");
}

#[test]
fn call_outside_a_runtime_is_an_error() {
    let cache = TokenCache::default();
    let issue = || panic!("it must not begin");
    let error = cache.token(None, issue).now_or_never().expect("no wait").unwrap_err();
    assert_eq!(error, CredentialError::NoRuntime);
    assert!(error.to_string().contains("needs a Tokio runtime"), "{error}");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// Begins a call on a runtime, and drops it before its token has arrived.
fn drop_call(runtime: &tokio::runtime::Runtime, fixture: &Fixture) {
    let dropped = runtime.block_on(async { timeout(LATENCY / 50, fixture.token()).await });
    assert!(dropped.is_err());
}

#[test]
fn usable_token_serves_outside_a_runtime() {
    let fixture = Fixture::default();
    let token = runtime().block_on(fixture.token_other_than(None, HOUR)).unwrap();
    assert!(fixture.cache.reject(&token, Duration::ZERO), "it is due for refresh");
    assert_eq!(fixture.token().now_or_never().expect("no wait").unwrap(), "1");
}

#[test]
fn refresh_is_started_again_after_its_runtime_was_shut_down() {
    let (fixture, first) = (Fixture::default(), runtime());
    drop_call(&first, &fixture);
    drop(first);
    assert_eq!(runtime().block_on(fixture.token()).unwrap(), "2");
}

#[test]
fn call_dropped_on_a_runtime_that_nobody_drives_does_not_block_the_next() {
    let (fixture, idle) = (Fixture::default(), runtime());
    drop_call(&idle, &fixture);
    let start = std::time::Instant::now();
    let next = runtime();
    let tokens = next.block_on(join_all((0..10).map(|_| fixture.token())));
    assert!(tokens.iter().all(|token| token.as_deref() == Ok("2")), "one more refresh is shared");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    drop(idle);
}

#[test]
fn background_refresh_does_not_rely_on_another_runtime() {
    let (fixture, idle) = (Fixture::default(), runtime());
    let token = idle.block_on(fixture.token_other_than(None, HOUR)).unwrap();
    assert!(fixture.cache.reject(&token, Duration::ZERO), "it is due for refresh");
    idle.block_on(async { fixture.token().await.unwrap() });
    runtime().block_on(async {
        assert_eq!(fixture.token().await.unwrap(), "1");
        sleep(2 * LATENCY).await;
        assert_eq!(fixture.token().await.unwrap(), "2");
    });
    drop(idle);
}
