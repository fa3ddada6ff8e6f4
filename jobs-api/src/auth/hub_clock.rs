//! The hub's time, learned from the `Date` header of its answers.
//!
//! `Date` counts whole seconds, and the hub writes it between the sending of a request and the
//! receiving of its answer. One answer thus bounds the offset of the hub's clock from the local one
//! from both sides, a second and a round trip apart. Each further answer narrows the bounds.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderValue;

/// The largest offset between the local clock and the hub's that is corrected: a day.
///
/// It also limits how long a token is valid that was signed by a falsified `Date`.
pub(crate) const MAX_CLOCK_OFFSET: TimeDelta = TimeDelta::days(1);

/// The resolution of the header `Date`.
const DATE_RESOLUTION: TimeDelta = TimeDelta::seconds(1);
/// Two clocks that agree may differ by this when one is read after the other.
const READING_TIME: Duration = Duration::from_millis(1);
/// Two clocks drift apart by one part in this many at most, even while NTP slews one of them.
const MIN_DRIFT_RATIO: i32 = 2000;

/// The hub's clock, as far as it is known.
///
/// Before the first answer it agrees with the local clock. All methods are cheap: a short lock, no
/// system call but reading the local clock.
pub(crate) struct HubClock {
    local: Box<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    observed: Mutex<Observed>,
}

#[derive(Clone, Copy, Default)]
struct Observed {
    offset: Option<Offset>,
    is_out_of_range: bool,
    /// The last header that was read, in the form of RFC 9110, and its time.
    last_date: Option<([u8; 29], DateTime<Utc>)>,
}

impl HubClock {
    /// Learns the hub's time from the `Date` of an answer; `sent` and `received` are local times, read
    /// with [`local_now`](Self::local_now).
    ///
    /// Any moment between the first byte of the answer and its end will do for `received`; the earlier,
    /// the narrower the bounds.
    ///
    /// Returns false if the clocks are more than [`MAX_CLOCK_OFFSET`] apart. Such a `Date` changes
    /// neither [`now`](Self::now) nor [`earliest_now`](Self::earliest_now).
    pub(super) fn observe(&self, date: DateTime<Utc>, sent: DateTime<Utc>, received: DateTime<Utc>) -> bool {
        let new = Offset::observe(date, sent, received);
        let is_in_range = new.is_within(MAX_CLOCK_OFFSET);
        let mut observed = self.observed();
        observed.is_out_of_range = !is_in_range;
        if is_in_range {
            observed.offset = Some(observed.offset.map_or(new, |known| known.narrow(new)));
        }
        is_in_range
    }

    /// Learns the hub's time from the header `Date` of an answer that came now, so long after its request was
    /// sent.
    pub(crate) fn observe_header(&self, header: &HeaderValue, round_trip: Duration) {
        let Some(date) = self.date(header) else { return };
        let received = self.local_now();
        let sent = TimeDelta::from_std(round_trip).ok().and_then(|time| received.checked_sub_signed(time));
        self.observe(date, sent.unwrap_or(received), received);
    }

    /// Reads a `Date`. Many answers of one second have the same.
    fn date(&self, header: &HeaderValue) -> Option<DateTime<Utc>> {
        let mut observed = self.observed();
        if let Some((_, date)) = observed.last_date.filter(|(text, _)| text == header.as_bytes()) {
            return Some(date);
        }
        let date = DateTime::parse_from_rfc2822(header.to_str().ok()?).ok()?.to_utc();
        observed.last_date = header.as_bytes().try_into().ok().map(|text| (text, date));
        Some(date)
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
        Self { local: Box::new(local_time), observed: Mutex::default() }
    }
}

#[cfg(test)]
impl HubClock {
    /// Creates a clock whose local time comes from this function.
    pub(crate) fn with_local(local: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self { local: Box::new(local), observed: Mutex::default() }
    }
}

/// Returns the time of this machine, moved with Tokio's clock where a test has paused or advanced that one:
/// waits and times then agree.
fn local_time() -> DateTime<Utc> {
    let (now, tokio, machine) = (Utc::now(), tokio::time::Instant::now().into_std(), Instant::now());
    let (advance, delay) =
        (tokio.saturating_duration_since(machine), machine.saturating_duration_since(tokio));
    if advance.max(delay) < READING_TIME {
        return now;
    }
    let offset = |duration| TimeDelta::from_std(duration).unwrap_or_default();
    now + offset(advance) - offset(delay)
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
mod tests;
