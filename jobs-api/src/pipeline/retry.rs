//! The decision about a failed attempt: a pure function of the failure and of the attempts so far.

use std::time::Duration;

use crate::error::Error;

/// The first wait for a job slot, and the longest: jobs take minutes.
const SLOT_WAIT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// The time that must be left for another attempt. With less, the attempt would only replace the error
/// that is known by one that says nothing.
const MIN_ATTEMPT: Duration = Duration::from_millis(100);

/// How often and for how long an operation is retried.
///
/// | failure | reaction |
/// |---|---|
/// | no connection, no complete response, 408, 500, 502, 503, 504, 429 | another attempt after a random wait of up to `base · 2ⁿ`, at most `cap`, at least `Retry-After` |
/// | 429004, no free job slot | an error, or a longer wait: see [`with_slot_deadline`](Self::with_slot_deadline) |
/// | 401 | one more attempt with a new token of the current credential, signed by the hub's clock; it does not count as an attempt. None with a fixed signature, nor with a token of Microsoft Entra ID younger than 30 seconds |
/// | any failure of a create or cancel call, after a lost response | the job is read: see below |
/// | a certificate that is not trusted, anything else | the error, at once |
///
/// A response is lost when a request was sent and no complete answer came, or a 408 or 5xx that does not
/// say whether the hub acted. Before a create or cancel call then returns any failure, it reads the job, in
/// up to three attempts within the deadline and not before the time that `Retry-After` asks for. If the job
/// is as requested, the call succeeds. If it is certain that the request changed nothing, the call returns
/// its failure. Otherwise the error answers true to
/// [`is_outcome_unknown`](crate::Error::is_outcome_unknown).
///
/// The [default](Self::default): 8 attempts, a base of 500 ms, a cap of 30 s, a deadline of 2 minutes, no
/// waiting for a slot.
///
/// ```
/// use std::time::Duration;
/// use jobs_api::RetryPolicy;
///
/// let patient = RetryPolicy::default().with_attempts(12).with_slot_deadline(Duration::from_secs(30 * 60));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    attempts: u32,
    base: Duration,
    cap: Duration,
    deadline: Duration,
    slot_deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 8,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(30),
            deadline: Duration::from_secs(120),
            slot_deadline: Duration::ZERO,
        }
    }
}

impl RetryPolicy {
    /// Makes a single attempt: no new token after a 401, no reading of the job after a lost response.
    pub fn none() -> Self {
        Self { attempts: 1, deadline: Duration::MAX, ..Self::default() }
    }

    /// Sets the number of attempts, the first included; 8 by default. Zero means one.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets the longest first wait, 500 ms by default; it doubles with each further attempt.
    #[must_use]
    pub fn with_base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets the longest wait, 30 seconds by default. The hub's `Retry-After` may exceed it.
    #[must_use]
    pub fn with_cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Sets the duration of a whole operation, 2 minutes by default: attempts, waits, the wait for a
    /// token, and the reading of a job after a lost response.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Waits up to this long for a job to end when the hub runs as many as its tier allows.
    ///
    /// Off by default, since a call would take minutes: the error then answers true to
    /// [`is_job_slot_busy`](Error::is_job_slot_busy). These waits, of 5 to 60 seconds, do not count as
    /// attempts. The time runs from the start of the operation and replaces a shorter
    /// [deadline](Self::with_deadline).
    #[must_use]
    pub fn with_slot_deadline(mut self, slot_deadline: Duration) -> Self {
        self.slot_deadline = slot_deadline;
        self
    }

    /// Returns the duration of a whole operation.
    pub(super) fn total(&self) -> Duration {
        self.deadline.max(self.slot_deadline)
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn allows_retries(&self) -> bool {
        self.attempts > 1
    }

    /// Decides about `failure`, given the `history` of the operation; `random` lies between 0 and 1.
    pub(super) fn decide(&self, failure: Failure, history: &History, random: f64) -> Decision {
        let fits = |wait: Duration, limit: Duration| {
            history.elapsed.saturating_add(wait).saturating_add(MIN_ATTEMPT) < limit
        };
        match failure {
            Failure::Transient { retry_after } if history.attempts < self.attempts => {
                let longest = exponential(self.base, self.cap, history.attempts.saturating_sub(1));
                let wait = longest.mul_f64(random).max(retry_after.unwrap_or_default());
                if fits(wait, self.total()) { Decision::Wait(wait) } else { Decision::GiveUp }
            }
            Failure::SlotBusy { retry_after } => {
                let longest = exponential(SLOT_WAIT.0, SLOT_WAIT.1, history.slot_waits);
                // At least half of it: polling faster only eats into the hub's quota.
                let least = retry_after.unwrap_or_default().max(longest / 2);
                let wait = longest.mul_f64(random).max(least);
                if fits(wait, self.slot_deadline) { Decision::WaitForSlot(wait) } else { Decision::GiveUp }
            }
            Failure::Unauthorized
                if !history.has_refreshed_token
                    && self.allows_retries()
                    && fits(Duration::ZERO, self.total()) =>
            {
                Decision::RefreshToken
            }
            _ => Decision::GiveUp,
        }
    }
}

fn exponential(base: Duration, cap: Duration, exponent: u32) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(exponent)).min(cap)
}

/// The failure of an attempt, as far as it decides about the next one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    Transient { retry_after: Option<Duration> },
    SlotBusy { retry_after: Option<Duration> },
    Unauthorized,
    Permanent,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let retry_after = error.service().and_then(|service| service.retry_after());
        match error {
            _ if error.is_job_slot_busy() => Self::SlotBusy { retry_after },
            _ if error.is_retryable() => Self::Transient { retry_after },
            Error::Service(_) if error.is_unauthorized() => Self::Unauthorized,
            _ => Self::Permanent,
        }
    }
}

/// The attempts of an operation so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct History {
    /// Attempts that count.
    pub(super) attempts: u32,
    pub(super) slot_waits: u32,
    pub(super) elapsed: Duration,
    pub(super) has_refreshed_token: bool,
}

/// The reaction to a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Decision {
    GiveUp,
    /// Make another attempt after this wait.
    Wait(Duration),
    /// Make another attempt after this wait, in which a job of the hub may end.
    WaitForSlot(Duration),
    /// Make another attempt with a new token.
    RefreshToken,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn transient(retry_after: Option<Duration>) -> Failure {
        Failure::Transient { retry_after }
    }

    fn after(attempts: u32) -> History {
        History { attempts, ..History::default() }
    }

    fn policy() -> RetryPolicy {
        RetryPolicy::default()
            .with_attempts(4)
            .with_base(SECOND)
            .with_cap(3 * SECOND)
            .with_deadline(60 * SECOND)
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
    fn retry_after_is_the_shortest_wait() {
        let requested = transient(Some(20 * SECOND));
        assert_eq!(policy().decide(requested, &after(1), 0.0), Decision::Wait(20 * SECOND));
        assert_eq!(policy().decide(transient(Some(SECOND)), &after(2), 1.0), Decision::Wait(2 * SECOND));
    }

    #[test]
    fn wait_beyond_the_deadline_is_not_started() {
        let late = History { elapsed: 50 * SECOND, ..after(1) };
        assert_eq!(policy().decide(transient(Some(10 * SECOND)), &late, 0.0), Decision::GiveUp);
        let nearly = Duration::from_millis(9950);
        assert_eq!(policy().decide(transient(Some(nearly)), &late, 0.0), Decision::GiveUp);
        assert_eq!(policy().decide(transient(Some(9 * SECOND)), &late, 0.0), Decision::Wait(9 * SECOND));
        assert_eq!(policy().decide(transient(Some(Duration::MAX)), &after(1), 0.0), Decision::GiveUp);
    }

    #[test]
    fn busy_slot_is_an_error_unless_waiting_is_enabled() {
        let busy = Failure::SlotBusy { retry_after: None };
        assert_eq!(policy().decide(busy, &after(1), 0.0), Decision::GiveUp);
        let waiting = policy().with_slot_deadline(600 * SECOND);
        assert_eq!(waiting.total(), 600 * SECOND);
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
}
