//! The unevenness of the way to the hub, by which calls arrive closer together than they were sent.

use std::time::Duration;

/// Answers of which the mean difference of latencies is taken: so many that the mean is within a twentieth of
/// what it would be, few enough to follow a way that changes.
const MEMORY: f64 = 256.0;
/// The margin in mean differences: at least, at first, and at most. If requests and responses vary alike, the gap
/// between two arrivals varies as a round trip does. For a normal distribution a mean difference of two
/// latencies is 1.13 standard deviations, of which 2.33 hold 99 of 100 gaps. Responses that vary less than
/// requests make it twice as much; what is rejected beyond that has another reason. A way on which nothing was
/// rejected for long may still become worse.
const WIDTH: [f64; 3] = [0.5, 2.0, 4.0];
/// The change of the width after a rejection: so little that a few by chance leave the width within a tenth,
/// so much that twenty widen it to the most.
const STEP: f64 = 0.1;

/// The difference of successive latencies, and how much of it calls keep between them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter {
    previous: Option<Duration>,
    /// In seconds.
    difference: f64,
    differences: f64,
    width: f64,
    /// The part of the calls that may be rejected.
    tolerated: f64,
}

impl Jitter {
    pub(super) fn new(tolerated: f64) -> Self {
        Self { previous: None, difference: 0.0, differences: 0.0, width: WIDTH[1], tolerated }
    }

    /// Notes the latency of a call that the hub did not hold back.
    pub(super) fn record(&mut self, latency: Duration) {
        if let Some(previous) = self.previous.replace(latency) {
            self.differences = (self.differences + 1.0).min(MEMORY);
            let difference = previous.abs_diff(latency).as_secs_f64();
            self.difference += (difference - self.difference) / self.differences;
        }
    }

    /// Returns the time that calls keep between them beyond the interval of the rate.
    pub(super) fn margin(&self) -> Duration {
        // A mean of few differences may be far too small.
        let caution = 1.0 + 2.0 / self.differences.max(1.0);
        Duration::from_secs_f64(self.difference * self.width * caution)
    }

    /// Notes a call that kept the margin and was accepted.
    pub(super) fn record_accepted(&mut self) {
        self.width = (self.width - STEP * self.tolerated).max(WIDTH[0]);
    }

    /// Notes one that was rejected. Returns false if that is more than an uneven way explains.
    pub(super) fn record_rejected(&mut self) -> bool {
        let is_explained = self.difference > 0.0 && self.width < WIDTH[2];
        self.width = (self.width + STEP * (1.0 - self.tolerated)).min(WIDTH[2]);
        is_explained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);
    const TOLERATED: f64 = 0.01;

    /// Returns the jitter after so many latencies that differ by this time.
    fn jitter(latencies: u32, difference: Duration) -> Jitter {
        let mut jitter = Jitter::new(TOLERATED);
        (0..latencies).for_each(|n| jitter.record(50 * MILLISECOND + difference * (n % 2)));
        jitter
    }

    #[test]
    fn even_way_needs_no_margin() {
        for latencies in [0, 1, 100] {
            let mut even = jitter(latencies, Duration::ZERO);
            assert_eq!(even.margin(), Duration::ZERO);
            assert!(!even.record_rejected(), "an even way explains no rejection");
            assert_eq!(even.margin(), Duration::ZERO);
        }
    }

    #[test]
    fn margin_is_twice_the_mean_difference_of_latencies() {
        let margin = jitter(1000, 10 * MILLISECOND).margin();
        assert!((20 * MILLISECOND..=21 * MILLISECOND).contains(&margin), "{margin:?}");
        let first = jitter(2, 10 * MILLISECOND).margin();
        assert_eq!(first, 60 * MILLISECOND, "a single difference may be a small one");
    }

    #[test]
    fn margin_follows_a_way_that_changes() {
        let mut jitter = jitter(1000, 10 * MILLISECOND);
        (0..1000).for_each(|_| jitter.record(50 * MILLISECOND));
        assert!(jitter.margin() < MILLISECOND, "{:?}", jitter.margin());
    }

    #[test]
    fn margin_is_such_that_the_tolerated_part_is_rejected() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut jitter = Jitter::new(TOLERATED);
        let mut way = || MILLISECOND.mul_f64(15.0 + 20.0 * random.f64());
        let (mut previous, mut rejected) = (way(), 0);
        for number in 0..20_000 {
            let (request, response) = (way(), way());
            jitter.record(request + response);
            if request + jitter.margin() < previous {
                rejected += 1;
                assert!(jitter.record_rejected() || number == 0);
            } else {
                jitter.record_accepted();
            }
            previous = request;
        }
        assert!((150..=250).contains(&rejected), "{rejected} of 20,000");
    }

    #[test]
    fn rejections_beyond_the_widest_margin_have_another_reason() {
        let mut jitter = jitter(100, 10 * MILLISECOND);
        let explained = (0..1000).take_while(|_| jitter.record_rejected()).count();
        assert!((15..=25).contains(&explained), "{explained}");
        assert!(jitter.margin() <= 41 * MILLISECOND, "{:?}", jitter.margin());
        (0..10_000).for_each(|_| jitter.record_accepted());
        assert!(jitter.margin() <= 6 * MILLISECOND, "nothing is rejected: {:?}", jitter.margin());
        assert!(jitter.record_rejected());
    }
}
