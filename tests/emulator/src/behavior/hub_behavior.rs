//! The behavior of a hub.

use std::time::Duration;

use super::forms::{
    ErrorBody, JobIds, LaggingRows, OpenEnd, PayloadEcho, Throttled, TokenClock, TrackingIds, UnknownJob,
    Unreachable,
};

/// How a hub behaves where sources about the service differ, and how far its reads lag.
///
/// The default is what was seen on hubs, without any lag. Lags count on the hub's clock.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::time::Duration;
/// use jobs_emulator::{Emulator, HubBehavior};
///
/// // A job is unknown to reads for five seconds after it was created.
/// let behavior = HubBehavior { create_lag: Duration::from_secs(5), ..HubBehavior::default() };
/// let emulator = Emulator::builder().behavior(behavior).start().await;
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HubBehavior {
    /// Answer to reading an unknown job. Cancelling one is 404 JobNotFound in any case.
    pub unknown_job: UnknownJob,
    /// Time after its creation for which a job is unknown to reads and missing from lists and rows. Its
    /// cancellation, and a second creation, see it at once.
    pub create_lag: Duration,
    /// Time after its cancellation for which a job is still read and listed as `scheduled`.
    pub cancel_lag: Duration,
    /// Time by which the rows of `devices.jobs` lag behind their job.
    pub row_lag: Duration,
    /// How a row looks while it lags.
    pub lagging_rows: LaggingRows,
    /// Whether a job that waits for its start time counts as an active one.
    pub scheduled_jobs_hold_slots: bool,
    /// When a method fails on a device that is offline or disabled.
    pub unreachable_devices: Unreachable,
    /// How a job shows the payload of its method.
    pub payload_echo: PayloadEcho,
    /// The `endTime` of a job that has not ended.
    pub open_end: OpenEnd,
    /// Characters that job ids may have.
    pub job_ids: JobIds,
    /// Whether the rows of modules have a `moduleId`.
    pub rows_name_modules: bool,
    /// Error of a request beyond a meter's queue.
    pub throttled: Throttled,
    /// Seconds of the header `Retry-After` of each 429; `None` for no header.
    pub retry_after: Option<u32>,
    /// Body of an error.
    pub error_body: ErrorBody,
    /// Form of tracking ids.
    pub tracking_ids: TrackingIds,
    /// Clock on which a token has not expired.
    pub token_clock: TokenClock,
}

impl Default for HubBehavior {
    /// Returns the behavior that was seen on hubs.
    fn default() -> Self {
        Self {
            unknown_job: UnknownJob::default(),
            create_lag: Duration::ZERO,
            cancel_lag: Duration::ZERO,
            row_lag: Duration::ZERO,
            lagging_rows: LaggingRows::default(),
            scheduled_jobs_hold_slots: true,
            unreachable_devices: Unreachable::default(),
            payload_echo: PayloadEcho::default(),
            open_end: OpenEnd::default(),
            job_ids: JobIds::default(),
            rows_name_modules: true,
            throttled: Throttled::default(),
            retry_after: None,
            error_body: ErrorBody::default(),
            tracking_ids: TrackingIds::default(),
            token_clock: TokenClock::default(),
        }
    }
}
