//! The hub's clock: follows Tokio's time, and can be set and advanced.

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc};
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

/// Formats a date as the hub writes it: seven fraction digits and `Z`.
///
/// Conditions on dates format them for each row, so this writes the digits itself.
pub(crate) fn timestamp(instant: DateTime<Utc>) -> String {
    let mut text = String::with_capacity("1970-01-01T00:00:00.0000000Z".len());
    let mut part = |number: u32, width: u32, end: char| {
        for place in (0..width).rev() {
            text.push(char::from(b'0' + (number / 10_u32.pow(place) % 10) as u8));
        }
        text.push(end);
    };
    part(instant.year().unsigned_abs(), 4, '-');
    part(instant.month(), 2, '-');
    part(instant.day(), 2, 'T');
    part(instant.hour(), 2, ':');
    part(instant.minute(), 2, ':');
    part(instant.second(), 2, '.');
    part(instant.timestamp_subsec_nanos() / 100, 7, 'Z');
    text
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

    #[test]
    fn timestamp_has_seven_fraction_digits() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.0000000Z"),
            ("2031-12-09T23:58:07.123456789Z", "2031-12-09T23:58:07.1234567Z"),
            ("2000-02-29T12:00:59.0000009+02:00", "2000-02-29T10:00:59.0000009Z"),
        ] {
            assert_eq!(timestamp(DateTime::parse_from_rfc3339(text).unwrap().to_utc()), expected);
        }
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
