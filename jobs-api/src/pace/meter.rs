//! One of the hub's meters: the rate of calls that it allows, and the lines of the calls that wait for it.
//!
//! A configured rate is kept from the first call on. Otherwise no rate is known until the hub rejects a call. From
//! then on the rate grows additively with each accepted call and shrinks multiplicatively with a rejection, but
//! never above a configured one.
//!
//! The first rejection sets the lowest rate that is documented, from which the rate doubles every few accepted calls
//! until the next one. A rejection then measures: at the previous one the hub's meter was exhausted as it is now, so
//! that the calls in between, and the time that they took, show its rate. The new rate lies between half of the old one
//! and 15/16 of it. The next 200 accepted calls make up for about 1/16; each adds more than the previous one, so that a
//! rate that was measured too low does not stay so.
//!
//! Changes and reads wait in two lines over one rate. A call that is sent costs the other line a place, but a change
//! only 9/10 of one: reads wait behind changes, and yet get a tenth of the rate.

use std::time::Duration;

use tokio::time::Instant;

use super::snapshot::MeterState;

/// The part of the rate by which a rejection reduces it at least.
const DECREASE: f64 = 1.0 / 16.0;
/// Accepted calls after which a reduced rate is reached again; from then on it grows faster.
const RECOVERY: f64 = 200.0;
/// The part of a place that a change costs the reads: the rest keeps them from starving.
const PRIORITY: f64 = 0.9;
/// The part of a stated pause that is added at random, so that clients do not resume together.
const JITTER: f64 = 0.1;
/// The longest pause that a hub may ask for.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The lowest rate, in calls a second.
const LOWEST: f64 = 1.0 / 60.0;
/// The time by which timers may be early.
const TOLERANCE: f64 = 2e-6;

/// The kind of a call: changes go before reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Class {
    /// Creates or cancels a job, or does what is not known.
    Change,
    /// Reads or lists.
    Read,
}

/// A meter. Rates are in calls a second.
#[derive(Debug)]
pub(super) struct Meter {
    /// The lowest rate that is documented, from which the search starts.
    documented: f64,
    configured: Option<f64>,
    /// `None` while no limit is known.
    rate: Option<f64>,
    /// Doubles the rate every few calls: nothing but the lowest rate is known.
    is_searching: bool,
    pub(super) lines: [Line; 2],
    /// The time of the lines' clocks, which lies ahead during a pause.
    pub(super) time: Instant,
    /// Calls that were accepted since the last rejection.
    accepted: f64,
    /// Calls that were sent.
    sent: f64,
    /// Calls that were sent before the last pause began.
    sent_before: f64,
    /// The call whose rejection changed the rate last.
    rejected: Sent,
    /// Rejected calls that were sent after it.
    late: f64,
}

/// A call that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    class: Class,
    /// The calls that were sent until then.
    number: f64,
    at: Instant,
}

impl Meter {
    /// Creates a meter. The rates are in calls a minute.
    pub(super) fn new(documented: u32, configured: Option<f64>, now: Instant) -> Self {
        let rate = configured.map(|rate| rate / 60.0);
        Self {
            documented: f64::from(documented) / 60.0,
            configured: rate,
            rate,
            is_searching: false,
            lines: [Line::default(); 2],
            time: now,
            accepted: 0.0,
            sent: 0.0,
            sent_before: 0.0,
            rejected: Sent { class: Class::Change, number: 0.0, at: now },
            late: 0.0,
        }
    }

    /// Returns the rate in calls a minute.
    pub(super) fn rate(&self) -> Option<f64> {
        self.rate.map(|rate| rate * 60.0)
    }

    /// Returns the state, with the changes and reads that wait.
    pub(super) fn state(&self, waiting: &[usize], now: Instant) -> MeterState {
        MeterState {
            rate: self.rate(),
            is_configured: self.configured.is_some(),
            waiting_changes: waiting[0],
            waiting_reads: waiting[1],
            pause: Some(self.time.saturating_duration_since(now)).filter(|pause| !pause.is_zero()),
        }
    }

    /// Returns the time between two calls.
    pub(super) fn interval(&self) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate))
    }

    /// Returns how long a call waits in the line of its class. One without a place takes the last, or the first.
    pub(super) fn place(
        &mut self,
        class: Class,
        place: &mut Option<f64>,
        first: bool,
        now: Instant,
    ) -> Duration {
        self.advance(now);
        let line = &mut self.lines[class as usize];
        let place = *place.get_or_insert_with(|| if first { line.overtake() } else { line.take() });
        self.delay(class, Some(place), now)
    }

    /// Returns how long the call at a place waits; at the next place if it has none.
    pub(super) fn delay(&self, class: Class, place: Option<f64>, now: Instant) -> Duration {
        let line = &self.lines[class as usize];
        let ahead = place.map_or(line.backlog(), |place| place - line.clock);
        let is_behind = class == Class::Read && ahead > 0.0;
        let changes = if is_behind { PRIORITY * self.lines[0].backlog() } else { 0.0 };
        let seconds = self.rate.map_or(0.0, |rate| (ahead + changes) / rate - TOLERANCE / 2.0);
        let delay = if seconds < TOLERANCE { Duration::ZERO } else { Duration::from_secs_f64(seconds) };
        delay + self.time.saturating_duration_since(now)
    }

    /// Sends a call, which costs the other class a place.
    pub(super) fn send(&mut self, class: Class, now: Instant) -> Sent {
        if self.rate.is_some() {
            self.lines[1 - class as usize].clock -= if class == Class::Change { PRIORITY } else { 1.0 };
        }
        self.sent += 1.0;
        Sent { class, number: self.sent, at: now }
    }

    /// Records a call that was accepted. Returns true if waits have become much shorter.
    pub(super) fn record_accepted(&mut self, sent: Sent, now: Instant) -> bool {
        self.advance(now);
        if sent.number <= self.sent_before {
            return false;
        }
        self.accepted += 1.0;
        let is_used = self.lines.iter().any(|line| line.backlog() > 0.0);
        let Some(rate) = self.rate.filter(|_| is_used) else { return false };
        let growth = if self.is_searching {
            // Slower at a high rate, at which many calls are sent before the first is answered.
            2_f64.powf(1.0 / (0.5 + rate / 5.0))
        } else {
            1.0 + 2.0 * DECREASE * self.accepted / (RECOVERY * RECOVERY)
        };
        self.rate = Some((rate * growth).min(self.configured.unwrap_or(f64::INFINITY)));
        self.is_searching
    }

    /// Records a call that the hub rejected. Returns its place, and the pause if one begins.
    pub(super) fn reject(
        &mut self,
        sent: Sent,
        stated: Option<Duration>,
        now: Instant,
    ) -> (f64, Option<Duration>) {
        self.advance(now);
        // A call that was sent before the last rejection says nothing new.
        let is_new = sent.number > self.sent_before;
        let pause = is_new.then(|| {
            self.shrink(sent);
            let jitter = 1.0 + JITTER * fastrand::f64();
            let stated = stated.map(|stated| stated.min(LONGEST_PAUSE).mul_f64(jitter));
            let pause = stated.unwrap_or_else(|| self.interval());
            (self.sent_before, self.time) = (self.sent, now + pause);
            pause
        });
        // A later call that was rejected is included in the next measurement.
        self.late += f64::from(sent.number > self.rejected.number);
        (self.lines[sent.class as usize].return_to(), pause)
    }

    /// Reduces the rate after the rejection of a call. At the last rejection the hub's meter was exhausted as it is
    /// now: the calls in between show its rate.
    fn shrink(&mut self, sent: Sent) {
        let calls = sent.number - self.rejected.number - self.late - 0.5;
        let seconds = sent.at.saturating_duration_since(self.rejected.at).as_secs_f64().max(1e-3);
        let reduced = |rate: f64| (calls / seconds).clamp(rate / 2.0, rate * (1.0 - DECREASE)).max(LOWEST);
        self.is_searching = self.rate.is_none();
        self.rate = Some(self.rate.map_or(self.documented, reduced));
        (self.rejected, self.accepted, self.late) = (sent, 0.0, 0.0);
    }

    fn advance(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.time).as_secs_f64();
        self.time = self.time.max(now);
        self.lines.iter_mut().for_each(|line| line.advance(self.rate.map(|rate| rate * seconds)));
    }
}

/// A line in which each call takes a place, a number. The clock counts the calls that could have been sent so far:
/// a call may be sent once the clock has reached its place. This is the generic cell rate algorithm, in calls
/// instead of seconds, so that a rate that changes moves all places.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    pub(super) clock: f64,
    /// The next place, if the clock is not beyond it.
    tail: f64,
}

impl Line {
    /// Lets the time pass in which this many calls could have been sent; `None` for any number.
    fn advance(&mut self, calls: Option<f64>) {
        self.clock = calls.map_or(self.clock.max(self.tail), |calls| self.clock + calls);
        // Time that no call has used is lost.
        self.tail = self.tail.max(self.clock);
    }

    fn take(&mut self) -> f64 {
        self.tail += 1.0;
        self.tail - 1.0
    }

    /// Returns the place of a call that was rejected: the first, at a distance of whole places from all others, which
    /// move back by one.
    fn return_to(&mut self) -> f64 {
        self.clock -= 1.0;
        self.tail + (self.clock - self.tail).ceil()
    }

    /// Takes the place of the next call that waits, which moves back by one with all behind it.
    fn overtake(&mut self) -> f64 {
        if self.backlog() <= 0.0 {
            return self.take();
        }
        self.clock -= 1.0;
        self.tail + (self.clock - self.tail).floor() + 1.0
    }

    /// Returns the place to the line, if no other was taken since.
    pub(super) fn give_back(&mut self, place: f64) {
        if self.tail == place + 1.0 {
            self.tail = place.max(self.clock);
        }
    }

    /// Returns how many calls are ahead of the next place.
    fn backlog(&self) -> f64 {
        self.tail - self.clock
    }
}
