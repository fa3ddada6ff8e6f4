use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn transient(retry_after: Option<Duration>) -> Failure {
    Failure::Transient { retry_after }
}

fn after(attempts: u32) -> History {
    History { attempts, ..History::default() }
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
        assert_eq!(policy().decide(transient(None), &after(attempts), random), expected);
    }
    let patient = RetryPolicy { attempts: u32::MAX, ..policy() };
    assert_eq!(patient.decide(transient(None), &after(4_000_000_000), 1.0), Decision::Wait(3 * SECOND));
}

#[test]
fn last_attempt_is_not_followed_by_another() {
    assert_eq!(policy().decide(transient(None), &after(4), 0.0), Decision::GiveUp);
    assert_eq!(RetryPolicy::none().decide(transient(None), &after(1), 0.0), Decision::GiveUp);
    assert_eq!(policy().with_attempts(0).decide(transient(None), &after(1), 0.0), Decision::GiveUp);
}

#[test]
fn back_off_is_on_top_of_a_stated_wait() {
    let requested = transient(Some(20 * SECOND));
    assert_eq!(policy().decide(requested, &after(1), 0.0), Decision::Wait(20 * SECOND));
    assert_eq!(policy().decide(transient(Some(SECOND)), &after(2), 1.0), Decision::Wait(3 * SECOND));
}

#[test]
fn wait_beyond_the_deadline_is_not_started() {
    let late = History { elapsed: 50 * SECOND, ..after(1) };
    assert_eq!(policy().decide(transient(Some(10 * SECOND)), &late, 0.0), Decision::GiveUp);
    let longest = 10 * SECOND - MIN_ATTEMPT;
    assert_eq!(policy().decide(transient(Some(longest)), &late, 0.0), Decision::GiveUp);
    let shorter = longest - Duration::from_nanos(1);
    assert_eq!(policy().decide(transient(Some(shorter)), &late, 0.0), Decision::Wait(shorter));
    assert_eq!(policy().decide(transient(Some(9 * SECOND)), &late, 0.0), Decision::Wait(9 * SECOND));
    assert_eq!(policy().decide(transient(Some(Duration::MAX)), &after(1), 0.0), Decision::GiveUp);
}

#[test]
fn busy_slot_is_an_error_unless_waiting_is_enabled() {
    let busy = Failure::SlotBusy { retry_after: None };
    assert_eq!(policy().decide(busy, &after(1), 0.0), Decision::GiveUp);
    let waiting = policy().with_slot_deadline(600 * SECOND);
    assert_eq!(waiting.total(), Some(600 * SECOND));
    let waits =
        [0, 1, 2, 5, 50].map(|slot_waits| waiting.decide(busy, &History { slot_waits, ..after(1) }, 1.0));
    assert_eq!(waits, [5, 10, 20, 60, 60].map(|seconds| Decision::WaitForSlot(seconds * SECOND)));
    let half = waiting.decide(busy, &after(9), 0.0);
    assert_eq!(half, Decision::WaitForSlot(SECOND * 5 / 2));
    let late = History { elapsed: 590 * SECOND, slot_waits: 9, ..after(1) };
    assert_eq!(waiting.decide(busy, &late, 1.0), Decision::GiveUp);
}

#[test]
fn unauthorized_call_refreshes_its_token_once() {
    assert_eq!(policy().decide(Failure::Unauthorized, &after(1), 0.0), Decision::RefreshToken);
    let refreshed = History { has_refreshed_token: true, ..after(2) };
    assert_eq!(policy().decide(Failure::Unauthorized, &refreshed, 0.0), Decision::GiveUp);
    assert_eq!(RetryPolicy::none().decide(Failure::Unauthorized, &after(1), 0.0), Decision::GiveUp);
}

#[test]
fn failures_are_classified_by_status_and_code() {
    let failure = |status, body| Failure::from(&Error::from_status(status, body));
    for status in [408, 429, 500, 502, 503, 504] {
        assert_eq!(failure(status, ""), transient(None), "{status}");
    }
    let busy = "ErrorCode:ThrottlingMaxActiveJobCountExceeded;";
    assert_eq!(failure(429, busy), Failure::SlotBusy { retry_after: None });
    assert_eq!(failure(401, ""), Failure::Unauthorized);
    for status in [400, 403, 404, 405, 409, 411, 412, 413, 415, 499, 501, 505] {
        assert_eq!(failure(status, ""), Failure::Permanent, "{status}");
    }
}

#[test]
fn permanent_failure_is_returned_at_once() {
    assert_eq!(policy().decide(Failure::Permanent, &History::default(), 0.0), Decision::GiveUp);
}
