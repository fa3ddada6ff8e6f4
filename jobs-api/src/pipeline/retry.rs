//! Retries: the policy, as a user configures it, and the state of an operation under it.
//!
//! All times follow from one start and one deadline. A change keeps a part of the deadline for reading the job, in case
//! its response is lost; a reading keeps half of what is left for the next one.

use std::time::Duration;

use tokio::time::Instant;

use crate::pace::{BreakerSettings, Deadlines};

/// The longest time that a change leaves for reading the job if its response is lost.
const READING_TIME: Duration = Duration::from_secs(15);
/// The time that a reading gets at least, if it is left.
const LEAST_READING: Duration = Duration::from_secs(2);
/// The longest operation, or wait for a slot: longer ones overflow clocks.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How often and for how long an operation is retried.
///
/// | failure | reaction |
/// |---|---|
/// | no connection, no complete response, 408, 500, 502, 503, 504 | another attempt after a random wait of up to `base · 2ⁿ`, at most `cap`, on top of `Retry-After` if the hub states it |
/// | 429, too many calls | all calls of the client pause for the time that the hub states, in `Retry-After` or in its message, or else for the interval of the rate limit; the attempt does not count. [Without pacing](crate::ClientBuilder::without_pacing), as above |
/// | 429004, no free job slot | an error, or a wait for a job to end: see [`with_slot_deadline`](Self::with_slot_deadline) |
/// | 401 | one more attempt with a new token of the current credential, signed by the hub's clock; it does not count as an attempt. None with a fixed signature, nor with a token of Microsoft Entra ID younger than 30 seconds |
/// | any failure of a create or cancel call, after a lost response | the job is read, also before the next attempt of a throttled call: see below |
/// | 5 failures of the first kind in a row, of all calls of the client | an outage: until the hub answers, one call at a time is sent as a probe, after 1 second, then 2, 4 and so on up to 30, less up to a quarter at random. The others wait for that as long as their deadlines allow: see [`with_breaker`](Self::with_breaker) |
/// | a certificate that is not trusted, anything else | the error, at once |
///
/// A response is lost when a request was sent and no complete answer came, a 408 or 5xx that does not
/// say whether the hub acted, or a success that is about another job or names neither the job nor its status. Before a create or cancel call then returns any failure, it reads the job, not before
/// the time that `Retry-After` asks for, and again within the deadline until the answer is conclusive:
///
/// | the hub shows | conclusion |
/// |---|---|
/// | the job as requested, created since the first attempt; a cancelled job | the call succeeds |
/// | a job of another type, condition, method or content, or one that was created before; a job that runs or has ended instead of being cancelled | the failure: the request changed nothing |
/// | `unknown`; a job that is not cancelled yet; no readable answer | none: the hub may show it later |
/// | members in a form that cannot be compared | none, and no other reading follows |
///
/// Without a conclusion the error's [`is_outcome_unknown`](crate::Error::is_outcome_unknown) is true. A create or
/// cancel call leaves a quarter of its deadline, at most 15 seconds, for these readings.
///
/// The [default](Self::default): 8 attempts, a base of 500 ms, a cap of 30 s, a deadline of 2 minutes, no
/// waiting for a slot, a breaker of 5 failures and 30 s.
///
/// ```
/// use std::time::Duration;
/// use jobs_api::RetryPolicy;
///
/// let patient = RetryPolicy::default()
///     .with_attempts(12)
///     .with_slot_deadline(Duration::from_secs(30 * 60));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryPolicy {
    pub(super) attempts: u32,
    pub(super) base: Duration,
    pub(super) cap: Duration,
    /// `None` for no deadline.
    pub(super) deadline: Option<Duration>,
    pub(super) slot_deadline: Duration,
    pub(super) breaker: BreakerSettings,
    /// How long failures do not count as attempts in an outage.
    pub(super) patience: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 8,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(30),
            deadline: Some(Duration::from_secs(120)),
            slot_deadline: Duration::ZERO,
            breaker: BreakerSettings { failures: 5, longest_pause: Duration::from_secs(30) },
            patience: Duration::ZERO,
        }
    }
}

impl RetryPolicy {
    /// Makes a single attempt: no new token after a 401, no reading of the job after a lost response.
    ///
    /// The attempt waits for the rate limit no longer than an attempt may take.
    pub fn none() -> Self {
        Self { attempts: 1, deadline: None, ..Self::default() }
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
    /// token, and the reading of a job after a lost response. `None` means no deadline; such readings then end after
    /// 2 minutes.
    #[must_use]
    pub fn with_deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// Sets when an outage is assumed and how rarely it is probed: after this many failures in a row of all calls of
    /// the client, 5 by default, and with pauses that double from 1 second up to this one, 30 seconds by default.
    /// Zero failures for never.
    ///
    /// A failure is a response of 408 or 5xx that is retried, or none. Any other answer ends the outage. No call
    /// fails because of the breaker before its own deadline. It has no effect [without
    /// pacing](crate::ClientBuilder::without_pacing).
    #[must_use]
    pub fn with_breaker(mut self, failures: u32, longest_pause: Duration) -> Self {
        self.breaker = BreakerSettings { failures, longest_pause };
        self
    }

    /// Outlasts an outage of this length: failures do not count as attempts while the hub answers nobody, and a token
    /// that is missing is requested again. Zero by default; [`Client::run_jobs`](crate::Client::run_jobs) has a
    /// [default](crate::RunJobs::patience) of 4 hours. The [deadline](Self::with_deadline) ends a call all the same.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Waits up to this long for a job to end when the hub has as many as its tier allows, scheduled ones included.
    ///
    /// Off by default, since a call would take minutes: the error's
    /// [`is_job_slot_busy`](crate::Error::is_job_slot_busy) is then true. Creates that wait try one at a time: when a job of this client
    /// was seen to end or is expected to have ended, and otherwise rarely. Tries do not count as attempts.
    /// [Without pacing](crate::ClientBuilder::without_pacing) each create waits 5 to 60 seconds between its
    /// own. The time runs from the start of the operation and replaces a shorter
    /// [deadline](Self::with_deadline).
    #[must_use]
    pub fn with_slot_deadline(mut self, slot_deadline: Duration) -> Self {
        self.slot_deadline = slot_deadline.min(LONGEST);
        self
    }

    /// Returns the policy of a single attempt within the same deadline.
    pub(super) fn single(&self) -> Self {
        Self { attempts: 1, deadline: Some(self.total()), slot_deadline: Duration::ZERO, ..*self }
    }

    /// Returns the duration of a whole operation.
    pub(super) fn total(&self) -> Duration {
        self.deadline.map_or(LONGEST, |deadline| deadline.max(self.slot_deadline).min(LONGEST))
    }

    pub(super) fn allows_retries(&self) -> bool {
        self.attempts > 1
    }
}

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
