//! When a failed attempt is followed by another, and after which wait.
//!
//! The decision is one pure function of what came back and what was done so far; the loop that acts on
//! it is in `operation.rs`. Each attempt is signed anew.

mod progress;

use std::time::Duration;

pub(crate) use self::progress::Progress;
use crate::error::{Error, ErrorCode};

/// The first wait for a job slot to fall free, and the longest: jobs take minutes.
const SLOT_WAIT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// How much time must be left for another attempt: less would only hide the answer before.
const LEAST_ATTEMPT: Duration = Duration::from_millis(100);

/// How often and how long a failed operation is tried again.
///
/// | what came back | what happens |
/// |---|---|
/// | no connection, no complete answer, 408, 500, 502, 503, 504, 429 | another attempt after a random wait of up to `base · 2ⁿ`, at most `cap`, at least what `Retry-After` asks |
/// | 429004, the hub's slots for running jobs are taken | an error, or a longer wait: see [`with_slot_deadline`](Self::with_slot_deadline) |
/// | 401 | one more attempt with a new token, of the newest credential, made by the hub's clock if ours is more than five minutes off; it does not count. None with a fixed signature, nor with a token of Entra ID that came less than 30 seconds ago |
/// | 409104 for a create call after a lost answer, or no answer to the last attempt | the job is read; if it is the one that was sent, that is a success |
/// | 405102 for a cancel call after a lost answer, or no answer to the last attempt | the job is read; if it is cancelled, that is a success |
/// | a certificate that is not trusted (see [`CertificateError`](crate::CertificateError) for who tells), anything else | the error, at once |
///
/// The [default](Self::default): 8 attempts, a base of 500 ms, a cap of 30 s, 2 minutes in all, no
/// waiting for a slot.
#[derive(Clone, Debug, Eq, PartialEq)]
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
    /// A single attempt: no new token after a 401, no look at the job after a lost answer.
    pub fn none() -> Self {
        Self { attempts: 1, deadline: Duration::MAX, ..Self::default() }
    }

    /// How many attempts there may be, the first included. Zero means one.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The longest first wait; each further one may be twice as long.
    #[must_use]
    pub fn with_base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// The longest wait, unless the hub asks for more.
    #[must_use]
    pub fn with_cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// How long the operation may take in all: attempts, waits, the wait for a token, and the reading of a
    /// job whose creation or cancellation was not answered.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Waits up to this long for a job to end when the hub runs as many as its tier allows.
    ///
    /// Off when not set, since a call would then take minutes: the error answers
    /// [`is_job_slot_busy`](Error::is_job_slot_busy) instead. These waits, of 5 to 60 seconds, do not
    /// count as attempts. The time counts from the start of the operation; if it is longer than the
    /// [deadline](Self::with_deadline), it replaces that.
    #[must_use]
    pub fn with_slot_deadline(mut self, slot_deadline: Duration) -> Self {
        self.slot_deadline = slot_deadline;
        self
    }

    /// How long an operation may take in all.
    fn total(&self) -> Duration {
        self.deadline.max(self.slot_deadline)
    }

    /// What to do about `failure`, given what was done so far; `random` is from 0 to 1.
    fn decide(&self, failure: Failure, so_far: &SoFar, random: f64) -> Decision {
        let give_up = match so_far.outcome_unknown && self.attempts > 1 && failure != Failure::Permanent {
            true => Decision::LookAtJob,
            false => Decision::GiveUp,
        };
        let fits = |wait: Duration, limit: Duration| {
            so_far.elapsed.saturating_add(wait).saturating_add(LEAST_ATTEMPT) < limit
        };
        match failure {
            Failure::Transient { retry_after, .. } if so_far.attempts < self.attempts => {
                let longest = backoff(self.base, self.cap, so_far.attempts.saturating_sub(1));
                let wait = fraction(longest, random).max(retry_after.unwrap_or_default());
                if fits(wait, self.total()) { Decision::Wait(wait) } else { give_up }
            }
            Failure::SlotBusy { retry_after } => {
                let longest = backoff(SLOT_WAIT.0, SLOT_WAIT.1, so_far.slot_waits);
                // Half of it is certain: polling faster only eats into the hub's quota.
                let least = retry_after.unwrap_or_default().max(longest / 2);
                let wait = fraction(longest, random).max(least);
                if fits(wait, self.slot_deadline) { Decision::WaitForSlot(wait) } else { give_up }
            }
            Failure::Unauthorized
                if !so_far.renewed && self.attempts > 1 && fits(Duration::ZERO, self.total()) =>
            {
                Decision::Renew
            }
            _ => give_up,
        }
    }
}

fn backoff(base: Duration, cap: Duration, exponent: u32) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(exponent)).min(cap)
}

fn fraction(duration: Duration, part: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * part).unwrap_or(Duration::MAX)
}

/// What came back, as far as it matters here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Failure {
    /// It may pass. Whether the hub did what was asked is not known for `outcome_unknown`.
    Transient {
        retry_after: Option<Duration>,
        outcome_unknown: bool,
    },
    SlotBusy {
        retry_after: Option<Duration>,
    },
    Unauthorized,
    /// The hub refuses what an attempt before may have done.
    Conflict,
    Permanent,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let retry_after = error.service().and_then(|service| service.retry_after());
        match error {
            Error::Transport(transport) if error.is_retryable() => {
                Self::Transient { retry_after: None, outcome_unknown: !transport.is_connect() }
            }
            _ if error.is_job_slot_busy() => Self::SlotBusy { retry_after },
            _ if error.is_retryable() => {
                let outcome_unknown = error.status().is_some_and(|status| status.is_server_error());
                Self::Transient { retry_after, outcome_unknown }
            }
            Error::Service(_) if error.is_unauthorized() => Self::Unauthorized,
            Error::Service(service) => match service.code() {
                Some(ErrorCode::JobAlreadyExists | ErrorCode::OperationNotAllowedInCurrentState) => {
                    Self::Conflict
                }
                _ => Self::Permanent,
            },
            _ => Self::Permanent,
        }
    }
}

/// What an operation has gone through.
#[derive(Clone, Copy, Debug, Default)]
struct SoFar {
    /// Attempts that count.
    attempts: u32,
    slot_waits: u32,
    elapsed: Duration,
    renewed: bool,
    outcome_unknown: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Decision {
    GiveUp,
    /// Try again after this wait.
    Wait(Duration),
    /// Try again after this wait, in which a job of the hub may end.
    WaitForSlot(Duration),
    /// Try again with a new token.
    Renew,
    /// See whether the job is as an attempt before was to make it.
    LookAtJob,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn transient(retry_after: Option<Duration>) -> Failure {
        Failure::Transient { retry_after, outcome_unknown: true }
    }

    fn after(attempts: u32) -> SoFar {
        SoFar { attempts, ..SoFar::default() }
    }

    fn policy() -> RetryPolicy {
        RetryPolicy::default()
            .with_attempts(4)
            .with_base(SECOND)
            .with_cap(3 * SECOND)
            .with_deadline(60 * SECOND)
    }

    #[test]
    fn waits_are_random_grow_twofold_and_are_capped() {
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
    fn the_last_attempt_is_the_last() {
        assert_eq!(policy().decide(transient(None), &after(4), 0.0), Decision::GiveUp);
        assert_eq!(RetryPolicy::none().decide(transient(None), &after(1), 0.0), Decision::GiveUp);
        assert_eq!(policy().with_attempts(0).decide(transient(None), &after(1), 0.0), Decision::GiveUp);
    }

    #[test]
    fn what_the_hub_asks_for_is_the_least_wait() {
        let asked = transient(Some(20 * SECOND));
        assert_eq!(policy().decide(asked, &after(1), 0.0), Decision::Wait(20 * SECOND));
        assert_eq!(policy().decide(transient(Some(SECOND)), &after(2), 1.0), Decision::Wait(2 * SECOND));
    }

    #[test]
    fn a_wait_beyond_the_deadline_is_not_begun() {
        let late = SoFar { elapsed: 50 * SECOND, ..after(1) };
        assert_eq!(policy().decide(transient(Some(10 * SECOND)), &late, 0.0), Decision::GiveUp);
        let nearly = Duration::from_millis(9950);
        assert_eq!(policy().decide(transient(Some(nearly)), &late, 0.0), Decision::GiveUp);
        assert_eq!(policy().decide(transient(Some(9 * SECOND)), &late, 0.0), Decision::Wait(9 * SECOND));
        assert_eq!(policy().decide(transient(Some(Duration::MAX)), &after(1), 0.0), Decision::GiveUp);
    }

    #[test]
    fn a_taken_slot_is_an_error_unless_waiting_was_asked_for() {
        let busy = Failure::SlotBusy { retry_after: None };
        assert_eq!(policy().decide(busy, &after(1), 0.0), Decision::GiveUp);
        let waiting = policy().with_slot_deadline(600 * SECOND);
        assert_eq!(waiting.total(), 600 * SECOND);
        let waits =
            [0, 1, 2, 5, 50].map(|slot_waits| waiting.decide(busy, &SoFar { slot_waits, ..after(1) }, 1.0));
        assert_eq!(waits, [5, 10, 20, 60, 60].map(|seconds| Decision::WaitForSlot(seconds * SECOND)));
        let half = waiting.decide(busy, &after(9), 0.0);
        assert_eq!(half, Decision::WaitForSlot(SECOND * 5 / 2));
        let late = SoFar { elapsed: 590 * SECOND, slot_waits: 9, ..after(1) };
        assert_eq!(waiting.decide(busy, &late, 1.0), Decision::GiveUp);
    }

    #[test]
    fn an_unauthorized_call_is_tried_once_more() {
        assert_eq!(policy().decide(Failure::Unauthorized, &after(1), 0.0), Decision::Renew);
        let renewed = SoFar { renewed: true, ..after(2) };
        assert_eq!(policy().decide(Failure::Unauthorized, &renewed, 0.0), Decision::GiveUp);
        assert_eq!(RetryPolicy::none().decide(Failure::Unauthorized, &after(1), 0.0), Decision::GiveUp);
    }

    #[test]
    fn a_conflict_is_looked_into_only_after_an_unknown_outcome() {
        assert_eq!(policy().decide(Failure::Conflict, &after(1), 0.0), Decision::GiveUp);
        let unknown = SoFar { outcome_unknown: true, ..after(2) };
        assert_eq!(policy().decide(Failure::Conflict, &unknown, 0.0), Decision::LookAtJob);
    }

    #[test]
    fn a_job_is_looked_at_before_a_lost_answer_is_given_up_on() {
        let unknown = SoFar { outcome_unknown: true, ..after(4) };
        for failure in [transient(None), Failure::SlotBusy { retry_after: None }] {
            assert_eq!(policy().decide(failure, &unknown, 0.0), Decision::LookAtJob);
        }
        assert_eq!(policy().decide(Failure::Permanent, &unknown, 0.0), Decision::GiveUp);
        let single = SoFar { outcome_unknown: true, ..after(1) };
        assert_eq!(RetryPolicy::none().decide(transient(None), &single, 0.0), Decision::GiveUp);
    }

    #[test]
    fn answers_are_told_apart_by_what_they_leave_unknown() {
        let failure = |status, body| Failure::from(&Error::of_answer(status, body));
        let transient = |outcome_unknown| Failure::Transient { retry_after: None, outcome_unknown };
        for status in [500, 502, 503, 504] {
            assert_eq!(failure(status, ""), transient(true), "{status}");
        }
        for status in [408, 429] {
            assert_eq!(failure(status, ""), transient(false), "{status}");
        }
        let busy = "ErrorCode:ThrottlingMaxActiveJobCountExceeded;";
        assert_eq!(failure(429, busy), Failure::SlotBusy { retry_after: None });
        assert_eq!(failure(401, ""), Failure::Unauthorized);
        assert_eq!(failure(409, "ErrorCode:JobAlreadyExists;"), Failure::Conflict);
        assert_eq!(failure(405, "ErrorCode:OperationNotAllowedInCurrentState;"), Failure::Conflict);
        for status in [400, 403, 404, 405, 409, 411, 412, 413, 415, 499, 501, 505] {
            assert_eq!(failure(status, ""), Failure::Permanent, "{status}");
        }
    }

    #[test]
    fn anything_else_is_an_error_at_once() {
        assert_eq!(policy().decide(Failure::Permanent, &SoFar::default(), 0.0), Decision::GiveUp);
    }
}
