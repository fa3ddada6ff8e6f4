//! An operation under way, by its policy and its clock.

use std::time::Duration;

use tokio::time::Instant;

use super::{Decision, Failure, RetryPolicy, SoFar};
use crate::error::Error;

/// An operation under way.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    policy: &'a RetryPolicy,
    start: Instant,
    so_far: SoFar,
}

impl<'a> Progress<'a> {
    pub(crate) fn start(policy: &'a RetryPolicy) -> Self {
        Self { policy, start: Instant::now(), so_far: SoFar::default() }
    }

    /// Attempts anew at another operation, within the same deadline.
    pub(crate) fn continue_with_another(&self) -> Self {
        Self { so_far: SoFar::default(), ..*self }
    }

    /// How long the operation may still take.
    pub(crate) fn remaining(&self) -> Duration {
        self.policy.total().saturating_sub(self.start.elapsed())
    }

    /// How long to wait for a token: as long as all remaining attempts, of this length each, might take,
    /// since a token that does not come is not asked for again.
    pub(crate) fn patience(&self, attempt: Duration) -> Duration {
        let left = self.policy.attempts.saturating_sub(self.so_far.attempts).max(1);
        attempt.saturating_mul(left).min(self.remaining())
    }

    /// Which attempt comes next, from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.so_far.attempts + self.so_far.slot_waits + u32::from(self.so_far.renewed) + 1
    }

    /// Whether an attempt may have done what was asked, though its answer was lost.
    pub(crate) fn is_outcome_unknown(&self) -> bool {
        self.so_far.outcome_unknown
    }

    /// What to do about the failure of an attempt.
    pub(crate) fn decide(&mut self, error: &Error) -> Decision {
        let failure = Failure::from(error);
        self.so_far.elapsed = self.start.elapsed();
        self.so_far.attempts += 1;
        if let Failure::Transient { outcome_unknown: true, .. } = failure {
            self.so_far.outcome_unknown = true;
        }
        let decision = self.policy.decide(failure, &self.so_far, fastrand::f64());
        match decision {
            Decision::Renew => {
                self.so_far.attempts -= 1;
                self.so_far.renewed = true;
            }
            Decision::WaitForSlot(_) => {
                self.so_far.attempts -= 1;
                self.so_far.slot_waits += 1;
            }
            _ => {}
        }
        decision
    }
}
