use super::*;

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
fn call_without_a_deadline_waits_as_long_as_it_must_unless_it_is_a_single_attempt() {
    let minute = Duration::from_secs(60);
    let deadline = |policy: RetryPolicy| {
        let state = RetryState::start(policy);
        state.deadlines(minute).call.map(|deadline| deadline - state.start)
    };
    assert_eq!(deadline(RetryPolicy::none()), Some(minute));
    assert!(deadline(RetryPolicy::default().with_deadline(None)) > Some(1_000_000 * minute));
    assert_eq!(deadline(RetryPolicy::default()), Some(2 * minute));
    let patient = RetryPolicy::default().with_slot_deadline(Duration::MAX);
    assert!(RetryState::start(patient).deadlines(minute).slot.is_some());
}
