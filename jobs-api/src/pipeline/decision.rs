//! The decision about a failed attempt: a pure function of the failure and of the operation so far.
//!
//! [`RetryState::record_failure`] classifies an error, asks [`RetryState::decide`], and counts. Only an attempt that
//! the hub failed counts against the limit of the policy: one that the hub throttled, that found no slot or no valid
//! token, or that was made in an outage which the operation outlasts, says nothing about the next one.
//!
//! | failure | decision |
//! |---|---|
//! | transient | a random wait, up to twice as long each time, on top of one that the hub states |
//! | transient, in an outage that the operation outlasts | a wait that does not count: the pace sends probes |
//! | throttled | the pace delays the next attempt; without a pace, as if it were transient |
//! | no job slot | the error; or, if the policy waits for slots, the next attempt when one may be free |
//! | a rejected token | one more attempt with another token, if there may be a better one |
//! | anything else | the error |
//!
//! No attempt is started for which the deadline leaves no time: its error would say less than the one that is known.

use std::time::Duration;

use tokio::time::Instant;

use super::retry::{RetryState, Role};
use crate::error::Error;
use crate::pace::Failure;

/// The first wait for a job slot, and the longest: jobs take minutes.
const FIRST_SLOT_WAIT: Duration = Duration::from_secs(5);
const LONGEST_SLOT_WAIT: Duration = Duration::from_secs(60);
/// The time that must be left for another attempt. With less, the attempt would only replace the error
/// that is known by one that says nothing.
pub(super) const MIN_ATTEMPT: Duration = Duration::from_millis(100);

/// The waits that the pace takes over from the retries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paced {
    /// After throttling the pace delays the next attempt.
    pub(super) calls: bool,
    /// The pace delays the next attempt until a slot may be free.
    pub(super) slots: bool,
}

/// The reaction to a failed attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Decision {
    GiveUp,
    /// Make another attempt after this wait.
    Wait(Duration),
    /// Make another attempt after this wait, in which a job of the hub may end.
    WaitForSlot(Duration),
    /// Make another attempt when the pace allows it.
    AwaitPace,
    /// Make another attempt after this wait, which does not count: the hub answers nobody.
    Outlast(Duration),
    /// Make another attempt with a new token.
    RefreshToken,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let stated = error.service().and_then(|service| service.retry_after());
        match error {
            _ if error.is_job_slot_busy() => Self::SlotBusy(stated),
            _ if error.is_throttled() => Self::Throttled(stated),
            _ if error.is_retryable() => Self::Transient(stated),
            _ => Self::Permanent,
        }
    }
}

impl RetryState {
    /// Records the failure of an attempt and decides about the next one. `can_refresh` is true if another token may be
    /// accepted where this one was rejected.
    pub(super) fn record_failure(
        &mut self,
        error: &Error,
        can_refresh: bool,
        paced: Paced,
        is_outage: bool,
    ) -> Decision {
        if error.is_response_lost() {
            self.is_outcome_unknown = true;
        }
        if !self.is_outcome_unknown {
            // No attempt so far can have changed anything.
            self.first_attempt = None;
        }
        let (now, failure) = (Instant::now(), Failure::from(error));
        match failure {
            Failure::Transient(_) if is_outage => self.record_outage(now),
            _ => self.outage = None,
        }
        let decision = match self.decide(failure, paced, now, fastrand::f64()) {
            Decision::GiveUp if can_refresh && self.may_refresh_token(now) => Decision::RefreshToken,
            decision => decision,
        };
        self.made += 1;
        match decision {
            Decision::Wait(_) | Decision::GiveUp => self.attempts += 1,
            Decision::WaitForSlot(_) => self.slot_waits += 1,
            Decision::RefreshToken => self.has_refreshed_token = true,
            Decision::AwaitPace | Decision::Outlast(_) => {}
        }
        let is_throttled = matches!(decision, Decision::AwaitPace | Decision::WaitForSlot(_));
        self.is_interrupted = is_throttled && self.role == Role::Change && self.is_outcome_unknown;
        decision
    }

    /// Decides about an attempt that failed now; `random` lies between 0 and 1.
    pub(super) fn decide(&self, failure: Failure, paced: Paced, now: Instant, random: f64) -> Decision {
        let policy = &self.policy;
        match failure {
            Failure::Throttled(stated)
                if paced.calls
                    && policy.allows_retries()
                    && stated.unwrap_or_default() < self.remaining_at(now) =>
            {
                Decision::AwaitPace
            }
            Failure::Transient(stated) | Failure::Throttled(stated) => {
                if let Some(wait) = self.outlast(paced.calls, now, random) {
                    return Decision::Outlast(wait);
                }
                let failures = self.attempts + 1;
                // On top of a stated wait, so that calls do not come together at its end.
                let wait = self.backoff(failures, random).saturating_add(stated.unwrap_or_default());
                let may_follow = failures < policy.attempts && self.has_time(wait, policy.total(), now);
                if may_follow { Decision::Wait(wait) } else { Decision::GiveUp }
            }
            Failure::SlotBusy(stated) => {
                let longest = exponential(FIRST_SLOT_WAIT, LONGEST_SLOT_WAIT, self.slot_waits);
                // At least half of it: polling faster only eats into the hub's quota.
                let wait = longest.mul_f64(random).max(longest / 2).max(stated.unwrap_or_default());
                if !self.has_time(wait, policy.slot_deadline, now) {
                    Decision::GiveUp
                } else if paced.slots {
                    Decision::AwaitPace
                } else {
                    Decision::WaitForSlot(wait)
                }
            }
            Failure::Permanent => Decision::GiveUp,
        }
    }

    fn may_refresh_token(&self, now: Instant) -> bool {
        let Self { policy, has_refreshed_token, .. } = self;
        policy.allows_retries() && !has_refreshed_token && self.has_time(Duration::ZERO, policy.total(), now)
    }

    /// Returns true if an attempt after this wait can end within the limit of the operation.
    fn has_time(&self, wait: Duration, limit: Duration, now: Instant) -> bool {
        let used = self.elapsed(now).saturating_add(self.reserve());
        used.saturating_add(wait).saturating_add(MIN_ATTEMPT) < limit
    }

    /// Returns the wait before the next attempt in an outage, unless the patience is exhausted. The pace has no other
    /// wait for calls that it probes.
    pub(super) fn outlast(&self, is_probed: bool, now: Instant, random: f64) -> Option<Duration> {
        let outage = self.outage.as_ref().filter(|outage| now - outage.start < self.policy.patience)?;
        let wait = if is_probed { Duration::ZERO } else { self.backoff(outage.failures, random) };
        Some(wait).filter(|wait| *wait < self.remaining_at(now))
    }

    /// Returns the wait after this many failures.
    fn backoff(&self, failures: u32, random: f64) -> Duration {
        exponential(self.policy.base, self.policy.cap, failures.saturating_sub(1)).mul_f64(random)
    }
}

/// Returns `base` doubled this many times, at most `cap`.
pub(super) fn exponential(base: Duration, cap: Duration, exponent: u32) -> Duration {
    base.saturating_mul(2_u32.saturating_pow(exponent)).min(cap)
}

#[cfg(test)]
mod tests;
