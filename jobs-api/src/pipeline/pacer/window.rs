//! The number of calls in flight while a hub's rate is not known to bind.

use std::time::Duration;

use tokio::time::Instant;

/// The time after which the shortest latency is measured anew: the way to the hub may have changed.
const BASE_AGE: Duration = Duration::from_secs(600);
/// Calls that the hub may hold back before the window shrinks.
const QUEUED: f64 = 4.0;
/// The shortest wait for an answer before the next call goes regardless.
const PATIENCE: Duration = Duration::from_millis(250);

/// A window that doubles with each round of answers. It stops when answers take much longer than the
/// shortest did, since calls are then queued at the hub, which rejects them once its queue is full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    size: f64,
    /// The shortest latency, and that since `base_start`.
    base: Option<Duration>,
    next_base: Duration,
    base_start: Instant,
    smooth: Duration,
}

impl Window {
    pub(super) fn new(now: Instant) -> Self {
        Self { size: 1.0, base: None, next_base: Duration::MAX, base_start: now, smooth: Duration::ZERO }
    }

    /// Returns a window of one call that remembers the latencies.
    pub(super) fn restart(self) -> Self {
        Self { size: 1.0, ..self }
    }

    /// Returns how many calls may be in flight.
    pub(super) fn size(&self) -> usize {
        self.size as usize
    }

    /// Returns the shortest latency.
    pub(super) fn base(&self) -> Duration {
        self.base.unwrap_or_default()
    }

    /// Returns how long a full window waits for an answer before one more call goes: a call that hangs
    /// must not stop all others.
    pub(super) fn patience(&self) -> Duration {
        self.smooth.saturating_mul(4).max(PATIENCE)
    }

    /// Returns true if an answer takes so much longer than the shortest did that the hub holds it back.
    pub(super) fn is_slow(&self, latency: Duration) -> bool {
        self.base.is_some_and(|base| latency > base * 3 + Duration::from_millis(100))
    }

    /// Notes an answer. The window grows to no more than `most`.
    pub(super) fn record(&mut self, latency: Duration, most: f64, now: Instant) {
        self.next_base = self.next_base.min(latency);
        self.smooth = if self.base.is_none() { latency } else { (self.smooth * 7 + latency) / 8 };
        let mut base = self.base.map_or(latency, |base| base.min(latency));
        if now.saturating_duration_since(self.base_start) > BASE_AGE {
            (base, self.next_base, self.base_start) = (self.next_base, Duration::MAX, now);
        }
        self.base = Some(base);
        let is_slow = self.is_slow(latency);
        let queued = self.size * (1.0 - base.as_secs_f64() / latency.as_secs_f64().max(1e-9));
        self.size = match is_slow {
            // By one in a round of answers, not by one for each.
            true if queued > QUEUED => (self.size - 1.0 / self.size).max(1.0),
            true => self.size,
            false => (self.size + 1.0).min(most.max(1.0)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// Returns a window of this size.
    fn window(size: usize, latency: Duration, now: Instant) -> Window {
        let mut window = Window::new(now);
        (0..100).for_each(|_| window.record(latency, size as f64, now));
        assert_eq!(window.size(), size);
        window
    }

    #[test]
    fn window_shrinks_when_the_hub_queues_calls() {
        let now = Instant::now();
        let mut wide = window(10, 40 * MILLISECOND, now);
        wide.record(1000 * MILLISECOND, 100.0, now);
        assert!((wide.size - 9.9).abs() < 1e-9, "{}", wide.size);
        // A single slow answer in a narrow window is no queue.
        let mut narrow = window(4, 40 * MILLISECOND, now);
        narrow.record(1000 * MILLISECOND, 100.0, now);
        assert_eq!(narrow.size, 4.0);
        let mut narrow = window(5, 1000 * MILLISECOND, now);
        narrow.record(5000 * MILLISECOND, 100.0, now);
        assert_eq!(narrow.size, 5.0, "the hub holds back four calls, which is no more than it may");
    }

    #[test]
    fn window_grows_until_answers_take_longer_than_three_times_the_shortest() {
        let now = Instant::now();
        let mut window = window(10, 100 * MILLISECOND, now);
        window.record(400 * MILLISECOND, 100.0, now);
        assert_eq!(window.size, 11.0);
        window.record(401 * MILLISECOND, 100.0, now);
        assert!(window.size < 11.0, "{}", window.size);
    }

    #[test]
    fn shortest_latency_is_forgotten_when_a_new_one_was_measured_for_long() {
        let start = Instant::now();
        let mut window = Window::new(start);
        window.record(40 * MILLISECOND, 1.0, start);
        for age in [1, 2] {
            window.record(80 * MILLISECOND, 1.0, start + BASE_AGE * age);
            assert_eq!(window.base(), 40 * MILLISECOND, "it was seen within that time");
        }
        window.record(80 * MILLISECOND, 1.0, start + BASE_AGE * 3 + MILLISECOND);
        assert_eq!(window.base(), 80 * MILLISECOND);
    }
}
