//! The durations of a job's states.

use std::time::Duration;

/// Durations of a job's states.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
/// use jobs_emulator::{Device, Emulator, Pace};
///
/// // Jobs run for a second.
/// let pace = Pace { running: Duration::from_secs(1), ..Pace::default() };
/// let emulator = Emulator::builder().pace(pace).device(Device::new("pump-1")).start().await;
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// Time from creation until the job is scheduled.
    pub queued: Duration,
    /// Least time in the state `scheduled`, even if the start time has passed.
    pub scheduled: Duration,
    /// Time over which the devices are spread while the job runs.
    pub running: Duration,
}

impl Default for Pace {
    /// Returns a pace of 50 ms queued, 50 ms scheduled and 200 ms running.
    fn default() -> Self {
        let [queued, scheduled, running] = [50, 50, 200].map(Duration::from_millis);
        Self { queued, scheduled, running }
    }
}
