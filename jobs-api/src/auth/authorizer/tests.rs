use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;

use super::*;
use crate::auth::credential::RotatingCredential;

const HOUR: i64 = 3600;
const SIGNATURE: &str = "SharedAccessSignature sr=h.net&sig=a&se=4102444800";

/// The local time, in seconds, at which a test begins.
const START: i64 = 1_767_225_600;

fn key() -> Credential {
    Credential::shared_access_key("service", "c2VjcmV0").unwrap()
}

fn authorizer(credential: Credential) -> Authorizer {
    Authorizer::new(credential, "h.net".into()).unwrap()
}

/// An authorizer with a key, whose local clock is moved by hand.
struct Clocked {
    authorizer: Authorizer,
    local: Arc<AtomicI64>,
}

impl Clocked {
    fn new() -> Self {
        let local = Arc::new(AtomicI64::new(START));
        let read = local.clone();
        let clock = HubClock::with_local(move || at(read.load(Ordering::Relaxed)));
        Self { authorizer: Authorizer { clock, ..authorizer(key()) }, local }
    }

    fn advance(&self, seconds: i64) {
        self.local.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Receives an answer of a hub whose clock is ahead.
    fn observe(&self, ahead: i64) {
        let now = self.authorizer.clock.local_now();
        self.authorizer.clock.observe(now + TimeDelta::seconds(ahead), now, now);
    }

    fn token(&self) -> AccessToken {
        token(&self.authorizer)
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// The token of a credential that needs no wait, obtained without a runtime.
fn token(authorizer: &Authorizer) -> AccessToken {
    authorizer.token(None).now_or_never().expect("no wait").unwrap()
}

fn expiry(token: &AccessToken) -> i64 {
    let fields = text(token).split("&se=").nth(1).unwrap();
    fields.split('&').next().unwrap().parse().unwrap()
}

fn text(token: &AccessToken) -> &str {
    token.header().to_str().unwrap()
}

#[test]
fn key_signs_without_a_runtime() {
    let clocked = Clocked::new();
    let first = clocked.token();
    assert_eq!(expiry(&first), START + HOUR);
    assert!(clocked.authorizer.reject(&first));
    let rejected = clocked.authorizer.token(Some(&first)).now_or_never().expect("no wait").unwrap();
    assert!(!rejected.is_same(&first));
}

#[test]
fn signed_token_is_reused_until_four_minutes_before_its_expiry() {
    let clocked = Clocked::new();
    let first = clocked.token();
    clocked.advance(HOUR - 4 * 60 - 1);
    assert!(clocked.token().is_same(&first));
    clocked.advance(1);
    let second = clocked.token();
    assert_eq!(expiry(&second), START + 2 * HOUR - 4 * 60);
    assert!(clocked.token().is_same(&second));
}

#[test]
fn token_is_signed_by_the_hubs_clock_before_any_rejection() {
    for ahead in [2 * HOUR, -2 * HOUR] {
        let clocked = Clocked::new();
        clocked.observe(ahead);
        assert!((expiry(&clocked.token()) - (START + ahead + HOUR)).abs() <= 1, "{ahead}");
    }
}

#[test]
fn token_that_has_expired_by_the_hubs_clock_is_signed_again() {
    let clocked = Clocked::new();
    let first = clocked.token();
    clocked.observe(2 * HOUR);
    let second = clocked.token();
    assert!(!second.is_same(&first));
    assert_eq!(expiry(&second), START + 3 * HOUR);
}

#[test]
fn rejected_token_is_signed_again_once() {
    let clocked = Clocked::new();
    let first = clocked.token();
    clocked.observe(HOUR / 2);
    assert!(clocked.authorizer.reject(&first));
    let second = clocked.token();
    assert_eq!(expiry(&second), START + HOUR / 2 + HOUR);
    assert!(clocked.authorizer.reject(&first), "another token has taken its place");
    assert!(clocked.token().is_same(&second));
    clocked.observe(0);
    assert!(clocked.authorizer.reject(&second));
    assert_eq!(expiry(&clocked.token()), START + HOUR, "the clocks agree again");
}

#[test]
fn rejected_token_is_never_returned_to_the_same_call() {
    let clocked = Clocked::new();
    let first = clocked.token();
    let other = clocked.authorizer.token(Some(&first)).now_or_never().unwrap().unwrap();
    assert!(!other.is_same(&first));
}

#[test]
fn clock_out_of_range_leaves_no_other_token() {
    let clocked = Clocked::new();
    let first = clocked.token();
    clocked.observe(100 * 365 * 24 * HOUR);
    assert!(!clocked.authorizer.reject(&first));
    assert_eq!(expiry(&clocked.token()), START + HOUR, "nothing is signed for a century");
    assert!(clocked.authorizer.reject(&first), "that was not the current token");
}

#[test]
fn token_signed_elsewhere_has_no_successor() {
    let authorizer = authorizer(Credential::shared_access_signature(SIGNATURE).unwrap());
    let rejected = token(&authorizer);
    assert_eq!(text(&rejected), SIGNATURE);
    assert!(!authorizer.reject(&rejected));
}

#[test]
fn token_signed_elsewhere_expires_by_the_hubs_clock() {
    let text = format!("SharedAccessSignature sr=h.net&sig=a&se={}", START + HOUR);
    let now = at(START);
    let clock = HubClock::with_local(move || now);
    let signature = crate::auth::sas::SharedAccessSignature::parse(&text, now).unwrap();
    let issuer = Issuer::Signature(signature);
    assert!(issuer.token("h.net", &clock, None).now_or_never().unwrap().is_ok());
    clock.observe(now + TimeDelta::hours(2), now, now);
    let error = issuer.token("h.net", &clock, None).now_or_never().unwrap().unwrap_err();
    assert_eq!(error, CredentialError::Expired(at(START + HOUR)));
}

#[test]
fn current_credential_is_used_at_once() {
    let handle = RotatingCredential::new(Credential::shared_access_signature(SIGNATURE).unwrap());
    let authorizer = authorizer(Credential::rotating(&handle));
    let first = token(&authorizer);
    assert!(!authorizer.reject(&first), "there is no other yet");
    handle.replace(key());
    assert!(authorizer.reject(&first));
    let second = token(&authorizer);
    assert!(text(&second).ends_with("&skn=service"));
    assert!(token(&authorizer).is_same(&second));
    handle.replace(key());
    assert!(!token(&authorizer).is_same(&second), "equal keys are not identical");
    handle.replace(Credential::shared_access_key("other", "c2VjcmV0").unwrap());
    assert!(text(&token(&authorizer)).ends_with("&skn=other"));
    handle.replace(Credential::rotating(&handle));
    assert!(text(&token(&authorizer)).ends_with("&skn=other"));
}

#[test]
fn token_is_signed_for_the_audience() {
    let key = key();
    for (audience, resource) in [("H.net", " sr=h.net&"), ("i.net", " sr=i.net&")] {
        let authorizer = Authorizer::new(key.clone(), audience.into()).unwrap();
        assert!(text(&token(&authorizer)).contains(resource), "{audience}");
    }
}

#[test]
fn signature_for_another_host_makes_no_authorizer() {
    let credential = Credential::shared_access_signature(SIGNATURE).unwrap();
    let error = Authorizer::new(credential, "other.net".into()).err().unwrap();
    assert!(matches!(error, CredentialError::OtherHost { .. }));
}

#[test]
fn debug_hides_the_token() {
    let authorizer = authorizer(key());
    let signed = token(&authorizer);
    let shown = format!("{:?} {signed:?}", authorizer.credential);
    assert!(shown.contains("service"), "{shown}");
    assert!(!shown.contains("c2VjcmV0") && !shown.contains("sig="), "{shown}");
}
