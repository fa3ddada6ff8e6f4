//! The times of polls.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The shortest and the longest interval between two polls: a hub allows 100 job operations a minute.
pub(super) const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(10);
/// The shortest interval that may be set: polls without a pause would leave nothing to other calls.
const SHORTEST: Duration = Duration::from_millis(10);
/// How long before the start of a scheduled job the next poll comes.
const BEFORE_START: Duration = Duration::from_secs(1);
/// The longest wait for the start of a scheduled job: the clock may have been set, or the job cancelled.
const LONGEST_TO_START: Duration = Duration::from_secs(600);

pub(super) struct PollTimer {
    start: Instant,
    timeout: Option<Duration>,
    shortest: Duration,
    longest: Duration,
    interval: Duration,
}

impl PollTimer {
    pub(super) fn start(timeout: Option<Duration>, intervals: &RangeInclusive<Duration>) -> Self {
        let shortest = (*intervals.start()).max(SHORTEST);
        let longest = (*intervals.end()).max(shortest);
        Self { start: Instant::now(), timeout, shortest, longest, interval: shortest }
    }

    /// Returns how long the wait may still last.
    pub(super) fn remaining(&self) -> Duration {
        self.timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(self.start.elapsed()))
    }

    /// Sleeps until the next poll, or until shortly before a start that is `time_to_start` away, at most 10 minutes.
    /// The next poll comes when the job is expected to end, if that is known. Returns false if the timeout comes first.
    pub(super) async fn sleep(&mut self, time_to_start: Duration, time_to_end: Option<Duration>) -> bool {
        let expected = time_to_end.filter(|time| !time.is_zero());
        let interval = expected.map_or(self.interval, |time| time.clamp(self.shortest, self.longest));
        let wait = interval.max(time_to_start.saturating_sub(BEFORE_START).min(LONGEST_TO_START));
        let remaining = self.remaining();
        sleep(wait.min(remaining)).await;
        self.interval = (self.interval.saturating_mul(3) / 2).min(self.longest);
        wait < remaining
    }

    /// Resets the interval after a change: another may follow soon.
    pub(super) fn reset(&mut self) {
        self.interval = self.shortest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the milliseconds that `count` waits take.
    async fn waits(timer: &mut PollTimer, count: usize) -> Vec<u128> {
        let mut waits = Vec::new();
        for _ in 0..count {
            let start = Instant::now();
            assert!(timer.sleep(Duration::ZERO, None).await);
            waits.push(start.elapsed().as_millis());
        }
        waits
    }

    #[tokio::test(start_paused = true)]
    async fn intervals_grow_from_half_a_second_to_ten_and_start_again() {
        let mut timer = PollTimer::start(None, &INTERVALS);
        assert_eq!(waits(&mut timer, 3).await, [500, 750, 1125]);
        assert_eq!(waits(&mut timer, 8).await[6..], [10_000, 10_000]);
        timer.reset();
        assert_eq!(waits(&mut timer, 1).await, [500]);
    }

    #[tokio::test(start_paused = true)]
    async fn poll_comes_a_second_before_a_scheduled_start_and_at_an_expected_end() {
        let mut timer = PollTimer::start(None, &INTERVALS);
        let start = Instant::now();
        assert!(timer.sleep(Duration::from_secs(300), None).await);
        assert_eq!(start.elapsed(), Duration::from_secs(299));
        let start = Instant::now();
        assert!(timer.sleep(Duration::from_secs(3600), None).await);
        assert_eq!(start.elapsed(), LONGEST_TO_START, "clocks may be set, and jobs cancelled");
        let start = Instant::now();
        assert!(timer.sleep(Duration::ZERO, Some(Duration::from_secs(7))).await);
        assert_eq!(start.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn longest_interval_ends_at_the_timeout() {
        let longest = Duration::MAX..=Duration::MAX;
        let mut timer = PollTimer::start(Some(Duration::from_secs(1)), &longest);
        assert!(!timer.sleep(Duration::ZERO, None).await);
    }

    #[tokio::test(start_paused = true)]
    async fn timeout_ends_the_wait() {
        let mut timer = PollTimer::start(Some(Duration::from_secs(1)), &INTERVALS);
        assert!(timer.sleep(Duration::ZERO, None).await);
        assert!(!timer.sleep(Duration::ZERO, None).await);
        assert!(timer.remaining().is_zero());
    }
}
