//! The times of polls.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The first interval between two polls, and the longest: a hub allows 100 job operations a minute.
const INTERVAL: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// How long before the start of a scheduled job the next poll comes.
const BEFORE_START: Duration = Duration::from_secs(1);

pub(super) struct PollTimer {
    start: Instant,
    timeout: Option<Duration>,
    interval: Duration,
}

impl PollTimer {
    pub(super) fn start(timeout: Option<Duration>) -> Self {
        Self { start: Instant::now(), timeout, interval: INTERVAL.0 }
    }

    /// Returns how long the wait may still last.
    pub(super) fn remaining(&self) -> Duration {
        self.timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(self.start.elapsed()))
    }

    /// Returns true if the timeout has passed.
    pub(super) fn is_expired(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Sleeps until the next poll, or until shortly before a start that is `time_to_start` away. Returns
    /// false if the timeout comes first.
    pub(super) async fn sleep(&mut self, time_to_start: Duration) -> bool {
        let wait = self.interval.max(time_to_start.saturating_sub(BEFORE_START));
        let remaining = self.remaining();
        sleep(wait.min(remaining)).await;
        self.interval = (self.interval * 3 / 2).min(INTERVAL.1);
        wait < remaining
    }

    /// Resets the interval after a change: another may follow soon.
    pub(super) fn reset(&mut self) {
        self.interval = INTERVAL.0;
    }
}
