//! When to poll next.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The first interval between two polls, and the longest: a hub allows 100 job operations a minute.
const INTERVAL: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// How long before the start of a job it is looked at again.
const AHEAD_OF_START: Duration = Duration::from_secs(1);

pub(super) struct Pace {
    begun: Instant,
    timeout: Option<Duration>,
    interval: Duration,
}

impl Pace {
    pub(super) fn begin(timeout: Option<Duration>) -> Self {
        Self { begun: Instant::now(), timeout, interval: INTERVAL.0 }
    }

    /// How long the wait may still go on.
    pub(super) fn remaining(&self) -> Duration {
        self.timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(self.begun.elapsed()))
    }

    /// Whether the wait has gone on for as long as it may.
    pub(super) fn is_up(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Waits for the next poll, or for shortly before `start`; false when the time is up before.
    pub(super) async fn wait(&mut self, start: Duration) -> bool {
        let wait = self.interval.max(start.saturating_sub(AHEAD_OF_START));
        let remaining = self.remaining();
        sleep(wait.min(remaining)).await;
        self.interval = (self.interval * 3 / 2).min(INTERVAL.1);
        wait < remaining
    }

    /// Something changed: look again soon.
    pub(super) fn quicken(&mut self) {
        self.interval = INTERVAL.0;
    }
}
