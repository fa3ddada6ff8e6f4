//! The state of an operation under way.

use std::time::Duration;

use tokio::time::Instant;

use super::retry::{Decision, Failure, History, RetryPolicy};
use crate::error::Error;
use crate::pace::{BreakerSettings, Deadlines};

/// The longest time that a change leaves for reading the job if its response is lost.
const READING_TIME: Duration = Duration::from_secs(15);
/// The longest wait for a slot: longer ones overflow clocks.
const LONGEST_WAIT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
/// The time that a reading gets at least, if it is left.
const LEAST_READING: Duration = Duration::from_secs(2);

/// The attempts at an operation: their policy, their clock, their number.
#[derive(Debug)]
pub(super) struct RetryState {
    policy: RetryPolicy,
    role: Role,
    start: Instant,
    /// A call of the operation was sent: the next ones go before those of other operations.
    pub(super) goes_first: bool,
    /// The start of an outage that the operation outlasts, and the failures in it.
    outage: Option<(Instant, u32)>,
    history: History,
    /// When the first attempt was sent that may have changed the hub.
    first_attempt: Option<Instant>,
    /// An attempt may have changed the hub, although its outcome was not reported.
    is_outcome_unknown: bool,
    /// The hub throttles a change whose outcome is unknown: it is read before the next attempt.
    is_interrupted: bool,
}

/// The part that attempts have in an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    /// They are the operation, or a step of it.
    Plain,
    /// They make a change, which is read if a response is lost.
    Change,
    /// They read what a change has done.
    Reading,
}

/// The waits that the pace takes over from the retries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paced {
    pub(super) calls: bool,
    pub(super) slots: bool,
    /// The hub answers nobody.
    pub(super) is_outage: bool,
}

impl RetryState {
    pub(super) fn start(policy: RetryPolicy) -> Self {
        Self {
            policy,
            role: Role::Plain,
            start: Instant::now(),
            goes_first: false,
            outage: None,
            history: History::default(),
            first_attempt: None,
            is_outcome_unknown: false,
            is_interrupted: false,
        }
    }

    /// Starts the next step of the same operation, which has the same clock.
    pub(super) fn restart(&self, policy: RetryPolicy, role: Role) -> Self {
        Self { role, start: self.start, goes_first: self.goes_first, ..Self::start(policy) }
    }

    /// Returns how long the operation has taken at this time.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// Returns how long the operation may still take.
    pub(super) fn remaining(&self) -> Duration {
        self.remaining_at(Instant::now())
    }

    /// Returns how long the operation may still take from this time on.
    pub(super) fn remaining_at(&self, now: Instant) -> Duration {
        self.policy.total().map_or(Duration::MAX, |total| total.saturating_sub(self.elapsed(now)))
    }

    /// Returns how long an attempt may take that starts now. A change leaves a quarter of the time for reading the
    /// job, and a reading half of it for the next one.
    pub(super) fn attempt_timeout(&self, now: Instant, longest: Duration) -> Duration {
        let remaining = self.remaining_at(now);
        longest.min(match self.role {
            Role::Plain => remaining,
            Role::Change => remaining - (remaining / 4).min(READING_TIME),
            Role::Reading => (remaining / 2).max(LEAST_READING.min(remaining)),
        })
    }

    /// Returns the time that is kept for reading the job, since a response was lost.
    fn reserve(&self) -> Duration {
        match self.role {
            Role::Change if self.is_outcome_unknown => {
                self.policy.total().map_or(READING_TIME, |total| (total / 4).min(READING_TIME))
            }
            _ => Duration::ZERO,
        }
    }

    /// Returns the times until which an attempt waits for the rate limit, and for a slot if it waits for one. A
    /// single attempt without a deadline waits no longer than it may take itself.
    pub(super) fn deadlines(&self, attempt: Duration) -> Deadlines {
        let after = |duration| self.start.checked_add(duration);
        let slot = Some(self.policy.slot_deadline()).filter(|deadline| !deadline.is_zero());
        let single = Some(attempt).filter(|_| !self.policy.allows_retries());
        let total = self.policy.total().map(|total| total.saturating_sub(self.reserve()));
        Deadlines {
            call: total.or(single).and_then(after),
            slot: slot.and_then(|deadline| after(deadline.min(LONGEST_WAIT))),
        }
    }

    pub(super) fn breaker(&self) -> BreakerSettings {
        self.policy.breaker()
    }

    /// Returns true if the operation outlasts outages.
    pub(super) fn is_patient(&self) -> bool {
        !self.policy.patience().is_zero()
    }

    /// Returns the wait before the next attempt in an outage, unless the patience is exhausted. The pace has no other
    /// wait for those that it probes.
    pub(super) fn outlast(&mut self, is_probed: bool) -> Option<Duration> {
        let (since, failures) = self.outage.get_or_insert_with(|| (Instant::now(), 0));
        *failures += 1;
        let is_patient = since.elapsed() < self.policy.patience();
        let wait = if is_probed { Duration::ZERO } else { self.policy.backoff(*failures, fastrand::f64()) };
        Some(wait).filter(|wait| is_patient && *wait < self.remaining())
    }

    /// Returns how long to wait for a token: as long as the remaining attempts of this length may take,
    /// since a missing token is not requested again.
    pub(super) fn token_timeout(&self, attempt: Duration) -> Duration {
        let left = self.policy.attempts().saturating_sub(self.history.attempts).max(1);
        attempt.saturating_mul(left).min(self.remaining())
    }

    /// Returns the number of the next attempt, from 1.
    pub(super) fn next_attempt(&self) -> u32 {
        let History { attempts, slot_waits, has_refreshed_token, .. } = self.history;
        attempts + slot_waits + self.history.throttles + u32::from(has_refreshed_token) + 1
    }

    /// Notes that an attempt is sent now.
    pub(super) fn record_start(&mut self, now: Instant) {
        self.first_attempt.get_or_insert(now);
    }

    /// Returns the time since the first attempt was sent.
    pub(super) fn since_first_attempt(&self) -> Option<Duration> {
        self.first_attempt.map(|first| first.elapsed())
    }

    pub(super) fn is_outcome_unknown(&self) -> bool {
        self.is_outcome_unknown
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// Returns true if the last run was interrupted, and forgets it.
    pub(super) fn take_interruption(&mut self) -> bool {
        std::mem::take(&mut self.is_interrupted)
    }

    /// Notes the failure of an attempt and decides about the next one. A failure to read leaves no
    /// outcome unknown. A call that is paced waits for the rate limit after throttling, and may outlast an outage.
    pub(super) fn record_failure(&mut self, error: &Error, is_read: bool, pace: Paced) -> Decision {
        if !is_read && error.is_response_lost() {
            self.is_outcome_unknown = true;
        }
        if !self.is_outcome_unknown {
            // No attempt so far can have changed anything.
            self.first_attempt = None;
        }
        self.history.elapsed = self.elapsed(Instant::now()) + self.reserve();
        self.history.attempts += 1;
        let failure = Failure::from(error);
        let is_outage =
            pace.is_outage && matches!(failure, Failure::Transient { .. }) && !error.is_throttled();
        let outlasting = if is_outage { self.outlast(pace.calls) } else { None };
        if !is_outage {
            self.outage = None;
        }
        let decide = || self.policy.decide(failure, &self.history, fastrand::f64());
        let decision = match outlasting.map_or_else(decide, Decision::Outlast) {
            Decision::WaitForSlot(_) if pace.slots => Decision::AwaitPace,
            _ if pace.calls && self.awaits_pace(error) => Decision::AwaitPace,
            decision => decision,
        };
        match decision {
            // These are no attempts.
            Decision::AwaitPace | Decision::Outlast(_) => {
                self.history.attempts -= 1;
                self.history.throttles += 1;
            }
            Decision::RefreshToken => {
                self.history.attempts -= 1;
                self.history.has_refreshed_token = true;
            }
            Decision::WaitForSlot(_) => {
                self.history.attempts -= 1;
                self.history.slot_waits += 1;
            }
            Decision::Wait(_) | Decision::GiveUp => {}
        }
        let is_throttled = matches!(decision, Decision::AwaitPace | Decision::WaitForSlot(_));
        self.is_interrupted = is_throttled && self.role == Role::Change && self.is_outcome_unknown;
        decision
    }

    /// Returns true if the hub throttles by rate, and its pause ends before the deadline.
    fn awaits_pace(&self, error: &Error) -> bool {
        let retry_after = error.service().and_then(|service| service.retry_after()).unwrap_or_default();
        self.policy.allows_retries()
            && error.is_throttled()
            && !error.is_job_slot_busy()
            && retry_after < self.remaining()
    }
}

#[cfg(test)]
mod tests;
