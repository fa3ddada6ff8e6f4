//! The state of a client's pace, for operators.

use std::time::Duration;

/// The state of a client's pace: [`Client::pacing`](crate::Client::pacing).
///
/// ```
/// # fn example(client: jobs_api::Client) {
/// if let Some(pacing) = client.pacing() {
///     let slots = pacing.slots;
///     println!("{} creates wait for a slot, {} jobs hold one", slots.waiting, slots.running);
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
    /// The slots for jobs.
    pub slots: SlotState,
    /// The hub only fails: one probe is sent at a time.
    pub is_outage: bool,
}

/// The state of one of the hub's meters.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MeterState {
    /// The rate limit in calls a minute; `None` while no limit is known.
    pub rate: Option<f64>,
    /// The rate limit was configured. It may be lower after rejections, never higher.
    pub is_configured: bool,
    /// Creates and cancels that wait for the rate limit, or for the end of an outage.
    pub waiting_changes: usize,
    /// Reads and lists that wait for the rate limit, or for the end of an outage.
    pub waiting_reads: usize,
    /// The remaining pause after throttling.
    pub pause: Option<Duration>,
}

/// The state of the slots for jobs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SlotState {
    /// Jobs that may hold a slot at the same time; `None` until it is set or learned.
    pub limit: Option<usize>,
    /// Jobs of this client that are believed to hold a slot: those that run, and those that are scheduled.
    pub running: usize,
    /// The hub had no slot for the last create, and no job was seen to end since.
    pub is_full: bool,
    /// Creates that wait for a slot.
    pub waiting: usize,
}
