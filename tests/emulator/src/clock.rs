//! The hub's clock: follows Tokio's time, and can be set, advanced and paused.

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::mutex::Mutex;

/// Years of the clock: every date has a year of four digits.
const YEARS: RangeInclusive<i32> = 1970..=9000;

/// Clock of a hub: the machine's time at the start, plus Tokio's time since, plus an offset.
///
/// Since it counts in Tokio's time, a test that pauses and advances that moves the hub as well.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    machine_start: DateTime<Utc>,
    course: Mutex<Course>,
    first_course: Course,
    moved: Notify,
}

/// The way in which the hub's time goes.
#[derive(Clone, Copy, Debug)]
struct Course {
    /// How far the hub's time is ahead of the machine's while it runs.
    offset: TimeDelta,
    paused_at: Option<DateTime<Utc>>,
    /// How often the clock was set back.
    set_backs: u64,
}

impl Clock {
    /// `start` is the hub's time at the start, the machine's if it is absent; `None` if it is out of range.
    pub(crate) fn new(start: Option<DateTime<Utc>>, is_paused: bool) -> Option<Self> {
        let machine_start = Utc::now();
        let start = start.unwrap_or(machine_start);
        let paused_at = is_paused.then_some(start);
        let course = Course { offset: start - machine_start, paused_at, set_backs: 0 };
        is_in_range(start).then(|| Self {
            started: Instant::now(),
            machine_start,
            course: Mutex::new(course),
            first_course: course,
            moved: Notify::new(),
        })
    }

    /// Returns the machine's time, which nothing moves but Tokio's clock.
    pub(crate) fn machine_now(&self) -> DateTime<Utc> {
        self.machine_start + self.started.elapsed()
    }

    /// Returns the hub's time.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        // The lock is not held while the time is read: every request comes here several times.
        let course = *self.course.lock();
        self.on(&course)
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.course.lock().paused_at.is_some()
    }

    /// Puts the clock ahead of the machine's, or behind it; returns false if that leaves its range.
    pub(crate) fn set_offset(&self, offset: TimeDelta) -> bool {
        self.machine_now().checked_add_signed(offset).is_some_and(|now| self.set(now))
    }

    /// Sets the clock; returns false if `now` is out of its range.
    pub(crate) fn set(&self, now: DateTime<Utc>) -> bool {
        self.change(|course, _| self.set_course(course, now))
    }

    /// Advances the clock; returns false if that leaves its range.
    pub(crate) fn advance(&self, time: TimeDelta) -> bool {
        self.change(|course, now| {
            now.checked_add_signed(time).is_some_and(|now| self.set_course(course, now))
        })
    }

    /// Lets the clock stand still, or run on.
    pub(crate) fn pause(&self, is_paused: bool) {
        self.change(|course, now| {
            course.paused_at = is_paused.then_some(now);
            course.offset = now - self.machine_now();
        });
    }

    /// Sets the clock back to the course on which it started, and ends all waits for a later time.
    pub(crate) fn reset(&self) {
        self.change(|course, _| {
            *course = Course { set_backs: course.set_backs + 1, ..self.first_course };
        });
    }

    /// Begins a wait for a time that follows from the present one.
    pub(crate) fn wait(&self) -> Wait<'_> {
        Wait { clock: self, set_backs: self.course.lock().set_backs }
    }

    /// Waits until the hub's time is `instant`, as [`Wait::until`].
    pub(crate) async fn sleep_until(&self, instant: DateTime<Utc>) {
        self.wait().until(instant).await;
    }

    /// Returns the hub's time on this course.
    fn on(&self, course: &Course) -> DateTime<Utc> {
        course.paused_at.unwrap_or_else(|| self.machine_now() + course.offset)
    }

    fn set_course(&self, course: &mut Course, now: DateTime<Utc>) -> bool {
        let is_set = is_in_range(now);
        if is_set {
            course.set_backs += u64::from(now < self.on(course));
            course.offset = now - self.machine_now();
            course.paused_at = course.paused_at.map(|_| now);
        }
        is_set
    }

    /// Changes the course, given the hub's time on it.
    fn change<T>(&self, change: impl FnOnce(&mut Course, DateTime<Utc>) -> T) -> T {
        let result = {
            let mut course = self.course.lock();
            let now = self.on(&course);
            change(&mut course, now)
        };
        self.moved.notify_waiters();
        result
    }
}

/// A wait on the hub's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait<'a> {
    clock: &'a Clock,
    set_backs: u64,
}

impl Wait<'_> {
    /// Waits until the hub's time is `instant` or later, however the clock is moved meanwhile. Returns once it has
    /// been set back since the wait began: the time waited for belongs to a course that did not come.
    pub(crate) async fn until(self, instant: DateTime<Utc>) {
        let Self { clock, set_backs } = self;
        loop {
            let moved = clock.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let course = *clock.course.lock();
            let rest = (instant - clock.on(&course)).to_std().unwrap_or_default();
            if rest.is_zero() || course.set_backs > set_backs {
                return;
            }
            match course.paused_at {
                Some(_) => moved.await,
                None => tokio::select! {
                    () = sleep(rest) => {}
                    () = moved => {}
                },
            }
        }
    }
}

fn is_in_range(instant: DateTime<Utc>) -> bool {
    YEARS.contains(&instant.year())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    fn running() -> Clock {
        Clock::new(None, false).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn clock_follows_paused_time_and_its_offset() {
        let clock = running();
        let start = clock.now();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(clock.now() - start, TimeDelta::hours(1));
        assert!(clock.advance(TimeDelta::days(2)));
        assert_eq!(clock.now() - start, TimeDelta::hours(49));
        assert!(clock.set(start));
        assert_eq!(clock.now(), start);
        assert!(!clock.advance(TimeDelta::days(9_000_000)));
        assert_eq!(clock.now(), start);
        assert!(Clock::new(Some(DateTime::<Utc>::MAX_UTC), false).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn paused_clock_moves_only_when_it_is_set_or_advanced() {
        let start = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let clock = Clock::new(Some(start), true).unwrap();
        let hour = Duration::from_secs(3600);
        tokio::time::advance(hour).await;
        assert_eq!(clock.now(), start);
        clock.advance(TimeDelta::hours(2));
        assert_eq!(clock.now(), start + TimeDelta::hours(2));
        clock.pause(false);
        tokio::time::advance(hour).await;
        assert_eq!(clock.now(), start + TimeDelta::hours(3));
        clock.pause(true);
        clock.set(start);
        tokio::time::advance(hour).await;
        assert_eq!(clock.now(), start);
        clock.pause(false);
        clock.reset();
        assert!(clock.is_paused() && clock.now() == start);
    }

    #[tokio::test(start_paused = true)]
    async fn sleep_ends_when_the_clock_is_advanced_or_set_back() {
        for (days, is_paused) in [(366, false), (-1, false), (366, true), (-1, true)] {
            let clock = Arc::new(Clock::new(None, is_paused).unwrap());
            let start = Instant::now();
            let sleeper = tokio::spawn({
                let clock = clock.clone();
                async move { clock.sleep_until(clock.now() + TimeDelta::days(365)).await }
            });
            tokio::task::yield_now().await;
            assert!(clock.advance(TimeDelta::days(days)));
            sleeper.await.unwrap();
            assert!(start.elapsed() < Duration::from_secs(1));
        }
    }
}
