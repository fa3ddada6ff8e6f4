use super::*;

fn state() -> RetryState {
    RetryState::start(RetryPolicy::default().with_slot_deadline(Duration::from_secs(600)))
}

fn fail(state: &mut RetryState, status: u16, body: &str) -> Decision {
    state.record_start(Instant::now());
    state.record_failure(&Error::from_status(status, body), false, Paced::default())
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
    assert_eq!((state.next_attempt(), state.history.attempts), (5, 2));
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
        assert_eq!(state.is_outcome_unknown(), is_unknown, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn steps_of_an_operation_share_its_deadline() {
    let policy = RetryPolicy::default().with_deadline(Duration::from_secs(100));
    let state = RetryState::start(policy);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(state.restart(policy, Role::Change).remaining(), Duration::from_secs(40));
}

#[tokio::test(start_paused = true)]
async fn change_leaves_time_for_reading_the_job() {
    let policy = RetryPolicy::default().with_deadline(Duration::from_secs(40));
    let timeout = |role, longest| {
        let state = RetryState::start(policy).restart(policy, role);
        state.attempt_timeout(Instant::now(), Duration::from_secs(longest)).as_secs()
    };
    assert_eq!([20, 60].map(|longest| timeout(Role::Plain, longest)), [20, 40]);
    assert_eq!([20, 60].map(|longest| timeout(Role::Change, longest)), [20, 30]);
    assert_eq!([10, 60].map(|longest| timeout(Role::Reading, longest)), [10, 20]);
}

#[test]
fn throttled_change_is_read_before_the_next_attempt_if_its_outcome_is_unknown() {
    for (role, is_interrupted) in [(Role::Plain, false), (Role::Change, true)] {
        let mut state = state().restart(RetryPolicy::default(), role);
        let mut throttle = || {
            let paced = Paced { calls: true, slots: true, is_outage: false };
            assert_eq!(state.record_failure(&Error::from_status(429, ""), false, paced), Decision::AwaitPace);
            state.is_interrupted()
        };
        assert!(!throttle());
        fail(&mut state, 504, "");
        let paced = Paced { calls: true, slots: true, is_outage: false };
        state.record_failure(&Error::from_status(429, ""), false, paced);
        assert_eq!(state.is_interrupted(), is_interrupted);
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
    let mut state = RetryState::start(policy.with_deadline(Duration::MAX));
    let mut fail = |is_outage| {
        let paced = Paced { calls: true, slots: true, is_outage };
        let decision = state.record_failure(&Error::from_status(503, ""), false, paced);
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
fn call_without_a_deadline_waits_as_long_as_it_must_unless_it_is_a_single_attempt() {
    let minute = Duration::from_secs(60);
    let deadline = |policy: RetryPolicy| {
        let state = RetryState::start(policy);
        state.deadlines(minute).call.map(|deadline| deadline - state.start)
    };
    assert_eq!(deadline(RetryPolicy::none()), Some(minute));
    assert_eq!(deadline(RetryPolicy::default().with_deadline(Duration::MAX)), None);
    assert_eq!(deadline(RetryPolicy::default()), Some(2 * minute));
    let patient = RetryPolicy::default().with_slot_deadline(Duration::MAX);
    assert!(RetryState::start(patient).deadlines(minute).slot.is_some());
}

#[test]
fn throttled_attempts_of_a_paced_call_do_not_count() {
    let mut state = state();
    fail(&mut state, 503, "");
    for throttles in 1..4 {
        let error = Error::from_status(429, "");
        let decision =
            state.record_failure(&error, false, Paced { calls: true, slots: true, is_outage: false });
        assert_eq!(decision, Decision::AwaitPace);
        assert_eq!((state.history.attempts, state.next_attempt()), (1, 2 + throttles));
    }
}
