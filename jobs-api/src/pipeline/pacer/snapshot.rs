//! The state of a pacer, for operators.

use std::time::Duration;

use tokio::time::Instant;

use super::meter::Meter;
use super::queue::{Gate as _, Queue};
use super::slots::Slots;

/// The state of a client's pacer: [`Client::pacing`](crate::Client::pacing).
///
/// ```
/// # fn example(client: jobs_api::Client) {
/// if let Some(pacing) = client.pacing() {
///     let slots = pacing.slots;
///     println!("{} creates wait for a slot, {} jobs run", slots.waiting, slots.running);
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pacing {
    /// Operations on jobs.
    pub operations: MeterState,
    /// Queries of the rows of jobs.
    pub queries: MeterState,
    /// The slots for running jobs.
    pub slots: SlotState,
    /// Retries of failures other than throttling that may be made now.
    pub retries: u32,
}

/// The state of one of the hub's meters.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MeterState {
    /// Calls a minute; `None` while nothing is known to bind.
    pub rate: Option<f64>,
    /// The rate was set for the client, not learned from the hub.
    pub is_told: bool,
    /// Calls that the hub accepts at once after a pause, as far as it has proved that.
    pub burst: u32,
    /// Creates and cancels that wait for their turn.
    pub waiting_changes: usize,
    /// Reads and lists that wait for their turn.
    pub waiting_reads: usize,
    /// How long no call is sent, after a rejection.
    pub hold: Option<Duration>,
}

/// The state of the slots for running jobs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SlotState {
    /// Jobs that run at the same time; `None` until it is set or learned.
    pub limit: Option<usize>,
    /// Jobs of this client that are believed to run.
    pub running: usize,
    /// The hub had no slot for the last create, and no job was seen to end since.
    pub is_full: bool,
    /// Creates that wait for a slot.
    pub waiting: usize,
}

impl MeterState {
    pub(super) fn read(queue: &Queue<Meter>, now: Instant) -> Self {
        queue.read(|meter, [waiting_changes, waiting_reads]| Self {
            rate: meter.rate(),
            is_told: meter.is_told(),
            burst: meter.burst(),
            waiting_changes,
            waiting_reads,
            hold: meter.hold().map(|hold| hold.saturating_duration_since(now)).filter(|hold| !hold.is_zero()),
        })
    }
}

impl SlotState {
    pub(super) fn read(queue: &Queue<Slots>) -> Self {
        queue.read(|slots, [changes, reads]| Self {
            limit: slots.limit(),
            running: slots.running(),
            is_full: slots.is_full(),
            waiting: changes + reads,
        })
    }
}
