//! The hub's bucket as a client sees it: the calls that it allows at once, and those that it lacks.

use std::time::Duration;

use tokio::time::Instant;

/// The lateness of a timer that the next call makes up for.
const SLACK: Duration = Duration::from_millis(2);

/// A bucket that fills by one call in each interval. It counts calls and not the time until it is full, since
/// the interval changes: a bucket of thousands must not take longer because a few calls were slower.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    /// The calls that it lacked at this time. Less than none is time that no call has used.
    lacking: f64,
    since: Instant,
    /// The calls that it holds, as far as the hub has proved it.
    burst: f64,
}

impl Bucket {
    pub(super) fn new(now: Instant) -> Self {
        Self { lacking: 0.0, since: now, burst: 0.0 }
    }

    /// Returns the calls that a full bucket allows at once, as far as the hub has proved it.
    pub(super) fn burst(&self) -> f64 {
        self.burst
    }

    /// Notes that a call was accepted which found so many calls lacking.
    pub(super) fn record_accepted(&mut self, debt: f64) {
        self.burst = self.burst.max(debt);
    }

    /// Notes that a call was rejected which found so many calls lacking.
    pub(super) fn record_rejected(&mut self, debt: f64) {
        self.burst = self.burst.min(debt).floor();
    }

    /// Forgets what was proved.
    pub(super) fn forget(&mut self) {
        self.burst = 0.0;
    }

    /// Lets it fill until now, before the interval changes.
    pub(super) fn fill(&mut self, interval: Duration, now: Instant) {
        self.lacking = self.left(interval, now);
        self.since = self.since.max(now);
    }

    /// Forgets the time that no call has used.
    pub(super) fn settle(&mut self) {
        self.lacking = self.lacking.max(0.0);
    }

    /// Notes that nothing is left of it at this time. A reserve of so many calls is filled before the next one
    /// goes, even if no burst was proved that would hold it.
    pub(super) fn empty(&mut self, reserve: f64, now: Instant) {
        (self.lacking, self.since) = (1.0 + self.burst.max(reserve), now);
    }

    /// Takes a call out of it.
    pub(super) fn take(&mut self, interval: Duration, now: Instant) {
        self.fill(interval, now);
        let is_punctual = interval.mul_f64((-self.lacking).max(0.0)) < SLACK;
        self.lacking = if is_punctual { self.lacking } else { 0.0 } + 1.0;
    }

    /// Returns how many calls it lacks.
    pub(super) fn debt(&self, interval: Duration, now: Instant) -> f64 {
        self.left(interval, now).max(0.0)
    }

    /// Returns true if no more than half a call was left unused.
    pub(super) fn is_drawn_on(&self, interval: Duration, now: Instant) -> bool {
        self.left(interval, now) >= -0.5
    }

    /// Returns the time at which it holds a call beside so many that are not touched, if that lies ahead.
    pub(super) fn opening(&self, interval: Duration, reserve: f64, now: Instant) -> Option<Instant> {
        let missing = self.lacking - (self.burst - reserve).max(0.0);
        let opening = self.since + interval.mul_f64(missing.max(0.0));
        Some(opening).filter(|time| *time > now)
    }

    fn left(&self, interval: Duration, now: Instant) -> f64 {
        let time = now.saturating_duration_since(self.since).as_secs_f64();
        if interval.is_zero() { 0.0 } else { self.lacking - time / interval.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Returns a bucket of a hub that allows 5,000 calls at once, empty at this time.
    fn empty(now: Instant) -> Bucket {
        let mut bucket = Bucket::new(now);
        bucket.record_accepted(5000.0);
        bucket.empty(0.0, now);
        bucket
    }

    #[test]
    fn slower_interval_costs_a_large_bucket_no_more_than_the_calls_it_lasts_for() {
        let now = Instant::now();
        let mut bucket = empty(now);
        assert_eq!(bucket.opening(SECOND / 80, 0.0, now), Some(now + SECOND / 80));
        // Half as fast for a second, after which it is filled by 40 calls instead of 80.
        bucket.fill(SECOND / 40, now + SECOND);
        assert!((bucket.debt(SECOND / 80, now + SECOND) - 4961.0).abs() < 1e-6);
        assert_eq!(bucket.opening(SECOND / 80, 0.0, now + SECOND), None);
    }

    #[test]
    fn reserve_is_left_in_the_bucket() {
        let now = Instant::now();
        let bucket = empty(now);
        assert_eq!(bucket.opening(SECOND, 3.0, now), Some(now + 4 * SECOND));
        // One without a proved burst fills it, too, once.
        let mut bucket = Bucket::new(now);
        bucket.empty(3.0, now + SECOND);
        assert_eq!(bucket.opening(SECOND, 3.0, now), Some(now + 5 * SECOND));
        bucket.take(SECOND, now + 5 * SECOND);
        assert_eq!(bucket.opening(SECOND, 3.0, now + 5 * SECOND), Some(now + 6 * SECOND));
    }

    #[test]
    fn timer_that_is_a_little_late_is_made_up_for() {
        let (now, interval) = (Instant::now(), SECOND / 10);
        for (late, expected) in [(1, 1), (3, 0)]
            .map(|(late, made_up)| (Duration::from_millis(late), Duration::from_millis(made_up)))
        {
            let mut bucket = Bucket::new(now);
            bucket.take(interval, now);
            let second = now + interval + late;
            bucket.take(interval, second);
            let third = bucket.opening(interval, 0.0, second).unwrap();
            assert!((second + interval - expected).saturating_duration_since(third) < SECOND / 1_000_000);
            assert!(third.saturating_duration_since(second + interval - expected) < SECOND / 1_000_000);
        }
    }

    #[test]
    fn unused_time_is_not_drawn_on() {
        let now = Instant::now();
        let mut bucket = Bucket::new(now);
        bucket.take(SECOND, now);
        assert!(bucket.is_drawn_on(SECOND, now + 3 * SECOND / 2));
        assert!(!bucket.is_drawn_on(SECOND, now + 2 * SECOND));
        assert_eq!(bucket.debt(SECOND, now + 100 * SECOND), 0.0);
        bucket.take(SECOND, now + 100 * SECOND);
        assert_eq!(bucket.debt(SECOND, now + 100 * SECOND), 1.0);
    }
}
