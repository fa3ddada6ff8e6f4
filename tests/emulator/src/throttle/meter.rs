//! One meter: a token bucket with a queue, as a pure function of the time.

use chrono::{DateTime, TimeDelta, Utc};

use super::rate_limit::RateLimit;

/// Answer of a meter to one operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Admission {
    /// Within the burst.
    Immediate,
    /// Queued until this time.
    Queued(DateTime<Utc>),
    /// The queue is full; the operation is not counted.
    Rejected,
}

/// Token bucket with a queue.
///
/// The whole state is the time at which the bucket would be full again: each operation puts it off by
/// the interval of the rate.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    limit: RateLimit,
    full_at: DateTime<Utc>,
    /// Time of the latest operation.
    last: DateTime<Utc>,
}

impl Meter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, full_at: DateTime::UNIX_EPOCH, last: DateTime::UNIX_EPOCH }
    }

    /// Fills the bucket.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.limit);
    }

    /// Counts an operation at `now`, unless the queue is full.
    pub(crate) fn admit(&mut self, now: DateTime<Utc>) -> Admission {
        let wait = self.wait(now);
        if wait > self.limit.interval().saturating_mul(self.limit.queue()) {
            return Admission::Rejected;
        }
        self.count(now);
        match wait {
            0 => Admission::Immediate,
            wait => Admission::Queued(now + TimeDelta::nanoseconds(wait)),
        }
    }

    /// Counts an operation at `now` and returns when it may happen, however long the queue is.
    pub(crate) fn reserve(&mut self, now: DateTime<Utc>) -> DateTime<Utc> {
        let wait = self.wait(now);
        self.count(now);
        now + TimeDelta::nanoseconds(wait)
    }

    /// Returns how many operations would pass at once at `now`.
    pub(crate) fn available(&self, now: DateTime<Utc>) -> i64 {
        let used = self.used(now);
        (self.limit.burst() - (used + self.limit.interval() - 1) / self.limit.interval()).max(0)
    }

    /// Returns how long an operation would wait at `now`, in nanoseconds.
    fn wait(&self, now: DateTime<Utc>) -> i64 {
        let capacity = self.limit.interval().saturating_mul(self.limit.burst());
        let used = self.used(now).saturating_add(self.limit.interval());
        used.saturating_sub(capacity).max(0)
    }

    /// Returns the time in which the bucket would be full again, in nanoseconds.
    fn used(&self, now: DateTime<Utc>) -> i64 {
        // A clock that is set back empties the queue: its operations belong to a time that did not come.
        let full_at = if now < self.last { now } else { self.full_at };
        (full_at - now).num_nanoseconds().unwrap_or(i64::MAX).max(0)
    }

    fn count(&mut self, now: DateTime<Utc>) {
        let used = self.used(now).saturating_add(self.limit.interval());
        self.full_at = now + TimeDelta::nanoseconds(used);
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::milliseconds(1_000_000_000 + (seconds * 1000.0) as i64)
    }

    /// One operation a second.
    fn meter(burst: u32, queue: u32) -> Meter {
        Meter::new(RateLimit::per_minute(60).with_burst(burst).with_queue(queue))
    }

    #[test]
    fn burst_passes_then_the_queue_grows_then_operations_are_rejected() {
        let mut meter = meter(3, 2);
        let admissions: Vec<_> = (0..7).map(|_| meter.admit(at(0.0))).collect();
        use Admission::{Immediate, Queued, Rejected};
        let expected =
            [Immediate, Immediate, Immediate, Queued(at(1.0)), Queued(at(2.0)), Rejected, Rejected];
        assert_eq!(admissions, expected);
    }

    #[test]
    fn rejected_operations_do_not_count() {
        let mut meter = meter(1, 1);
        for _ in 0..100 {
            meter.admit(at(0.0));
        }
        assert_eq!(meter.admit(at(1.0)), Admission::Queued(at(2.0)));
        assert_eq!(meter.admit(at(3.0)), Admission::Immediate);
    }

    #[test]
    fn rest_refills_the_burst_and_no_more() {
        let mut meter = meter(2, 0);
        assert_eq!([meter.admit(at(0.0)), meter.admit(at(0.0))], [Admission::Immediate; 2]);
        assert_eq!((meter.available(at(0.0)), meter.available(at(1.0))), (0, 1));
        assert_eq!(meter.available(at(1000.0)), 2);
        let admissions: Vec<_> = (0..3).map(|_| meter.admit(at(1000.0))).collect();
        assert_eq!(admissions, [Admission::Immediate, Admission::Immediate, Admission::Rejected]);
    }

    #[test]
    fn long_run_keeps_the_rate() {
        let mut meter = meter(5, 10);
        let admitted = (0..10_000).filter(|n| meter.admit(at(f64::from(*n) / 10.0)) != Admission::Rejected);
        // 1,000 seconds at one a second, the burst and the queue.
        assert_eq!(admitted.count(), 1_000 + 5 + 10 - 1);
    }

    #[test]
    fn clock_set_back_empties_the_queue() {
        let mut meter = meter(1, 5);
        for _ in 0..5 {
            meter.admit(at(10_000.0));
        }
        assert_eq!(meter.admit(at(0.0)), Admission::Immediate);
        assert_eq!(meter.admit(at(0.0)), Admission::Queued(at(1.0)));
    }

    #[test]
    fn reservations_follow_each_other_at_the_rate() {
        let mut meter = meter(1, 0);
        let times: Vec<_> = (0..4).map(|_| meter.reserve(at(0.5))).collect();
        assert_eq!(times, [at(0.5), at(1.5), at(2.5), at(3.5)]);
    }
}
