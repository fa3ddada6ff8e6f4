use super::*;
use crate::pipeline::retry::RetryPolicy;

const SECOND: Duration = Duration::from_secs(1);

fn transient(retry_after: Duration) -> Failure {
    Failure::Transient(Some(retry_after))
}

/// Returns an operation of this policy whose attempt of this number failed.
fn after(policy: RetryPolicy, attempts: u32) -> RetryState {
    RetryState { attempts: attempts - 1, ..RetryState::start(policy) }
}

/// Returns the decision of an operation without a pace that was started this long ago.
fn decide(state: &RetryState, failure: Failure, elapsed: Duration, random: f64) -> Decision {
    state.decide(failure, Paced::default(), state.start + elapsed, random)
}

fn decide_at_once(state: &RetryState, failure: Failure, random: f64) -> Decision {
    decide(state, failure, Duration::ZERO, random)
}

fn policy() -> RetryPolicy {
    RetryPolicy::default().with_attempts(4).with_base(SECOND).with_cap(3 * SECOND).with_deadline(60 * SECOND)
}

#[test]
fn waits_are_random_double_and_are_capped() {
    for (attempts, random, seconds) in
        [(1, 1.0, 1.0), (2, 1.0, 2.0), (3, 1.0, 3.0), (3, 0.5, 1.5), (1, 0.0, 0.0)]
    {
        let expected = Decision::Wait(Duration::from_secs_f64(seconds));
        let state = after(policy(), attempts);
        assert_eq!(decide_at_once(&state, transient(Duration::ZERO), random), expected);
    }
    let patient = after(policy().with_attempts(u32::MAX), 4_000_000_000);
    assert_eq!(decide_at_once(&patient, transient(Duration::ZERO), 1.0), Decision::Wait(3 * SECOND));
}

#[test]
fn last_attempt_is_not_followed_by_another() {
    for (policy, attempts) in [(policy(), 4), (RetryPolicy::none(), 1), (policy().with_attempts(0), 1)] {
        let state = after(policy, attempts);
        assert_eq!(decide_at_once(&state, transient(Duration::ZERO), 0.0), Decision::GiveUp);
    }
}

#[test]
fn back_off_is_on_top_of_a_stated_wait() {
    let decide = |attempts, retry_after, random| {
        decide_at_once(&after(policy(), attempts), transient(retry_after), random)
    };
    assert_eq!(decide(1, 20 * SECOND, 0.0), Decision::Wait(20 * SECOND));
    assert_eq!(decide(2, SECOND, 1.0), Decision::Wait(3 * SECOND));
}

#[test]
fn wait_beyond_the_deadline_is_not_started() {
    let state = after(policy(), 1);
    let late = |retry_after| decide(&state, transient(retry_after), 50 * SECOND, 0.0);
    assert_eq!(late(10 * SECOND), Decision::GiveUp);
    let longest = 10 * SECOND - MIN_ATTEMPT;
    assert_eq!(late(longest), Decision::GiveUp);
    let shorter = longest - Duration::from_nanos(1);
    assert_eq!(late(shorter), Decision::Wait(shorter));
    assert_eq!(late(9 * SECOND), Decision::Wait(9 * SECOND));
    assert_eq!(decide_at_once(&state, transient(Duration::MAX), 0.0), Decision::GiveUp);
}

#[test]
fn busy_slot_is_an_error_unless_waiting_is_enabled() {
    let busy = Failure::SlotBusy(None);
    assert_eq!(decide_at_once(&after(policy(), 1), busy, 0.0), Decision::GiveUp);
    let waiting = policy().with_slot_deadline(600 * SECOND);
    assert_eq!(waiting.total(), 600 * SECOND);
    let state = |slot_waits| RetryState { slot_waits, ..after(waiting, 1) };
    let waits = [0, 1, 2, 5, 50].map(|slot_waits| decide_at_once(&state(slot_waits), busy, 1.0));
    assert_eq!(waits, [5, 10, 20, 60, 60].map(|seconds| Decision::WaitForSlot(seconds * SECOND)));
    assert_eq!(decide_at_once(&state(0), busy, 0.0), Decision::WaitForSlot(SECOND * 5 / 2));
    assert_eq!(decide(&state(9), busy, 590 * SECOND, 1.0), Decision::GiveUp);
    let paced = Paced { calls: true, slots: true };
    assert_eq!(state(0).decide(busy, paced, Instant::now(), 1.0), Decision::AwaitPace);
}

#[test]
fn unauthorized_call_refreshes_its_token_once() {
    let decide = |policy, can_refresh| {
        let mut state = RetryState::start(policy);
        let error = Error::from_status(401, "");
        [(); 2].map(|()| state.record_failure(&error, can_refresh, Paced::default(), false))
    };
    assert_eq!(decide(policy(), true), [Decision::RefreshToken, Decision::GiveUp]);
    assert_eq!(decide(policy(), false), [Decision::GiveUp; 2]);
    assert_eq!(decide(RetryPolicy::none(), true), [Decision::GiveUp; 2]);
}

#[test]
fn failures_are_classified_by_status_and_code() {
    let failure = |status, body| Failure::from(&Error::from_status(status, body));
    for status in [408, 500, 502, 503, 504] {
        assert_eq!(failure(status, ""), Failure::Transient(None), "{status}");
    }
    assert_eq!(failure(429, ""), Failure::Throttled(None));
    let busy = "ErrorCode:ThrottlingMaxActiveJobCountExceeded;";
    assert_eq!(failure(429, busy), Failure::SlotBusy(None));
    for status in [400, 401, 403, 404, 405, 409, 411, 412, 413, 415, 499, 501, 505] {
        assert_eq!(failure(status, ""), Failure::Permanent, "{status}");
    }
}

#[test]
fn permanent_failure_is_returned_at_once() {
    assert_eq!(decide_at_once(&after(policy(), 1), Failure::Permanent, 0.0), Decision::GiveUp);
}

#[test]
fn throttled_call_without_a_pace_is_retried_like_a_transient_failure() {
    let throttled = Failure::Throttled(Some(SECOND));
    assert_eq!(decide_at_once(&after(policy(), 1), throttled, 1.0), Decision::Wait(2 * SECOND));
}

fn state() -> RetryState {
    RetryState::start(RetryPolicy::default().with_slot_deadline(Duration::from_secs(600)))
}

fn fail(state: &mut RetryState, status: u16, body: &str) -> Decision {
    state.record_start(Instant::now());
    state.record_failure(&Error::from_status(status, body), status == 401, Paced::default(), false)
}

#[test]
fn waits_of_equal_states_differ() {
    let decisions: Vec<_> = (0..50).map(|_| fail(&mut state(), 429, "")).collect();
    assert!(decisions.iter().any(|decision| *decision != decisions[0]), "{decisions:?}");
}

#[test]
fn every_attempt_has_the_next_number() {
    let mut state = state();
    for (number, status, body) in
        [(1, 503, ""), (2, 429, "ErrorCode:ThrottlingMaxActiveJobCountExceeded;"), (3, 401, ""), (4, 503, "")]
    {
        assert_eq!(state.next_attempt(), number);
        fail(&mut state, status, body);
    }
    assert_eq!((state.next_attempt(), state.attempts), (5, 2));
}

#[tokio::test(start_paused = true)]
async fn first_attempt_is_the_first_that_may_have_taken_effect() {
    let mut state = state();
    assert_eq!(state.since_first_attempt(), None);
    for (status, since_first) in [(429, None), (503, Some(0)), (429, Some(1)), (503, Some(2))] {
        fail(&mut state, status, "");
        assert_eq!(state.since_first_attempt(), since_first.map(Duration::from_secs));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[test]
fn failure_that_may_follow_a_change_leaves_the_outcome_unknown() {
    for (status, is_unknown) in
        [(408, true), (499, true), (500, true), (504, true), (409, false), (429, false)]
    {
        let mut state = state();
        fail(&mut state, status, "");
        assert_eq!(state.is_outcome_unknown, is_unknown, "{status}");
    }
}

#[test]
fn throttled_change_is_read_before_the_next_attempt_if_its_outcome_is_unknown() {
    for (role, is_interrupted) in [(Role::Plain, false), (Role::Change, true)] {
        let mut state = state().restart(RetryPolicy::default(), role);
        let mut throttle = || {
            let error = Error::from_status(429, "");
            let decision = state.record_failure(&error, false, Paced { calls: true, slots: true }, false);
            assert_eq!(decision, Decision::AwaitPace);
            state.is_interrupted
        };
        assert!(!throttle());
        fail(&mut state, 504, "");
        state.record_failure(&Error::from_status(429, ""), false, Paced { calls: true, slots: true }, false);
        assert_eq!(state.is_interrupted, is_interrupted);
    }
}

#[tokio::test(start_paused = true)]
async fn token_is_awaited_no_longer_than_the_remaining_attempts_or_the_deadline() {
    let attempt = Duration::from_secs(30);
    let policy = RetryPolicy::default().with_attempts(2).with_deadline(Duration::from_secs(100));
    let mut state = RetryState::start(policy);
    assert_eq!(state.token_timeout(attempt), Duration::from_secs(60));
    tokio::time::advance(Duration::from_secs(80)).await;
    assert_eq!(state.token_timeout(attempt), Duration::from_secs(20));
    fail(&mut state, 503, "");
    assert_eq!(state.token_timeout(Duration::from_secs(15)), Duration::from_secs(15));
    tokio::time::advance(Duration::from_secs(80)).await;
    assert_eq!(state.token_timeout(attempt), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn failures_in_an_outage_do_not_count_until_the_patience_is_exhausted() {
    let policy = RetryPolicy::default().with_attempts(2).with_patience(Duration::from_secs(60));
    let mut state = RetryState::start(policy.with_deadline(None));
    let mut fail = |is_outage| {
        let paced = Paced { calls: true, slots: true };
        let decision = state.record_failure(&Error::from_status(503, ""), false, paced, is_outage);
        (decision == Decision::Outlast(Duration::ZERO), decision == Decision::GiveUp)
    };
    assert_eq!(fail(false), (false, false));
    for _ in 0..10 {
        assert_eq!(fail(true), (true, false));
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(fail(true), (false, true));
}

#[test]
fn throttled_attempts_of_a_paced_call_do_not_count() {
    let mut state = state();
    fail(&mut state, 503, "");
    for throttles in 1..4 {
        let error = Error::from_status(429, "");
        let decision = state.record_failure(&error, false, Paced { calls: true, slots: true }, false);
        assert_eq!(decision, Decision::AwaitPace);
        assert_eq!((state.attempts, state.next_attempt()), (1, 2 + throttles));
    }
}
