//! The hub's time, learned from the `Date` header of its answers.
//!
//! `Date` counts whole seconds, and the hub writes it between the sending of a request and the
//! receiving of its answer. One answer thus bounds the offset of the hub's clock from the local one
//! from both sides, a second and a round trip apart. Each further answer narrows the bounds.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;
use tokio::time::Instant;

/// The largest offset between the local clock and the hub's that is corrected: a day.
///
/// It also limits how long a token is valid that was signed by a falsified `Date`.
pub(crate) const MAX_CLOCK_OFFSET: TimeDelta = TimeDelta::days(1);

/// The resolution of the header `Date`.
const DATE_RESOLUTION: TimeDelta = TimeDelta::seconds(1);
/// Two clocks drift apart by one part in this many at most, even while NTP slews one of them.
const MIN_DRIFT_RATIO: i32 = 2000;

/// The offset of the hub's clock from the local one, learned from answers.
///
/// Before the first answer the two agree. All methods are cheap: a short lock, no
/// system call but reading the local clock.
pub(crate) struct HubClock {
    local: Box<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    observed: Mutex<Observed>,
}

#[derive(Clone, Copy, Default)]
struct Observed {
    offset: Option<Offset>,
    is_out_of_range: bool,
}

impl HubClock {
    /// Learns the hub's time from the `Date` of an answer; `sent` and `received` are local times, read
    /// with [`local_now`](Self::local_now).
    ///
    /// Any moment between the first byte of the answer and its end will do for `received`; the earlier,
    /// the narrower the bounds.
    ///
    /// If the clocks are more than [`MAX_CLOCK_OFFSET`] apart, the `Date` changes neither [`now`](Self::now)
    /// nor [`earliest_now`](Self::earliest_now).
    pub(super) fn observe(&self, date: DateTime<Utc>, sent: DateTime<Utc>, received: DateTime<Utc>) {
        let new = Offset::observe(date, sent, received);
        let mut observed = self.observed();
        observed.is_out_of_range = !new.is_within(MAX_CLOCK_OFFSET);
        if !observed.is_out_of_range {
            observed.offset = Some(observed.offset.map_or(new, |known| known.narrow(new)));
        }
    }

    /// Learns the hub's time from the header `Date` of an answer that came now, `round_trip` after its request was
    /// sent. A header that is no date is ignored.
    pub(crate) fn observe_header(&self, header: &HeaderValue, round_trip: Duration) {
        let date = header.to_str().ok().and_then(|text| DateTime::parse_from_rfc2822(text).ok());
        let Some(date) = date else { return };
        let received = self.local_now();
        let sent = TimeDelta::from_std(round_trip).ok().and_then(|time| received.checked_sub_signed(time));
        self.observe(date.to_utc(), sent.unwrap_or(received), received);
    }

    /// Returns the best estimate of the hub's time: the local time, corrected by as little as agrees
    /// with the answers.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let (now, offset) = (self.local_now(), self.observed().offset);
        let correction = offset.map_or(TimeDelta::zero(), Offset::smallest);
        now.checked_add_signed(correction).unwrap_or(now)
    }

    /// Returns a time that the hub's clock has passed for certain, `None` before the first answer with a
    /// usable `Date`.
    ///
    /// "For certain" holds as long as the local clock is not set by hand: that shows at the next answer
    /// only.
    pub(crate) fn earliest_now(&self) -> Option<DateTime<Utc>> {
        let now = self.local_now();
        let offset = self.observed().offset?.widen(now);
        now.checked_add_signed(offset.min)
    }

    /// Returns the time of the local clock.
    pub(super) fn local_now(&self) -> DateTime<Utc> {
        (self.local)()
    }

    /// Returns true if the last answer's `Date` was more than [`MAX_CLOCK_OFFSET`] off.
    pub(crate) fn is_out_of_range(&self) -> bool {
        self.observed().is_out_of_range
    }

    fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for HubClock {
    fn default() -> Self {
        let (start, started) = (Utc::now(), Instant::now());
        let local = move || {
            let (now, steady) = (Utc::now(), start + started.elapsed());
            // A clock that is set back does not take the client's time back, unless it was more than a day ahead.
            if steady - now < MAX_CLOCK_OFFSET { now.max(steady) } else { now }
        };
        Self { local: Box::new(local), observed: Mutex::default() }
    }
}

/// Bounds on how far the hub's clock is ahead of the local one; `min` is never above `max`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Offset {
    min: TimeDelta,
    max: TimeDelta,
    observed_at: DateTime<Utc>,
}

impl Offset {
    fn observe(date: DateTime<Utc>, sent: DateTime<Utc>, received: DateTime<Utc>) -> Self {
        // The local clock may have been set back in between.
        let (sent, received) = (sent.min(received), sent.max(received));
        Self { min: date - received, max: (date - sent) + DATE_RESOLUTION, observed_at: received }
    }

    fn is_within(self, limit: TimeDelta) -> bool {
        self.min <= limit && self.max >= -limit
    }

    /// Allows for the drift of the clocks since the observation.
    fn widen(self, now: DateTime<Utc>) -> Self {
        let drift = (now - self.observed_at).abs() / MIN_DRIFT_RATIO;
        Self { min: self.min - drift, max: self.max + drift, observed_at: now }
    }

    /// Returns the bounds that agree with both observations. If they contradict each other, a clock
    /// was set, and the newer one counts.
    fn narrow(self, newer: Self) -> Self {
        let older = self.widen(newer.observed_at);
        let (min, max) = (older.min.max(newer.min), older.max.min(newer.max));
        if min <= max { Self { min, max, ..newer } } else { newer }
    }

    /// Returns the offset closest to zero.
    fn smallest(self) -> TimeDelta {
        TimeDelta::zero().clamp(self.min, self.max)
    }
}

#[cfg(test)]
impl HubClock {
    /// Creates a clock whose local time comes from this function.
    pub(crate) fn with_local(local: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self { local: Box::new(local), observed: Mutex::default() }
    }
}

#[cfg(test)]
mod tests;
