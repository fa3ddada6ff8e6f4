//! A rate, with the burst and the queue that shape it.

use std::time::Duration;

/// Operations in a period, the burst that passes at once, and the queue behind it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimit {
    operations: u32,
    period: Duration,
    burst: u32,
    queue: u32,
}

impl RateLimit {
    /// Allows `operations` a minute, with a burst of one operation and no queue.
    pub const fn per_minute(operations: u32) -> Self {
        Self { operations, period: Duration::from_secs(60), burst: 1, queue: 0 }
    }

    /// Allows `operations` a second, with a burst of one operation and no queue.
    pub const fn per_second(operations: u32) -> Self {
        Self { operations, period: Duration::from_secs(1), burst: 1, queue: 0 }
    }

    /// Sets how many operations pass at once after a rest; 0 counts as 1.
    #[must_use]
    pub const fn with_burst(mut self, operations: u32) -> Self {
        self.burst = operations;
        self
    }

    /// Sets how many operations wait at a time; further ones are rejected.
    #[must_use]
    pub const fn with_queue(mut self, operations: u32) -> Self {
        self.queue = operations;
        self
    }

    /// Returns the time between two operations at the rate, in nanoseconds; at least 1.
    pub(super) fn interval(self) -> i64 {
        let period = i64::try_from(self.period.as_nanos()).unwrap_or(i64::MAX);
        (period / i64::from(self.operations.max(1))).max(1)
    }

    pub(super) fn burst(self) -> i64 {
        i64::from(self.burst.max(1))
    }

    pub(super) fn queue(self) -> i64 {
        i64::from(self.queue)
    }

    /// Returns how many operations the rate brings in this time.
    pub(super) fn operations_in(self, time: Duration) -> u32 {
        let operations = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX) / self.interval();
        u32::try_from(operations).unwrap_or(u32::MAX)
    }
}
