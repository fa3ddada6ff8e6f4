//! The settings of a wait.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::follow::poll_timer::INTERVALS;
use crate::generated::types::JobResponse;

/// How long the hub may not know a job by default: one that was just created is not shown at once.
const NOT_FOUND_AFTER: Duration = Duration::from_secs(30);

/// A callback that receives each state of a job that differs from the previous one.
pub(super) type OnProgress<'a> = Box<dyn FnMut(&JobResponse) + Send + 'a>;

/// How a job is waited for.
#[derive(Clone, Debug)]
pub(in crate::follow) struct Settings {
    pub(in crate::follow) timeout: Option<Duration>,
    pub(in crate::follow) intervals: RangeInclusive<Duration>,
    pub(in crate::follow) not_found_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { timeout: None, intervals: INTERVALS, not_found_after: NOT_FOUND_AFTER }
    }
}

/// The setters of a wait, which has `settings` and `on_progress`.
macro_rules! wait_setters {
    ($a:lifetime) => {
        /// Ends the wait after this time, which is not an error; unlimited by default. The first request is
        /// always completed, retries included.
        pub fn timeout(mut self, timeout: Duration) -> Self {
            self.settings.timeout = Some(timeout);
            self
        }

        /// Sets the shortest and the longest time between two polls; half a second and 10 seconds by default.
        pub fn poll_intervals(mut self, intervals: RangeInclusive<Duration>) -> Self {
            self.settings.intervals = intervals;
            self
        }

        /// Sets how long the hub may not know a job before the wait for it ends with [`Error::is_not_found`]:
        /// 30 seconds by default. Zero ends it at the first poll that does not show the job.
        pub fn not_found_after(mut self, time: Duration) -> Self {
            self.settings.not_found_after = time;
            self
        }

        /// Calls this with each state of a job that differs from the previous one, the first and the last
        /// included.
        pub fn on_progress(mut self, on_progress: impl FnMut(&JobResponse) + Send + $a) -> Self {
            self.on_progress = Some(Box::new(on_progress));
            self
        }
    };
}
pub(super) use wait_setters;
