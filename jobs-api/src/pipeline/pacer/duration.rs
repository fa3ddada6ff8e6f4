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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn spread(low: u32, high: u32) -> Spread {
        Spread { low: low * SECOND, high: high * SECOND }
    }

    #[test]
    fn spreads_narrow_each_other_unless_durations_have_changed() {
        assert_eq!(spread(10, 20).narrow(spread(15, 30)), spread(15, 20));
        assert_eq!(spread(10, 20).narrow(spread(5, 12)), spread(10, 12));
        assert_eq!(spread(10, 20).narrow(spread(30, 40)), spread(30, 40));
        assert_eq!(spread(10, 20).narrow(spread(20, 40)), spread(20, 40));
    }

    #[test]
    fn end_is_looked_for_in_the_middle_then_late_then_by_small_steps() {
        assert_eq!(spread(10, 20).next(Duration::ZERO), 15 * SECOND);
        assert_eq!(spread(10, 20).next(15 * SECOND), 20 * SECOND);
        assert_eq!(spread(10, 20).next(20 * SECOND), 21 * SECOND);
        assert_eq!(spread(10, 20).next(40 * SECOND), 42 * SECOND);
        assert_eq!(spread(99, 100).next(Duration::ZERO), 100 * SECOND, "known well enough");
    }

    #[test]
    fn duration_is_exact_within_a_twentieth() {
        assert!(spread(96, 100).is_exact());
        assert!(!spread(95, 100).is_exact() && !spread(50, 100).is_exact());
    }
}
