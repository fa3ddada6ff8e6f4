//! One pacer for all clones of a client: every call waits for its turn, and reports its answer.
//!
//! [`Meter`] and [`Slots`] decide, without a clock or a runtime of their own; [`Queue`] makes calls wait for
//! what they decide. Nothing here knows HTTP or errors: the pipeline translates.

mod bucket;
mod budget;
mod duration;
mod epoch;
mod jitter;
mod meter;
mod pace;
pub(crate) mod queue;
mod search;
mod share;
mod slots;
pub(crate) mod snapshot;
mod start;
pub(crate) mod tier;
mod window;

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::Instant;
use tracing::info;

use self::budget::Budget;
use self::meter::{Meter, Pass, Verdict};
use self::queue::{Class, Place, Queue, TooLate};
use self::slots::Slots;
use self::snapshot::{MeterState, Pacing, SlotState};
use self::tier::Limits;
use crate::limits::{JOB_OPERATIONS, QUERIES};
use crate::targets::PACING;

/// The wait for a slot from which on it counts as unlimited, and is not logged.
const LONGEST_SHOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The pace of a client's calls to its hub.
#[derive(Debug)]
pub(crate) struct Pacer {
    operations: Queue<Meter>,
    queries: Queue<Meter>,
    slots: Queue<Slots>,
    budget: Budget,
    /// Devices of jobs a second, if told.
    devices: Option<f64>,
}

/// A call on its way through the pacer.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    class: Class,
    is_query: bool,
    /// The id of the job that is created and runs at once.
    creates: Option<&'a str>,
    pub(crate) place: Option<Place>,
    slot_place: Option<Place>,
    has_reported_slot_wait: bool,
}

/// The times until which a call waits for its turn, and for a slot if it waits for one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) turn: Option<Instant>,
    pub(crate) slot: Option<Instant>,
}

/// The reason why the turn of a call does not come in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missed {
    pub(crate) late: TooLate,
    /// Calls a minute, if it is the rate that binds.
    pub(crate) rate: Option<f64>,
    /// It is a slot that the call waits for.
    pub(crate) is_slot: bool,
}

/// The hub's answer, as far as it concerns the pacer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Success,
    /// A failure that has nothing to do with the pace.
    Refused,
    Throttled {
        retry_after: Option<Duration>,
    },
    SlotBusy {
        retry_after: Option<Duration>,
    },
}

impl<'a> Call<'a> {
    pub(crate) fn new(class: Class, is_query: bool, creates: Option<&'a str>) -> Self {
        Self { class, is_query, creates, place: None, slot_place: None, has_reported_slot_wait: false }
    }
}

impl Pacer {
    pub(crate) fn new(limits: Limits) -> Self {
        let now = Instant::now();
        Self {
            operations: Queue::new(Meter::new("operations", JOB_OPERATIONS, limits.operations, now)),
            queries: Queue::new(Meter::new("queries", QUERIES, limits.queries, now)),
            slots: Queue::new(Slots::new(limits.slots, now)),
            budget: Budget::new(now),
            devices: limits.devices,
        }
    }

    /// Waits for the turn of a call. One that comes back after a rejection goes before all others of its
    /// class.
    pub(crate) async fn turn<'p>(
        &'p self,
        call: &mut Call<'p>,
        deadlines: Deadlines,
    ) -> Result<Permit<'p>, Missed> {
        let slot = match (call.creates, deadlines.slot) {
            (Some(_), Some(deadline)) => {
                let mut turn = pin!(self.slots.turn(call.class, call.slot_place, Some(deadline)));
                let turn = match turn.as_mut().now_or_never() {
                    Some(turn) => turn,
                    None => {
                        if !call.has_reported_slot_wait {
                            call.has_reported_slot_wait = true;
                            self.report_slot_wait(deadline);
                        }
                        turn.await
                    }
                };
                let (place, ()) = turn.map_err(|late| Missed { late, rate: None, is_slot: true })?;
                call.slot_place = Some(place);
                Some(SlotPermit(&self.slots))
            }
            _ => None,
        };
        let meter = if call.is_query { &self.queries } else { &self.operations };
        let turn = meter.turn(call.class, call.place, deadlines.turn).await;
        let rate = || meter.read(|meter, _| meter.rate());
        let (place, pass) = turn.map_err(|late| Missed { late, rate: rate(), is_slot: false })?;
        call.place = Some(place);
        Ok(Permit { pacer: self, meter, pass: Some(pass), creates: call.creates, _slot: slot })
    }

    /// Reports that a create waits for a slot, within the span of its operation.
    fn report_slot_wait(&self, deadline: Instant) {
        // A subscriber is code of the program's: none runs while the queue is locked.
        let SlotState { limit, running, waiting, is_full, .. } = SlotState::read(&self.slots);
        let longest = deadline.saturating_duration_since(Instant::now());
        // A batch waits without a limit by default, which is a year: in a log it would look like an estimate.
        let longest_s = (longest < LONGEST_SHOWN).then_some(longest.as_secs());
        info!(target: PACING, slots = limit, running, is_full, waiting, longest_s, "waiting for a job slot");
    }

    /// Returns true if a failure other than throttling may be retried.
    pub(crate) fn take_retry(&self) -> bool {
        self.budget.take(Instant::now())
    }

    /// Notes that a job was seen to have ended: the next create goes at once.
    pub(crate) fn record_job_end(&self, id: &str) {
        let now = Instant::now();
        if self.slots.read(|slots, _| slots.running() > 0) {
            self.slots.update(|slots| slots.record_end(id, now));
        }
    }

    /// Notes that a job was seen to run.
    pub(crate) fn record_running(&self, id: &str) {
        let now = Instant::now();
        if self.slots.read(|slots, _| slots.running() > 0) {
            self.slots.update(|slots| slots.record_running(id, now));
        }
    }

    /// Returns the time until a job is expected to end: by how long other jobs of this client ran, or by the
    /// hub's rate for the devices that are left.
    pub(crate) fn time_to_end(&self, id: &str, devices_left: u32) -> Option<Duration> {
        let now = Instant::now();
        let by_devices = || Some(Duration::from_secs_f64(f64::from(devices_left) / self.devices?));
        let (time, creates) = self
            .slots
            .read(|slots, [creates, _]| (slots.time_to_end(id, now), creates.min(slots.punctual())));
        // Creates that wait for the ends of these jobs try at the same time: a read stays behind them all.
        let behind = match creates {
            0 => Duration::ZERO,
            creates => self.operations.read(|meter, _| meter.interval()) * creates as u32,
        };
        time.map(|time| time + behind).or_else(by_devices)
    }

    /// Returns the state of the pacer.
    pub(crate) fn snapshot(&self) -> Pacing {
        let now = Instant::now();
        Pacing {
            operations: MeterState::read(&self.operations, now),
            queries: MeterState::read(&self.queries, now),
            slots: SlotState::read(&self.slots),
            retries: self.budget.retries(now),
        }
    }
}

/// The permission to send one request. Dropped without an answer, it says nothing about the pace.
#[must_use = "the pacer learns from answers"]
pub(crate) struct Permit<'p> {
    pacer: &'p Pacer,
    meter: &'p Queue<Meter>,
    pass: Option<Pass>,
    creates: Option<&'p str>,
    _slot: Option<SlotPermit<'p>>,
}

impl Permit<'_> {
    /// Notes the answer, `None` if there was none.
    pub(crate) fn record(mut self, answer: Option<Answer>) {
        let now = Instant::now();
        self.close(
            now,
            match answer {
                None => Verdict::Unknown,
                Some(Answer::Throttled { retry_after }) => Verdict::Rejected { retry_after },
                Some(_) => Verdict::Accepted,
            },
        );
        match (answer, self.creates) {
            (Some(Answer::Success), Some(id)) => {
                self.pacer.slots.update(|slots| slots.record_created(id, now));
            }
            (Some(Answer::SlotBusy { retry_after }), _) => {
                self.pacer.slots.update(|slots| slots.record_busy(retry_after, now));
            }
            _ => {}
        }
        if matches!(answer, Some(Answer::Success)) {
            self.pacer.budget.record_success(now);
        }
    }

    fn close(&mut self, now: Instant, verdict: Verdict) {
        if let Some(pass) = self.pass.take() {
            self.meter.update(|meter| meter.record(pass, verdict, now));
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.close(Instant::now(), Verdict::Unknown);
    }
}

/// A create that is under way, or waits for its turn with a slot reserved.
struct SlotPermit<'p>(&'p Queue<Slots>);

impl Drop for SlotPermit<'_> {
    fn drop(&mut self) {
        self.0.update(Slots::leave);
    }
}

#[cfg(test)]
mod tests;
