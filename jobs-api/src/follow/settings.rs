//! The settings of waits and batches.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::poll_timer::INTERVALS;

/// How long the hub may not know a job by default: one that was just created is not shown at once.
const NOT_FOUND_AFTER: Duration = Duration::from_secs(30);
/// How long rows that lag behind their job are waited for by default.
const ROWS_TIMEOUT: Duration = Duration::from_secs(30);

/// How a job is waited for, and how its rows are read.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) timeout: Option<Duration>,
    pub(super) intervals: RangeInclusive<Duration>,
    pub(super) not_found_after: Duration,
    pub(super) rows_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: None,
            intervals: INTERVALS,
            not_found_after: NOT_FOUND_AFTER,
            rows_timeout: ROWS_TIMEOUT,
        }
    }
}

/// The setters that waits and batches share, by where their settings are.
macro_rules! shared_setters {
    ($($settings:ident).+) => {
        /// Sets the shortest and the longest time between two polls of a job; half a second and 10 seconds by
        /// default.
        pub fn poll_intervals(mut self, intervals: RangeInclusive<Duration>) -> Self {
            self.$($settings).+.intervals = intervals;
            self
        }

        /// Sets how long the hub may not know a job before the wait for it ends with [`Error::is_not_found`]:
        /// 30 seconds by default. Zero ends it at the first poll that does not show the job.
        pub fn not_found_after(mut self, time: Duration) -> Self {
            self.$($settings).+.not_found_after = time;
            self
        }

        /// Limits the wait of a report for rows that lag behind the job or cannot be read, 30 seconds by default:
        /// see [`JobReport`]. Zero reads the rows once.
        pub fn rows_timeout(mut self, timeout: Duration) -> Self {
            self.$($settings).+.rows_timeout = timeout;
            self
        }
    };
}
pub(super) use shared_setters;
