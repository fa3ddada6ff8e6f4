//! The pace of one of the hub's meters: a decision core without a clock of its own.
//!
//! While nothing is known to bind, calls go as fast as a [`Window`] lets them. It proves a burst, if the hub
//! allows one, and costs few rejections when it ends. From the first rejection on calls are paced, slightly
//! below the rate: the one that was told, or the one that is measured and searched for.

use std::time::Duration;

use tokio::time::Instant;

use super::pace::{Pace, Phase, Rates};
use super::queue::{Gate, Opening};
use super::window::Window;

/// The longest hold without a request of the hub, and with one: a hub that asks for a year is asked again.
const LONGEST_HOLD: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(300));
/// The lateness of a timer that the next call makes up for.
const SLACK: Duration = Duration::from_millis(2);
/// Idle time after which nothing is known about burst, share or a learned rate.
const MEMORY: Duration = Duration::from_secs(600);
/// Calls that may be in flight while the rate is measured.
const MEASURING: f64 = 8.0;

/// A meter of the hub, as far as it is known.
#[derive(Debug)]
pub(crate) struct Meter {
    pace: Pace,
    window: Window,
    /// Calls without an answer that were sent since the last rejection.
    in_flight: usize,
    /// Counts rejections: the answer to a call that was sent before one says nothing new.
    epoch: u64,
    hold: Option<Instant>,
    /// Rejections without an accepted call between them.
    setbacks: u32,
    /// Calls accepted since the last rejection, or since the start.
    accepted: u32,
    /// Calls sent since then, and calls sent before then which were accepted later.
    sent: u32,
    late: u32,
    /// The time at which the call was sent that was rejected last.
    since: Instant,
    last_sent: Instant,
    /// The time at which the hub's bucket is expected to be full again, and the calls that it holds.
    full_at: Instant,
    burst: f64,
}

/// A call that has started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pass {
    epoch: u64,
    /// Calls sent before it in its epoch.
    number: u32,
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
            in_flight: 0,
            epoch: 0,
            hold: None,
            setbacks: 0,
            accepted: 0,
            sent: 0,
            late: 0,
            since: now,
            last_sent: now,
            full_at: now,
            burst: 0.0,
        }
    }

    /// Returns the calls a minute at which the meter paces; `None` while nothing is known to bind.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.pace.rate()
    }

    /// Returns the time between two calls at the current pace.
    pub(crate) fn interval(&self) -> Duration {
        self.pace.interval()
    }

    /// Returns true if the rate was told, not learned.
    pub(crate) fn is_told(&self) -> bool {
        self.pace.told().is_some()
    }

    /// Returns the calls that a full bucket of the hub allows at once, as far as the hub has proved it.
    pub(crate) fn burst(&self) -> u32 {
        self.burst as u32
    }

    /// Notes the answer to a call.
    pub(crate) fn record(&mut self, pass: Pass, verdict: Verdict, now: Instant) {
        let is_current = pass.epoch == self.epoch;
        if is_current {
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        match verdict {
            Verdict::Accepted if is_current => self.accept(pass, now),
            Verdict::Accepted => self.late += 1,
            Verdict::Rejected { retry_after } if is_current => self.reject(pass, retry_after, now),
            Verdict::Rejected { retry_after: Some(wait) } => self.hold_until(now + wait.min(LONGEST_HOLD.1)),
            _ => {}
        }
    }

    fn accept(&mut self, pass: Pass, now: Instant) {
        (self.accepted, self.setbacks) = (self.accepted.saturating_add(1), 0);
        let latency = now.saturating_duration_since(pass.sent);
        let most = match self.pace.phase() {
            Phase::Open => match self.pace.told() {
                // Two more than the rate keeps in flight: a full window then finds the end of a burst.
                Some(rate) => {
                    let in_flight = rate / 60.0 * self.window.base().as_secs_f64();
                    2.0 + 2.0 * in_flight + f64::from(self.accepted) / 100.0
                }
                // The rejections at the end of a burst are a small part of it.
                None => {
                    let accepted = f64::from(self.accepted);
                    (4.0 + accepted / 96.0 + (accepted - 100.0).max(0.0) / 24.0).min(8.0 + accepted / 64.0)
                }
            },
            Phase::Measure => match self.accepted {
                0..2 => 1.0,
                accepted => MEASURING + f64::from(accepted) / 16.0,
            },
            Phase::Trial(_) | Phase::Known(_) => self.window.size() as f64,
        };
        self.window.record(latency, most, now);
        if matches!(self.pace.phase(), Phase::Open) {
            self.burst = self.burst.max(pass.debt);
        }
        if self.pace.record_accepted(pass.paced, self.accepted, now) {
            self.full_at = self.full_at.max(now);
        }
    }

    fn reject(&mut self, pass: Pass, retry_after: Option<Duration>, now: Instant) {
        let elapsed = pass.sent.saturating_duration_since(self.since).as_secs_f64().max(1e-3);
        if self.accepted == 0 {
            self.setbacks += 1;
        }
        // Between two rejections the hub's bucket was filled by as many calls as it accepted.
        let accepted = pass.number + self.late;
        (self.epoch, self.in_flight, self.since) = (self.epoch + 1, 0, pass.sent);
        (self.accepted, self.sent, self.late) = (0, 0, 0);
        let is_binding = match self.pace.phase() {
            Phase::Open if self.pace.told().is_some() => {
                self.burst = self.burst.min(pass.debt).floor();
                true
            }
            // A burst that is smaller than it was is no reason to be slower.
            Phase::Known(_) if pass.debt + 1.0 <= self.burst => {
                self.burst = pass.debt.floor();
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
            self.pace.record_rejected(accepted, elapsed, now);
        }
        if matches!(self.pace.phase(), Phase::Measure) {
            self.window = self.window.restart();
        }
        // The bucket is empty now.
        self.full_at = now + self.interval().mul_f64(self.burst + 1.0);
        let longest = self.interval().saturating_mul(2_u32.saturating_pow(self.setbacks));
        let hold = retry_after.map_or(longest.min(LONGEST_HOLD.0), |wait| wait.min(LONGEST_HOLD.1));
        self.hold_until(now + hold);
    }

    fn hold_until(&mut self, until: Instant) {
        self.hold = Some(self.hold.map_or(until, |hold| hold.max(until)));
    }

    /// Returns how many calls the bucket lacks.
    fn debt(&self, now: Instant) -> f64 {
        let interval = self.interval().as_secs_f64();
        let time = self.full_at.saturating_duration_since(now).as_secs_f64();
        if interval > 0.0 { time / interval } else { 0.0 }
    }

    /// Forgets what an idle time has made doubtful.
    fn forget(&mut self, now: Instant) {
        self.window = Window::new(now);
        (self.accepted, self.sent, self.late, self.since) = (0, 0, 0, now);
        (self.setbacks, self.burst) = (0, 0.0);
        if self.pace.forget() {
            self.full_at = self.full_at.max(now);
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
        if self.in_flight >= most {
            let patient = self.last_sent + self.window.patience();
            return if patient > now { Opening::At(patient) } else { Opening::Now };
        }
        if matches!(self.pace.phase(), Phase::Open | Phase::Measure) {
            return Opening::Now;
        }
        let allowed = self.interval().mul_f64(self.burst);
        match self.full_at.checked_sub(allowed).filter(|time| *time > now) {
            Some(time) => Opening::At(time),
            None => Opening::Now,
        }
    }

    fn enter(&mut self, now: Instant) -> Pass {
        if now.saturating_duration_since(self.last_sent) > MEMORY && self.in_flight == 0 {
            self.forget(now);
        }
        let interval = self.interval();
        let (debt, number) = (self.debt(now), self.sent);
        let paced = (now <= self.full_at + interval / 2).then_some(self.pace.number());
        let is_punctual = now.saturating_duration_since(self.full_at) < SLACK;
        self.full_at = if is_punctual { self.full_at } else { now } + interval;
        self.in_flight += 1;
        self.sent += 1;
        self.last_sent = now;
        Pass { epoch: self.epoch, number, sent: now, debt, paced }
    }

    fn hold(&self) -> Option<Instant> {
        self.hold
    }

    fn wait(&self, ahead: usize, now: Instant) -> Option<Duration> {
        let hold = self.hold.map_or(Duration::ZERO, |hold| hold.saturating_duration_since(now));
        if self.rate().is_none() {
            return (!hold.is_zero()).then_some(hold);
        }
        let calls = self.debt(now) - self.burst + ahead as f64;
        Some(hold.max(self.interval().mul_f64(calls.max(0.0))))
    }
}

#[cfg(test)]
mod tests;
