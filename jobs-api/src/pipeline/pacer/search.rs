//! The search for an unknown rate among those that the documentation names.

use std::time::Duration;

/// The gain of a higher rate below which it is not searched for.
const GAIN: f64 = 1.08;

/// Returns true if calls are much faster at the higher of two rates, with this margin between them beyond
/// the interval of a rate.
pub(super) fn is_faster(low: f64, high: f64, margin: Duration) -> bool {
    let gap = |rate: f64| 60.0 / rate + margin.as_secs_f64();
    gap(low) / gap(high) > GAIN
}

/// The multiples of which every rate is one: of a unit of the small tiers, and of the large one. Calls a
/// minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    pub(super) small: f64,
    pub(super) large: f64,
}

impl Grid {
    /// Returns the highest rate of the grid that does not exceed `rate`, and at least the lowest of all. A
    /// rate of whole large units wins if it is within two percent.
    pub(super) fn floor(&self, rate: f64) -> f64 {
        let large = (rate / self.large).round() * self.large;
        if large > 0.0 && (rate / large - 1.0).abs() <= 0.02 {
            return large;
        }
        ((rate / self.small).floor() * self.small).max(self.small)
    }

    /// Returns the rate of the grid that is next to `rate`, above or below.
    pub(super) fn nearest(&self, rate: f64) -> f64 {
        self.floor(rate + self.small / 2.0)
    }

    /// Returns the next rate of the grid above `rate`: of whole large units, once there is one.
    pub(super) fn above(&self, rate: f64) -> f64 {
        let step = if rate >= self.large { self.large } else { self.small };
        ((rate / step + 1e-6).floor() + 1.0) * step
    }

    /// Returns a rate of the grid strictly between the two, near their geometric mean, if it matters. Above a
    /// large unit only whole ones count, unless the search is fine.
    fn between(&self, low: f64, high: f64, is_fine: bool, margin: Duration) -> Option<f64> {
        let mean = (low * high).sqrt();
        let large = (mean / self.large).round() * self.large;
        let inside = |rate: &f64| *rate > low * 1.02 && *rate < high * 0.98;
        let small = self.floor(mean);
        let small = if small > low { small } else { self.above(low).min(small + self.small) };
        // A rate of whole large units is as likely as all others above together.
        let rates = if low >= self.large && !is_fine { [large, large] } else { [large, small] };
        rates.into_iter().find(inside).filter(|_| is_faster(low, high, margin))
    }
}

/// A rate in a bracket of one that was accepted and one that was rejected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    grid: Grid,
    /// The highest rate that was accepted: the lowest of the grid at first.
    accepted: f64,
    rejected: f64,
    /// The rate on trial.
    pub(super) rate: f64,
    /// Calls that were accepted at that rate.
    proofs: u32,
    /// Calls that the hub may accept because its bucket was not empty at the start.
    unused: f64,
    /// The first rejection ends the search, since the accepted rate is good.
    is_look: bool,
    /// The hub has no burst: a rejection comes at once and costs one call, while nothing but the search tells
    /// the rate. With a burst many more are rejected, and what they measure corrects the rate later.
    is_fine: bool,
}

/// The end of a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found {
    /// Another rate is on trial.
    Trial,
    /// The rate is found.
    Rate(f64),
}

impl Search {
    /// Starts at a rate that may be too high or too low.
    pub(super) fn start(grid: Grid, rate: f64) -> Self {
        Self {
            grid,
            accepted: grid.small,
            rejected: f64::INFINITY,
            rate: grid.floor(rate),
            proofs: 0,
            unused: 0.0,
            is_look: false,
            is_fine: true,
        }
    }

    /// Starts between a rate that is accepted and one that is not, both as measured.
    pub(super) fn within(grid: Grid, accepted: f64, rejected: f64, is_fine: bool) -> (Self, Found) {
        let accepted = grid.floor(accepted);
        let rejected = if rejected.is_finite() { grid.above(rejected) } else { rejected };
        let mut search = Self { accepted, rejected, is_fine, ..Self::start(grid, accepted) };
        let found = search.go_on(Duration::ZERO);
        (search, found)
    }

    /// Looks above a rate that is accepted, which left about so many calls `unused`.
    pub(super) fn look_above(grid: Grid, rate: f64, unused: f64) -> Self {
        Self {
            unused,
            accepted: rate,
            rate: grid.above(rate),
            is_look: true,
            is_fine: false,
            ..Self::start(grid, rate)
        }
    }

    /// Notes a call that was paced at the rate and accepted.
    pub(super) fn record_accepted(&mut self, margin: Duration) -> Found {
        self.proofs += 1;
        if f64::from(self.proofs) < self.proofs_needed() {
            return Found::Trial;
        }
        self.accepted = self.rate;
        self.go_on(margin)
    }

    /// Notes that the rate was rejected.
    pub(super) fn record_rejected(&mut self, margin: Duration) -> Found {
        self.rejected = self.rate;
        if self.accepted >= self.rejected {
            self.accepted = self.grid.small;
        }
        if self.is_look {
            return Found::Rate(self.accepted);
        }
        self.go_on(margin)
    }

    /// Returns how many calls at the rate the hub must accept. The less it exceeds the accepted rate, the
    /// later a bucket runs out that is filled at that one.
    fn proofs_needed(&self) -> f64 {
        if self.rate <= self.accepted {
            3.0
        } else {
            ((2.0 + self.unused) / (1.0 - self.accepted / self.rate)).ceil().clamp(3.0, 200.0)
        }
    }

    fn go_on(&mut self, margin: Duration) -> Found {
        self.proofs = 0;
        let next = match self.rejected.is_finite() {
            true => self.grid.between(self.accepted, self.rejected, self.is_fine, margin),
            // Doubled, but whole large units are likelier than any other rate nearby.
            false => {
                let doubled = self.accepted * 2.0;
                let large = (doubled / self.grid.large).round() * self.grid.large;
                let is_near = large > self.accepted && (0.8..1.25).contains(&(doubled / large));
                Some(if is_near { large } else { self.grid.floor(doubled) })
                    .filter(|rate| is_faster(self.accepted, *rate, margin))
            }
        };
        match next {
            Some(rate) => {
                self.rate = rate;
                Found::Trial
            }
            None => Found::Rate(self.accepted),
        }
    }
}

#[cfg(test)]
mod tests;
