//! Arithmetic of dates and durations.

use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Returns a random time from the range.
pub(super) fn pick(random: &mut fastrand::Rng, range: &RangeInclusive<Duration>) -> Duration {
    let (least, most) = (*range.start(), *range.end());
    if least == most { least } else { least + (most - least).mul_f64(random.f64()) }
}

/// Returns the date that lies this time after another; the last one if there is none.
pub(super) fn after(at: DateTime<Utc>, time: Duration) -> DateTime<Utc> {
    at.checked_add_signed(delta(time)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Returns true if a change at `change` is not visible at `now`, for it becomes so after `lag`.
pub(super) fn lags(change: DateTime<Utc>, lag: Duration, now: DateTime<Utc>) -> bool {
    !lag.is_zero() && now < after(change, lag)
}

/// Returns a time as the difference of dates; the greatest if it is too long.
pub(super) fn delta(time: Duration) -> TimeDelta {
    TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX)
}
