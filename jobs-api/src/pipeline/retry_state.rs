//! The state of an operation under way: its clock, and what its attempts have shown so far.
//!
//! All times follow from one start and one deadline. A change keeps a part of the deadline for reading the job, in case
//! its response is lost; a reading keeps half of what is left for the next one.

use std::time::Duration;

use tokio::time::Instant;

use super::retry::RetryPolicy;
use crate::pace::Deadlines;

/// The longest time that a change leaves for reading the job if its response is lost.
const READING_TIME: Duration = Duration::from_secs(15);
/// The time that a reading gets at least, if it is left.
const LEAST_READING: Duration = Duration::from_secs(2);

/// The attempts at an operation: their policy, their clock, their number.
#[derive(Debug)]
pub(super) struct RetryState {
    pub(super) policy: RetryPolicy,
    pub(super) role: Role,
    pub(super) start: Instant,
    /// A call of the operation was sent: the next ones go before those of other operations.
    pub(super) goes_first: bool,
    /// Attempts so far, those included that do not count.
    pub(super) made: u32,
    /// Attempts that count.
    pub(super) attempts: u32,
    /// Attempts that found no slot.
    pub(super) slot_waits: u32,
    /// An attempt was rejected for its token, and a new one was requested.
    pub(super) has_refreshed_token: bool,
    /// The outage in which the last attempt failed.
    pub(super) outage: Option<Outage>,
    /// When the first attempt was sent that may have changed the hub.
    pub(super) first_attempt: Option<Instant>,
    /// An attempt may have changed the hub, although its outcome was not reported.
    pub(super) is_outcome_unknown: bool,
    /// The hub throttles a change whose outcome is unknown: it is read before the next attempt.
    pub(super) is_interrupted: bool,
}

/// A time in which the hub answers nobody.
#[derive(Debug)]
pub(super) struct Outage {
    pub(super) start: Instant,
    /// Failures of this operation.
    pub(super) failures: u32,
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

impl RetryState {
    pub(super) fn start(policy: RetryPolicy) -> Self {
        Self {
            policy,
            role: Role::Plain,
            start: Instant::now(),
            goes_first: false,
            made: 0,
            attempts: 0,
            slot_waits: 0,
            has_refreshed_token: false,
            outage: None,
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
        self.policy.total().saturating_sub(self.elapsed(now))
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
    pub(super) fn reserve(&self) -> Duration {
        match self.role {
            Role::Change if self.is_outcome_unknown => (self.policy.total() / 4).min(READING_TIME),
            _ => Duration::ZERO,
        }
    }

    /// Returns the times until which an attempt waits for the rate limit, and for a slot if it waits for one. A
    /// single attempt without a deadline waits no longer than it may take itself.
    pub(super) fn deadlines(&self, attempt: Duration) -> Deadlines {
        let RetryPolicy { deadline, slot_deadline, .. } = self.policy;
        let call = match deadline {
            None if !self.policy.allows_retries() => attempt,
            _ => self.policy.total().saturating_sub(self.reserve()),
        };
        Deadlines {
            call: Some(self.start + call),
            slot: Some(self.start + slot_deadline).filter(|_| !slot_deadline.is_zero()),
        }
    }

    /// Returns how long to wait for a token: as long as the remaining attempts of this length may take,
    /// since a missing token is not requested again.
    pub(super) fn token_timeout(&self, attempt: Duration) -> Duration {
        let left = self.policy.attempts.saturating_sub(self.attempts).max(1);
        attempt.saturating_mul(left).min(self.remaining())
    }

    /// Returns the number of the next attempt, from 1.
    pub(super) fn next_attempt(&self) -> u32 {
        self.made + 1
    }

    /// Records that an attempt is sent now.
    pub(super) fn record_start(&mut self, now: Instant) {
        self.first_attempt.get_or_insert(now);
    }

    /// Returns the time since the first attempt was sent.
    pub(super) fn since_first_attempt(&self) -> Option<Duration> {
        self.first_attempt.map(|first| first.elapsed())
    }

    /// Records that an attempt failed, or could not be made because no token is available, while the hub answers nobody.
    pub(super) fn record_outage(&mut self, now: Instant) {
        self.outage.get_or_insert(Outage { start: now, failures: 0 }).failures += 1;
    }
}

#[cfg(test)]
mod tests;
