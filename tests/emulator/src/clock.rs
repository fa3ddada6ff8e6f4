//! The hub's clock: follows Tokio's time, and can be set and advanced.

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::mutex::Mutex;

/// Years within which the clock can be set, so that every date has four digits of a year.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9000;

/// Clock of a hub: the machine's time at the start, plus Tokio's time since, plus an offset.
///
/// Since it counts in Tokio's time, a test that pauses and advances that moves the hub as well.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    machine_start: DateTime<Utc>,
    offset: Mutex<TimeDelta>,
    first_offset: TimeDelta,
    moved: Notify,
}

impl Clock {
    /// `start` is the hub's time at the start; that of the machine if it is absent or out of range.
    pub(crate) fn new(start: Option<DateTime<Utc>>) -> Self {
        let machine_start = Utc::now();
        let start = start.filter(|start| YEARS.contains(&start.year()));
        let first_offset = start.map_or(TimeDelta::zero(), |start| start - machine_start);
        let offset = Mutex::new(first_offset);
        Self { started: Instant::now(), machine_start, offset, first_offset, moved: Notify::new() }
    }

    /// Returns the machine's time, which nothing moves but Tokio's clock.
    pub(crate) fn machine_now(&self) -> DateTime<Utc> {
        self.machine_start + self.started.elapsed()
    }

    /// Returns the hub's time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.machine_now() + *self.offset.lock()
    }

    /// Puts the clock ahead of the machine's, or behind it; returns false if that leaves its range.
    pub(crate) fn set_offset(&self, offset: TimeDelta) -> bool {
        let is_in_range =
            self.machine_now().checked_add_signed(offset).is_some_and(|now| YEARS.contains(&now.year()));
        if is_in_range {
            *self.offset.lock() = offset;
            self.moved.notify_waiters();
        }
        is_in_range
    }

    /// Sets the clock; returns false if `now` is out of its range.
    pub(crate) fn set(&self, now: DateTime<Utc>) -> bool {
        self.set_offset(now - self.machine_now())
    }

    /// Sets the clock back to the course on which it started.
    pub(crate) fn reset(&self) {
        self.set_offset(self.first_offset);
    }

    /// Advances the clock; returns false if that leaves its range.
    pub(crate) fn advance(&self, time: TimeDelta) -> bool {
        let offset = self.offset.lock().checked_add(&time);
        offset.is_some_and(|offset| self.set_offset(offset))
    }

    /// Waits until the hub's time is `instant` or later, however the clock is moved meanwhile.
    pub(crate) async fn sleep_until(&self, instant: DateTime<Utc>) {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let Ok(rest) = (instant - self.now()).to_std() else { return };
            if rest.is_zero() {
                return;
            }
            tokio::select! {
                () = sleep(rest) => {}
                () = moved => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn clock_follows_paused_time_and_its_offset() {
        let clock = Clock::new(None);
        let start = clock.now();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(clock.now() - start, TimeDelta::hours(1));
        assert!(clock.advance(TimeDelta::days(2)));
        assert_eq!(clock.now() - start, TimeDelta::hours(49));
        assert!(clock.set(start));
        assert_eq!(clock.now(), start);
        assert!(!clock.advance(TimeDelta::days(9_000_000)));
        assert_eq!(clock.now(), start);
    }

    #[tokio::test(start_paused = true)]
    async fn sleep_ends_when_the_clock_is_advanced() {
        let clock = std::sync::Arc::new(Clock::new(None));
        let start = Instant::now();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(clock.now() + TimeDelta::days(365)).await }
        });
        tokio::task::yield_now().await;
        assert!(clock.advance(TimeDelta::days(366)));
        sleeper.await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}
