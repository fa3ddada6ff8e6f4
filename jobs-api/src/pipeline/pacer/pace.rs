//! The rate of a meter, from unknown to known: measured, tried, then shared with other programs.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::search::{Found, Grid, Search, is_faster};
use super::share::Share;
use super::start::Start;
use crate::targets::PACING;

/// The part of the rate that is used: clocks differ, and a bucket must not run out by rounding.
const USED: f64 = 0.995;
/// The time between looks above a learned rate: the first, and the longest.
const LOOKS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// Calls that may be in flight while the rate is measured.
const MEASURING: f64 = 8.0;
/// The share below which a learned rate is itself too high.
const WRONG_SHARE: f64 = 0.7;
/// Units of the large grid above which a rate no longer binds.
const MOST_UNITS: f64 = 20.0;

/// The rate of a meter, as far as it is known.
#[derive(Debug)]
pub(super) struct Pace {
    name: &'static str,
    grid: Grid,
    told: Option<f64>,
    phase: Phase,
    share: Share,
    /// Counts the rates.
    number: u32,
    start: Start,
    next_look: Instant,
    look_period: Duration,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Nothing is known to bind.
    Open,
    /// The bucket was found empty: calls accepted until it is empty again yield the rate.
    Measure,
    Trial(Search),
    /// The rate is known, in calls a minute.
    Known(f64),
}

/// The rates of the documentation for a meter: of a unit of the small tiers and of S3, in calls a minute.
pub(crate) type Rates = [u32; 2];

impl Pace {
    pub(super) fn new(name: &'static str, rates: Rates, told: Option<f64>, now: Instant) -> Self {
        Self {
            name,
            grid: Grid { small: f64::from(rates[0]), large: f64::from(rates[1]) },
            told,
            phase: Phase::Open,
            share: Share::WHOLE,
            number: 0,
            start: Start::new(),
            next_look: now,
            look_period: LOOKS.0,
        }
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Returns the rate that was told, in calls a minute.
    pub(super) fn told(&self) -> Option<f64> {
        self.told
    }

    /// Returns true if the hub has shown no burst, as far as that is known from learning its rate.
    pub(super) fn is_bare(&self) -> bool {
        match self.rate() {
            _ if self.told.is_some() => true,
            Some(rate) => self.start.is_bare(rate),
            None => false,
        }
    }

    /// Returns the time between two calls beyond the interval of the rate, if calls arrive as unevenly as
    /// that: a bucket of one call rejects those that come too early.
    pub(super) fn margin(&self, unevenness: impl FnOnce() -> Duration) -> Duration {
        match self.phase {
            Phase::Trial(_) | Phase::Known(_) if self.is_bare() => unevenness(),
            _ => Duration::ZERO,
        }
    }

    /// Returns the number of the current rate, which differs from that of every earlier one.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Returns the calls a minute at which the meter paces; `None` while nothing is known to bind.
    pub(super) fn rate(&self) -> Option<f64> {
        match &self.phase {
            Phase::Open | Phase::Measure => None,
            Phase::Trial(search) => Some(search.rate),
            Phase::Known(rate) => Some(rate * self.share.value()),
        }
    }

    /// Returns the time between two calls at the current pace. While the rate is measured, the lowest rate
    /// of all allows one call in that time.
    pub(super) fn interval(&self) -> Duration {
        let rate = match self.phase {
            Phase::Open => self.told,
            Phase::Measure => Some(self.grid.small),
            Phase::Trial(_) | Phase::Known(_) => self.rate(),
        };
        rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(60.0 / (rate * USED)))
    }

    /// Returns the time between two calls at the whole of the rate.
    pub(super) fn shortest(&self) -> Duration {
        self.interval().mul_f64(USED)
    }

    /// Returns how many calls may be in flight at most after so many were accepted, with answers that take
    /// `latency`; `None` once calls are paced.
    pub(super) fn most_in_flight(&self, accepted: u32, latency: Duration) -> Option<f64> {
        let calls = f64::from(accepted);
        match (&self.phase, self.told) {
            // Two more than the rate keeps in flight: a full window then finds the end of a burst.
            (Phase::Open, Some(rate)) => {
                Some(2.0 + 2.0 * rate / 60.0 * latency.as_secs_f64() + calls / 100.0)
            }
            // The rejections at the end of a burst are a small part of it.
            (Phase::Open, None) => {
                Some((4.0 + calls / 96.0 + (calls - 100.0).max(0.0) / 24.0).min(8.0 + calls / 64.0))
            }
            (Phase::Measure, _) if accepted < 2 => Some(1.0),
            (Phase::Measure, _) => Some(MEASURING + calls / 16.0),
            (Phase::Trial(_) | Phase::Known(_), _) => None,
        }
    }

    /// Notes a call that was accepted before the first rejection: the calls sent before it, and since when.
    pub(super) fn record_start(&mut self, number: u32, elapsed: Duration) {
        self.start.record_accepted(number, elapsed);
    }

    /// Notes a call that was accepted: the rate whose number it was `paced` at, and how many were `accepted`
    /// since the last rejection. Returns true if the rate may have changed.
    pub(super) fn record_accepted(
        &mut self,
        paced: Option<u32>,
        accepted: u32,
        margin: Duration,
        now: Instant,
    ) -> bool {
        match &mut self.phase {
            Phase::Trial(search) if paced == Some(self.number) => {
                let before = search.rate;
                let found = search.record_accepted(margin);
                self.number += u32::from(search.rate != before);
                self.settle(found, now);
                true
            }
            Phase::Known(rate) if paced.is_some() => {
                let rate = *rate;
                self.share.record_accepted();
                let is_look = self.told.is_none()
                    && self.share.value() >= 1.0
                    && now >= self.next_look
                    && is_faster(rate, self.grid.above(rate), margin);
                if is_look {
                    self.look_period = (self.look_period * 2).min(LOOKS.1);
                    let unused = 4.0 + (1.0 - USED) * f64::from(accepted);
                    self.change_phase(Phase::Trial(Search::look_above(self.grid, rate, unused)));
                }
                is_look
            }
            _ => false,
        }
    }

    /// Notes a rejection, and the calls that were accepted in so many seconds since the one before.
    pub(super) fn record_rejected(
        &mut self,
        accepted: u32,
        elapsed: f64,
        unevenness: Duration,
        now: Instant,
    ) {
        let margin = self.margin(|| unevenness);
        match &mut self.phase {
            Phase::Open => match self.told {
                Some(rate) => self.change_phase(Phase::Known(rate)),
                None if self.start.record_rejected(accepted, elapsed) => {
                    let search = Search::start(self.grid, f64::from(accepted) / elapsed * 60.0);
                    self.change_phase(Phase::Trial(search));
                }
                None => self.change_phase(Phase::Measure),
            },
            Phase::Measure => {
                let (search, found) = self.measure(f64::from(accepted), elapsed, unevenness);
                self.phase = Phase::Trial(search);
                self.settle(found, now);
            }
            Phase::Trial(search) => {
                let found = search.record_rejected(margin);
                self.settle(found, now);
            }
            Phase::Known(rate) => {
                let rate = *rate;
                let left = self.share.record_rejected();
                warn!(target: PACING, meter = self.name, rate = self.rate(), "the hub throttles: slowing down");
                // A rate that does not fit what the hub accepts was learned too high.
                let fitting = match left {
                    Some(left) if margin.is_zero() => self.grid.nearest(rate * left),
                    _ if self.share.value() < WRONG_SHARE => self.grid.floor(rate * self.share.rejected()),
                    _ => rate,
                };
                if self.told.is_none() && fitting < rate {
                    self.settle(Found::Rate(fitting), now);
                }
            }
        }
    }

    /// Forgets what an idle time has made doubtful. Returns true if calls were paced.
    pub(super) fn forget(&mut self) -> bool {
        self.share = Share::WHOLE;
        self.look_period = LOOKS.0;
        self.start = Start::new();
        let is_paced = !matches!(self.phase, Phase::Open);
        if is_paced {
            self.change_phase(Phase::Open);
        }
        is_paced
    }

    /// Starts the search around the rate at which calls were accepted since the bucket was empty.
    fn measure(&mut self, accepted: f64, elapsed: f64, unevenness: Duration) -> (Search, Found) {
        let bound = |calls: f64| calls.max(0.0) / elapsed * 60.0;
        let burst = self.start.record_measured(accepted, elapsed, self.interval(), unevenness);
        // A bucket that was full before the hold ended has hidden a higher rate.
        let is_exact = burst.is_some_and(|burst| bound(accepted) / self.grid.small < 0.8 * burst);
        let most = if is_exact { bound(accepted + 1.0) } else { f64::INFINITY };
        Search::within(self.grid, bound(accepted - 1.0), most, burst.is_none())
    }

    fn settle(&mut self, found: Found, now: Instant) {
        match found {
            Found::Trial => {}
            Found::Rate(rate) if rate > self.grid.large * MOST_UNITS => {
                self.share = Share::WHOLE;
                self.change_phase(Phase::Open);
            }
            Found::Rate(rate) => {
                self.share = Share::WHOLE;
                self.next_look = now + self.look_period;
                self.change_phase(Phase::Known(rate));
            }
        }
    }

    fn change_phase(&mut self, phase: Phase) {
        self.phase = phase;
        self.number += 1;
        match &self.phase {
            Phase::Open => info!(target: PACING, meter = self.name, "calls are no longer paced"),
            Phase::Measure => {
                info!(target: PACING, meter = self.name, "the hub throttles: measuring its rate")
            }
            Phase::Trial(search) => {
                info!(target: PACING, meter = self.name, rate = search.rate, "trying a rate")
            }
            Phase::Known(rate) => info!(target: PACING, meter = self.name, rate, "pacing calls"),
        }
    }
}

#[cfg(test)]
mod tests;
