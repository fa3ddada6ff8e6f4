//! The decision about a failed attempt: a pure function of the failure and of the attempts so far.

use std::time::Duration;

use crate::error::Error;
use crate::pace::BreakerSettings;

/// The first wait for a job slot, and the longest: jobs take minutes.
const SLOT_WAIT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

/// The time that must be left for another attempt. With less, the attempt would only replace the error
/// that is known by one that says nothing.
pub(super) const MIN_ATTEMPT: Duration = Duration::from_millis(100);

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
    attempts: u32,
    base: Duration,
    cap: Duration,
    /// `None` for no deadline.
    deadline: Option<Duration>,
    slot_deadline: Duration,
    breaker: BreakerSettings,
    /// How long failures do not count as attempts in an outage.
    patience: Duration,
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
    /// token, and the reading of a job after a lost response. [`Duration::MAX`] means no deadline; such readings then
    /// end after 2 minutes.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline).filter(|deadline| *deadline < Duration::MAX);
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
    /// [`is_job_slot_busy`](Error::is_job_slot_busy) is then true. Creates that wait try one at a time: when a job of this client
    /// was seen to end or is expected to have ended, and otherwise rarely. Tries do not count as attempts.
    /// [Without pacing](crate::ClientBuilder::without_pacing) each create waits 5 to 60 seconds between its
    /// own. The time runs from the start of the operation and replaces a shorter
    /// [deadline](Self::with_deadline).
    #[must_use]
    pub fn with_slot_deadline(mut self, slot_deadline: Duration) -> Self {
        self.slot_deadline = slot_deadline;
        self
    }

    /// Returns the policy of a single attempt within the same deadline.
    pub(super) fn single(&self) -> Self {
        Self { attempts: 1, deadline: self.total(), slot_deadline: Duration::ZERO, ..*self }
    }

    /// Returns the duration of a whole operation, if it is limited.
    pub(super) fn total(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.max(self.slot_deadline))
    }

    /// Returns the duration of an operation that waits for no slot, if it is limited.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    pub(super) fn breaker(&self) -> BreakerSettings {
        self.breaker
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn slot_deadline(&self) -> Duration {
        self.slot_deadline
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn allows_retries(&self) -> bool {
        self.attempts > 1
    }

    /// Decides about `failure`, given the `history` of the operation; `random` lies between 0 and 1.
    pub(super) fn decide(&self, failure: Failure, history: &History, random: f64) -> Decision {
        let fits = |wait: Duration, limit: Option<Duration>| {
            limit.is_none_or(|limit| history.elapsed.saturating_add(wait).saturating_add(MIN_ATTEMPT) < limit)
        };
        match failure {
            Failure::Transient { retry_after } if history.attempts < self.attempts => {
                // On top of a stated wait, so that calls do not come together at its end.
                let wait =
                    self.backoff(history.attempts, random).saturating_add(retry_after.unwrap_or_default());
                if fits(wait, self.total()) { Decision::Wait(wait) } else { Decision::GiveUp }
            }
            Failure::SlotBusy { retry_after } => {
                let longest = exponential(SLOT_WAIT.0, SLOT_WAIT.1, history.slot_waits);
                // At least half of it: polling faster only eats into the hub's quota.
                let least = retry_after.unwrap_or_default().max(longest / 2);
                let wait = longest.mul_f64(random).max(least);
                if fits(wait, Some(self.slot_deadline)) {
                    Decision::WaitForSlot(wait)
                } else {
                    Decision::GiveUp
                }
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

    /// Returns the wait after this many failures.
    pub(super) fn backoff(&self, failures: u32, random: f64) -> Duration {
        exponential(self.base, self.cap, failures.saturating_sub(1)).mul_f64(random)
    }
}

pub(super) fn exponential(base: Duration, cap: Duration, exponent: u32) -> Duration {
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
    /// Attempts that were throttled.
    pub(super) throttles: u32,
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
    /// Make another attempt when the pace allows it.
    AwaitPace,
    /// Make another attempt after this wait, which does not count: the hub answers nobody.
    Outlast(Duration),
    /// Make another attempt with a new token.
    RefreshToken,
}

#[cfg(test)]
mod tests;
