//! The pace of one of the hub's meters: a decision core without a clock of its own.
//!
//! While nothing is known to bind, calls go as fast as a [`Window`] lets them. It proves a burst, if the hub
//! allows one, and costs few rejections when it ends. From the first rejection on calls are paced, slightly
//! below the rate: the one that was told, or the one that is measured and searched for.

use std::time::Duration;

use tokio::time::Instant;

use super::bucket::Bucket;
use super::epoch::{Epoch, Serial};
use super::jitter::Jitter;
use super::pace::{Pace, Phase, Rates};
use super::queue::{Gate, Opening};
use super::window::Window;

/// The longest hold without a request of the hub, and with one: a hub that asks for a year is asked again.
const LONGEST_HOLD: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(300));
/// Idle time after which nothing is known about burst, share or a learned rate.
const MEMORY: Duration = Duration::from_secs(600);
/// The unit of timers. Calls that arrive more evenly than this are sent less evenly.
const TIMER: Duration = Duration::from_millis(1);
/// Accepted calls between two rejections that let the second pass for a call that arrived early: calls that
/// are rejected more often are too many.
const ISOLATED: u32 = 5;
/// The part of the calls that may be rejected since they arrive at uneven times. If the rate is told it stays
/// below one in a hundred, together with what it costs to learn how uneven that is. If it is learned, rejections
/// also say what it is, and three in a hundred let calls be a tenth faster.
const TOLERATED: (f64, f64) = (0.0085, 0.03);

/// A meter of the hub, as far as it is known.
#[derive(Debug)]
pub(crate) struct Meter {
    pace: Pace,
    window: Window,
    epoch: Epoch,
    hold: Option<Instant>,
    /// Rejections without an accepted call between them.
    setbacks: u32,
    last_sent: Instant,
    bucket: Bucket,
    jitter: Jitter,
}

/// A call that has started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    serial: Serial,
    sent: Instant,
    /// Calls that the hub's bucket lacked before it.
    debt: f64,
    /// The call waited for its time at the pace of this number.
    paced: Option<u32>,
}

/// The hub's answer to a call, as far as it concerns the meter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    Accepted,
    Rejected {
        retry_after: Option<Duration>,
    },
    /// No answer, or one that says nothing about the meter.
    Unknown,
}

impl Meter {
    pub(crate) fn new(name: &'static str, rates: Rates, told: Option<f64>, now: Instant) -> Self {
        Self {
            pace: Pace::new(name, rates, told, now),
            window: Window::new(now),
            epoch: Epoch::new(now),
            hold: None,
            setbacks: 0,
            last_sent: now,
            bucket: Bucket::new(now),
            jitter: Jitter::new(if told.is_some() { TOLERATED.0 } else { TOLERATED.1 }),
        }
    }

    /// Returns the calls a minute at which the meter paces; `None` while nothing is known to bind.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.pace.rate()
    }

    /// Returns the time between two calls at the current pace.
    pub(crate) fn interval(&self) -> Duration {
        self.pace.interval() + self.margin()
    }

    /// Returns the time between two calls beyond the interval of the rate.
    fn margin(&self) -> Duration {
        self.pace.margin(|| self.unevenness())
    }

    /// Returns true if the hub has shown no burst.
    fn is_bare(&self) -> bool {
        self.pace.is_bare() && self.bucket.burst() < 1.0
    }

    /// Returns the part of the jitter for which no proved burst makes up.
    fn unevenness(&self) -> Duration {
        self.jitter.margin().saturating_sub(self.pace.interval().mul_f64(self.bucket.burst()))
    }

    /// Returns true if the rate was told, not learned.
    pub(crate) fn is_told(&self) -> bool {
        self.pace.told().is_some()
    }

    /// Returns the calls that a full bucket of the hub allows at once, as far as the hub has proved it.
    pub(crate) fn burst(&self) -> u32 {
        self.bucket.burst() as u32
    }

    /// Returns the calls that a bucket must keep to make up for calls that arrive at uneven times. It remembers
    /// the latest of many, so that twice the margin between two is needed.
    fn reserve(&self) -> f64 {
        let interval = self.pace.interval().as_secs_f64();
        if interval > 0.0 { 2.0 * self.jitter.margin().as_secs_f64() / interval } else { 0.0 }
    }

    /// Notes the answer to a call.
    pub(crate) fn record(&mut self, pass: Pass, verdict: Verdict, now: Instant) {
        self.bucket.fill(self.interval(), now);
        let latency = now.saturating_duration_since(pass.sent);
        if !matches!(verdict, Verdict::Unknown) && !self.window.is_slow(latency) {
            self.jitter.record(latency);
        }
        let is_current = self.epoch.record_end(pass.serial);
        match verdict {
            Verdict::Accepted if is_current => self.accept(pass, now),
            Verdict::Accepted => self.epoch.record_late(),
            Verdict::Rejected { retry_after } if is_current => self.reject(pass, retry_after, now),
            Verdict::Rejected { retry_after: Some(wait) } => self.hold_until(now + wait.min(LONGEST_HOLD.1)),
            _ => {}
        }
    }

    fn accept(&mut self, pass: Pass, now: Instant) {
        self.epoch.record_accepted();
        self.setbacks = 0;
        let accepted = self.epoch.accepted();
        let latency = now.saturating_duration_since(pass.sent);
        let most = self.pace.most_in_flight(accepted, self.window.base());
        self.window.record(latency, most.unwrap_or(self.window.size() as f64), now);
        if matches!(self.pace.phase(), Phase::Open) {
            self.bucket.record_accepted(pass.debt);
            self.pace.record_start(pass.serial.number, self.epoch.elapsed(pass.sent));
        }
        if pass.paced.is_some() && !self.margin().is_zero() {
            self.jitter.record_accepted();
        }
        if self.pace.record_accepted(pass.paced, accepted, self.margin(), now) {
            self.bucket.settle();
        }
    }

    fn reject(&mut self, pass: Pass, retry_after: Option<Duration>, now: Instant) {
        let elapsed = self.epoch.elapsed(pass.sent).as_secs_f64().max(1e-3);
        if self.epoch.accepted() == 0 {
            self.setbacks += 1;
        }
        let accepted = self.epoch.end(pass.serial, pass.sent);
        if accepted >= ISOLATED && self.is_early() {
            // The hub has counted nothing, and the next call comes in time. What it asks for is left to the
            // rejection after this one, if the rate is known to be right.
            if let Some(wait) = retry_after.filter(|_| !self.is_told()) {
                self.hold_until(now + wait.min(LONGEST_HOLD.1));
            }
            return;
        }
        let is_binding = match self.pace.phase() {
            Phase::Open if self.pace.told().is_some() => {
                self.bucket.record_rejected(pass.debt);
                true
            }
            // A burst that is smaller than it was is no reason to be slower.
            Phase::Known(_) if pass.debt + 1.0 + self.reserve() <= self.bucket.burst() => {
                self.bucket.record_rejected(pass.debt);
                false
            }
            Phase::Measure => {
                self.setbacks = 0;
                true
            }
            Phase::Trial(_) => {
                // The lower rate is the reaction; a longer hold is not needed until nothing is accepted.
                self.setbacks = self.setbacks.saturating_sub(1);
                true
            }
            _ => true,
        };
        if is_binding {
            self.pace.record_rejected(accepted, elapsed, self.unevenness(), now);
        }
        if matches!(self.pace.phase(), Phase::Measure) {
            self.window = self.window.restart();
        }
        match self.is_bare() {
            true => self.bucket.empty(0.0, now),
            // Until then calls arrive that are on their way, and leave nothing in it.
            false => self.bucket.empty(self.reserve(), now + self.window.base() / 2),
        }
        let longest = self.interval().saturating_mul(2_u32.saturating_pow(self.setbacks));
        let hold = retry_after.map_or(longest.min(LONGEST_HOLD.0), |wait| wait.min(LONGEST_HOLD.1));
        self.hold_until(now + hold);
    }

    /// Returns true if a call may have been rejected since it arrived too early at a hub of the known rate.
    fn is_early(&mut self) -> bool {
        matches!(self.pace.phase(), Phase::Known(_))
            && self.margin() >= TIMER
            && self.jitter.record_rejected()
    }

    fn hold_until(&mut self, until: Instant) {
        self.hold = Some(self.hold.map_or(until, |hold| hold.max(until)));
    }

    /// Forgets what an idle time has made doubtful.
    fn forget(&mut self, now: Instant) {
        self.window = Window::new(now);
        self.epoch.forget(now);
        self.setbacks = 0;
        self.bucket.forget();
        if self.pace.forget() {
            self.bucket.settle();
        }
    }
}

impl Gate for Meter {
    type Pass = Pass;

    fn check(&self, now: Instant) -> Opening {
        if let Some(hold) = self.hold.filter(|hold| *hold > now) {
            return Opening::At(hold);
        }
        // A single call tries whether the hub accepts calls again.
        let most = match self.pace.phase() {
            _ if self.setbacks > 1 => 1,
            Phase::Open | Phase::Measure => self.window.size(),
            Phase::Trial(_) | Phase::Known(_) => usize::MAX,
        };
        if self.epoch.in_flight() >= most {
            let patient = self.last_sent + self.window.patience();
            return if patient > now { Opening::At(patient) } else { Opening::Now };
        }
        if matches!(self.pace.phase(), Phase::Open | Phase::Measure) {
            return Opening::Now;
        }
        let interval = self.interval();
        // A bucket that holds one call makes up for no timer that was late before.
        let least = if self.is_bare() { self.last_sent + self.pace.shortest() } else { now };
        let opening = self.bucket.opening(interval, self.reserve(), now).unwrap_or(now).max(least);
        if opening > now { Opening::At(opening) } else { Opening::Now }
    }

    fn enter(&mut self, now: Instant) -> Pass {
        if now.saturating_duration_since(self.last_sent) > MEMORY && self.epoch.in_flight() == 0 {
            self.forget(now);
        }
        let interval = self.interval();
        let debt = self.bucket.debt(interval, now);
        let paced = self.bucket.is_drawn_on(interval, now).then_some(self.pace.number());
        self.bucket.take(interval, now);
        self.last_sent = now;
        Pass { serial: self.epoch.send(), sent: now, debt, paced }
    }

    fn hold(&self) -> Option<Instant> {
        self.hold
    }

    fn wait(&self, ahead: usize, now: Instant) -> Option<Duration> {
        let hold = self.hold.map_or(Duration::ZERO, |hold| hold.saturating_duration_since(now));
        if self.rate().is_none() {
            return (!hold.is_zero()).then_some(hold);
        }
        let calls = self.bucket.debt(self.interval(), now) - self.bucket.burst() + ahead as f64;
        Some(hold.max(self.interval().mul_f64(calls.max(0.0))))
    }
}

#[cfg(test)]
mod tests;
