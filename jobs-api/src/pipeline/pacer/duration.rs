//! How long jobs run, as far as it was seen.

use std::time::Duration;

/// The part of a duration to which it is known well enough.
const EXACT: f64 = 0.05;

/// A duration between two bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) low: Duration,
    pub(super) high: Duration,
}

impl Spread {
    /// Returns what this and another spread have in common. If that is nothing, durations have changed, and
    /// the `new` one is right.
    pub(super) fn narrow(self, new: Self) -> Self {
        let common = Self { low: self.low.max(new.low), high: self.high.min(new.high) };
        if common.low < common.high { common } else { new }
    }

    /// Returns the time after the start of a job at which to look for its end, if it ran at the time `tried`.
    pub(super) fn next(&self, tried: Duration) -> Duration {
        let middle = (self.low + self.high) / 2;
        match tried {
            _ if tried < middle && !self.is_exact() => middle,
            _ if tried < self.high => self.high,
            _ => tried + tried.mul_f64(EXACT),
        }
    }

    /// Returns true if the duration is known well enough.
    pub(super) fn is_exact(&self) -> bool {
        self.high.saturating_sub(self.low) < self.high.mul_f64(EXACT)
    }
}
