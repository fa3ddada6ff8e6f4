//! The budget for retries: a hub in trouble is not sent many times the calls of its clients.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::targets::PACING;

/// Retries that may be made in a row.
const CAPACITY: f64 = 100.0;
/// Retries that each success earns, and each second.
const EARNED: (f64, f64) = (0.5, 2.0);

/// Retries that may still be made. Successes and time earn more.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<State>);

#[derive(Debug)]
struct State {
    retries: f64,
    since: Instant,
    is_exhausted: bool,
}

impl State {
    fn earn(&mut self, retries: f64, now: Instant) {
        let time: Duration = now.saturating_duration_since(self.since);
        self.retries = (self.retries + retries + time.as_secs_f64() * EARNED.1).min(CAPACITY);
        self.since = now;
    }
}

impl Budget {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(State { retries: CAPACITY, since: now, is_exhausted: false }))
    }

    /// Notes a call that succeeded.
    pub(crate) fn record_success(&self, now: Instant) {
        self.update(|state| state.earn(EARNED.0, now));
    }

    /// Takes a retry. Returns false if there is none.
    pub(crate) fn take(&self, now: Instant) -> bool {
        self.update(|state| {
            state.earn(0.0, now);
            let is_exhausted = state.retries < 1.0;
            if is_exhausted && !state.is_exhausted {
                warn!(target: PACING, "too many calls fail: retrying fewer of them");
            }
            state.is_exhausted = is_exhausted;
            if !is_exhausted {
                state.retries -= 1.0;
            }
            !is_exhausted
        })
    }

    /// Returns how many retries may be made now.
    pub(crate) fn retries(&self, now: Instant) -> u32 {
        self.update(|state| {
            state.earn(0.0, now);
            state.retries as u32
        })
    }

    fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_run_out_and_are_earned_by_successes_and_time() {
        let now = Instant::now();
        let budget = Budget::new(now);
        assert_eq!((0..1000).filter(|_| budget.take(now)).count(), 100);
        (0..10).for_each(|_| budget.record_success(now));
        assert_eq!((0..1000).filter(|_| budget.take(now)).count(), 5);
        let later = now + Duration::from_secs(3);
        assert_eq!((0..1000).filter(|_| budget.take(later)).count(), 6);
        assert_eq!(budget.retries(later + Duration::from_secs(3600)), 100);
    }
}
