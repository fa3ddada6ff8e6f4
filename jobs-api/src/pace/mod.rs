//! When a call may be sent: the hub's rate, its slots for jobs, and outages.
//!
//! **The progress of a call never depends on another future being polled.** Nothing is handed from call to call.
//! Under one short lock a call takes a place in the line of its [`Meter`], from which the time follows at which it
//! may be sent, and sleeps until then by itself. A call that is dropped, forgotten or not polled costs the others
//! at most the one place that it had. What becomes free by an event, a slot or the end of an outage, wakes all that
//! wait; whichever runs takes it.
//!
//! The life of a call:
//!
//! 1. [`Pace::call`] takes note of what it is: a change or a read, a query or not, the creation of a job or not.
//! 2. [`Call::admit`] asks the state, under the lock, whether it may be sent now. A create needs a slot first, if it
//!    waits for one. In an outage the call takes the probe that is due, otherwise its place in the line of its meter
//!    must have come up. If it may not be sent, it sleeps until the time that the state names, or until something
//!    changes, and asks again.
//! 3. [`Call::record`] reports the answer. A rejection reduces the rate, begins a pause for all calls of the meter, and
//!    puts the rejected one at the head of its line. Failures in a row begin an outage; any other answer ends it.
//! 4. A call that is dropped gives back its slot, and its place if no other was taken since.
//!
//! A call holds a place, not a time, because rates are learned: as the rate changes, so do the times of all places.
//!
//! Nothing here knows HTTP or jobs: the pipeline translates.

mod breaker;
mod meter;
mod slots;
pub(crate) mod snapshot;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use self::breaker::Breaker;
pub(crate) use self::breaker::BreakerSettings;
pub(crate) use self::meter::Class;
use self::meter::{Meter, Sent};
use self::slots::Slots;
use self::snapshot::{Pacing, SlotState};
use crate::limits::{JOB_OPERATIONS, QUERIES};
use crate::targets::PACING;

/// The time that must be left for the call itself once it may be sent.
const LEAST_LEFT: Duration = Duration::from_millis(100);
/// The time by which a timer may be late.
const LATE: Duration = Duration::from_secs(1);
/// The wait for a slot from which on it counts as unlimited, and is not logged.
const LONGEST_SHOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The index of the calls that wait for a slot.
const SLOT: usize = 4;

/// The configured limits of a hub: calls a minute, jobs at a time, devices a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    pub(crate) operations: Option<f64>,
    pub(crate) queries: Option<f64>,
    pub(crate) slots: Option<usize>,
    pub(crate) devices: Option<f64>,
}

/// The pace of a client's calls to its hub, shared by all clones of the client.
#[derive(Debug)]
pub(crate) struct Pace {
    state: Mutex<State>,
    /// Wakes all calls that wait, when they may have to wait for less.
    changed: Notify,
    /// Devices of jobs a second, if configured.
    devices: Option<f64>,
}

#[derive(Debug)]
struct State {
    /// Of operations on jobs, and of queries.
    meters: [Meter; 2],
    slots: Slots,
    breaker: Breaker,
    /// Calls that wait: for a place of each meter, and for a slot.
    waiting: [usize; 5],
}

/// The times until which a call waits: for a slot, if it waits for one, and for everything else.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Deadlines {
    pub(crate) call: Option<Instant>,
    pub(crate) slot: Option<Instant>,
}

/// The kind of a failure, which decides when the next call may be sent, with the wait that the hub states.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Failure {
    /// The hub failed, or could not be reached: a repetition may succeed.
    Transient(Option<Duration>),
    /// The hub had too many calls.
    Throttled(Option<Duration>),
    /// The hub has as many jobs as its tier allows.
    SlotBusy(Option<Duration>),
    /// A repetition would fail in the same way.
    Permanent,
}

/// The reason for which a call waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    RateLimit,
    Slot,
    Outage,
}

/// The reason for which a call waits, and the time at which it checks again.
type Wait = (Reason, Instant);

/// A call that cannot be sent before its deadline: what it waits for, how long it would, and the rate limit in calls
/// a minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    pub(crate) reason: Reason,
    pub(crate) wait: Duration,
    pub(crate) rate: Option<f64>,
}

/// The facts that decide about a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) class: Class,
    pub(crate) is_query: bool,
    /// The id of the job that is created, and its start.
    pub(crate) creates: Option<(&'a str, Instant)>,
    /// It belongs to an operation of which a call was sent before.
    pub(crate) goes_first: bool,
    pub(crate) breaker: BreakerSettings,
}

/// A call on its way to the hub.
#[derive(Debug)]
pub(crate) struct Call<'p> {
    pace: &'p Pace,
    subject: Subject<'p>,
    /// Its place in the line of its class.
    place: Option<f64>,
    has_slot: bool,
    /// The index under which it is counted as waiting.
    waits_in: Option<usize>,
    has_reported_slot_wait: bool,
    sent: Option<Sent>,
}

impl Pace {
    pub(crate) fn new(limits: Limits) -> Self {
        let now = Instant::now();
        let meter = |documented: [u32; 2], rate| Meter::new(documented[0], rate, now);
        let state = State {
            meters: [meter(JOB_OPERATIONS, limits.operations), meter(QUERIES, limits.queries)],
            slots: Slots::new(limits.slots, now),
            breaker: Breaker::default(),
            waiting: [0; 5],
        };
        Self { state: Mutex::new(state), changed: Notify::new(), devices: limits.devices }
    }

    /// Starts a call.
    pub(crate) fn call<'p>(&'p self, subject: Subject<'p>) -> Call<'p> {
        let (place, has_slot, waits_in, has_reported_slot_wait, sent) = (None, false, None, false, None);
        Call { pace: self, subject, place, has_slot, waits_in, has_reported_slot_wait, sent }
    }

    /// Records that a job exists which the answer to a create did not show: it holds a slot.
    pub(crate) fn record_job_start(&self, id: &str, start: Instant) {
        let now = Instant::now();
        self.lock().slots.record_created(id, start.max(now), now);
    }

    /// Records that a job was seen to have ended: a create may take its slot.
    pub(crate) fn record_job_end(&self, id: &str) {
        if self.lock().slots.record_end(id, Instant::now()) {
            self.changed.notify_waiters();
        }
    }

    /// Returns the time until a job is expected to end: by how long other jobs of this client ran, or by the
    /// hub's rate for the devices that are left.
    pub(crate) fn time_to_end(&self, id: &str, devices_left: u32) -> Option<Duration> {
        let state = self.lock();
        let expected = state.slots.time_to_end(id, Instant::now());
        // Creates that wait for the end of this job try at that time: a read stays behind them.
        let behind = if state.waiting[SLOT] > 0 { state.meters[0].interval() } else { Duration::ZERO };
        let by_devices = || Some(Duration::from_secs_f64(f64::from(devices_left) / self.devices?));
        expected.map(|time| time + behind).or_else(by_devices)
    }

    /// Returns the state of the pace.
    pub(crate) fn snapshot(&self) -> Pacing {
        let (state, now) = (self.lock(), Instant::now());
        Pacing {
            operations: state.meters[0].state(&state.waiting[..2], now),
            queries: state.meters[1].state(&state.waiting[2..], now),
            slots: state.slots.state(state.waiting[SLOT]),
            is_outage: state.breaker.is_open(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs while it is locked, and no subscriber, which is the program's.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Sends a call, or returns what it waits for, and the time at which to check again.
    fn check(&mut self, call: &mut Call<'_>, slot: Option<Instant>, now: Instant) -> Result<(), Wait> {
        let Subject { class, is_query, creates, goes_first, breaker } = call.subject;
        if let (Some((id, _)), Some(_), false) = (creates, slot, call.has_slot) {
            let delay = self.meters[0].delay(class, None, now);
            self.slots.take(id, delay, now).map_err(|next| (Reason::Slot, next))?;
            call.has_slot = true;
        }
        let meter = &mut self.meters[usize::from(is_query)];
        if self.breaker.is_open() {
            // The lines stand still. A probe is no burst, whatever its place.
            meter.time = meter.time.max(now);
            self.breaker.take_probe(&breaker, now).map_err(|next| (Reason::Outage, next))?;
        } else {
            let delay = meter.place(class, &mut call.place, goes_first, now);
            if !delay.is_zero() {
                return Err((Reason::RateLimit, now + delay));
            }
        }
        call.sent = Some(meter.send(class, now));
        (call.place, call.subject.goes_first) = (None, true);
        Ok(())
    }

    /// Counts a call as waiting under this index, or no longer.
    fn count(&mut self, call: &mut Call<'_>, waits_in: Option<usize>) {
        if let Some(index) = std::mem::replace(&mut call.waits_in, waits_in) {
            self.waiting[index] -= 1;
        }
        if let Some(index) = waits_in {
            self.waiting[index] += 1;
        }
    }
}

impl Call<'_> {
    /// Waits until the call may be sent. One that was rejected keeps its place.
    ///
    /// # Errors
    ///
    /// It cannot be sent before its deadline. That is returned at once if the rate limit says so.
    pub(crate) async fn admit(&mut self, deadlines: Deadlines) -> Result<(), Late> {
        let mut until = None;
        loop {
            // It is created before the state is read, so that it misses no change.
            let changed = self.pace.changed.notified();
            let next = {
                let mut state = self.pace.lock();
                let now = Instant::now();
                if until.is_some_and(|until| now > until + LATE) {
                    // It was not polled at its time: that place is lost.
                    self.place = None;
                }
                let Err((reason, next)) = state.check(self, deadlines.slot, now) else {
                    state.count(self, None);
                    return Ok(());
                };
                let Subject { class, is_query, .. } = self.subject;
                let is_rate = reason == Reason::RateLimit;
                let deadline = if reason == Reason::Slot { deadlines.slot } else { deadlines.call };
                let end = if is_rate { next + LEAST_LEFT } else { now };
                if deadline.is_some_and(|deadline| end >= deadline) {
                    let rate = state.meters[usize::from(is_query)].rate();
                    return Err(Late { reason, wait: next - now, rate });
                }
                let line = 2 * usize::from(is_query) + class as usize;
                state.count(self, Some(if reason == Reason::Slot { SLOT } else { line }));
                // The rate may grow: half of a long wait is checked again.
                let next = if is_rate && next - now > LATE { now + (next - now) / 2 } else { next };
                deadline.map_or(next, |deadline| deadline.min(next))
            };
            self.report_slot_wait(deadlines.slot);
            // Woken or not, the state decides.
            drop(timeout_at(next, changed).await);
            until = Some(next);
        }
    }

    /// Records the hub's answer.
    pub(crate) fn record(&mut self, answer: Result<(), Failure>) {
        let Some(sent) = self.sent.take() else { return };
        let Subject { is_query, creates, breaker, .. } = self.subject;
        let (now, mut state) = (Instant::now(), self.pace.lock());
        let is_transient = matches!(answer, Err(Failure::Transient(_)));
        let outage = state.breaker.record(is_transient, &breaker, now);
        match (answer, creates) {
            (Err(Failure::Throttled(_)), _) => {}
            (Ok(()), Some((id, start))) => state.slots.record_created(id, start.max(now), now),
            (Err(Failure::SlotBusy(stated)), Some((id, _))) => state.slots.record_busy(id, stated, now),
            (_, Some((id, _))) if self.has_slot => state.slots.leave(id, now),
            _ => {}
        }
        let meter = &mut state.meters[usize::from(is_query)];
        let (mut pause, mut wakes) = (None, outage.is_some());
        if let Err(Failure::Throttled(stated)) = answer {
            let (place, new_pause) = meter.reject(sent, stated, now);
            (self.place, pause) = (Some(place), new_pause.zip(meter.rate()));
        } else {
            wakes |= !is_transient && meter.record_accepted(sent, now);
            wakes |= std::mem::take(&mut self.has_slot);
        }
        drop(state);
        if wakes {
            self.pace.changed.notify_waiters();
        }
        if let Some((pause, rate)) = pause {
            let calls = if is_query { "queries" } else { "operations" };
            let (pause_ms, rate_per_minute) = (pause.as_millis() as u64, (rate * 10.0).round() / 10.0);
            warn!(target: PACING, pause_ms, rate_per_minute, "throttled: pausing all {calls}");
        }
        if let Some(begins) = outage {
            let began = "the hub or the token endpoint is unreachable: sending one probe at a time";
            warn!(target: PACING, "{}", if begins { began } else { "reachable again" });
        }
    }

    /// Reports that a create waits for a slot, once, within the span of its operation.
    fn report_slot_wait(&mut self, deadline: Option<Instant>) {
        if self.waits_in != Some(SLOT) || std::mem::replace(&mut self.has_reported_slot_wait, true) {
            return;
        }
        let job_id = self.subject.creates.map(|(id, _)| id);
        let SlotState { limit, running, waiting, is_full } = self.pace.snapshot().slots;
        let longest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // A batch waits without a limit by default, which is a year: in a log it would look like an estimate.
        let longest_s = longest.filter(|longest| *longest < LONGEST_SHOWN).map(|longest| longest.as_secs());
        info!(target: PACING, job_id, slots = limit, running, is_full, waiting, longest_s, "waiting for a job slot");
    }
}

impl Drop for Call<'_> {
    /// Gives back what the call has not used.
    fn drop(&mut self) {
        let mut state = self.pace.lock();
        state.count(self, None);
        if let Some(place) = self.place {
            let meter = &mut state.meters[usize::from(self.subject.is_query)];
            meter.lines[self.subject.class as usize].give_back(place);
        }
        if let (Some((id, _)), true) = (self.subject.creates, self.has_slot) {
            state.slots.leave(id, Instant::now());
            self.pace.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
