//! The calls that a hub accepts before it rejects one, and the burst that they prove.

use std::time::Duration;

/// Accepted calls before the first rejection that prove a burst.
const PROOF: f64 = 4.0;
/// Calls between two rejections from which a rate is certain however unevenly they arrive.
const MANY: f64 = 16.0;
/// The unevenness by which a call passes that would be rejected otherwise: that of timers is less.
const LEAST_UNEVEN: Duration = Duration::from_millis(1);

/// The calls that were accepted while nothing was known to bind.
#[derive(Debug)]
pub(super) struct Start {
    /// Calls, and the seconds until then: at the first rejection, and at times before it. The bucket may have
    /// been full at any of these, since calls were slower than the rate at first.
    end: (u32, f64),
    marks: Vec<(u32, f64)>,
    /// The hub need not have a burst to accept what it did.
    may_be_bare: bool,
}

impl Start {
    pub(super) fn new() -> Self {
        Self { end: (0, 0.0), marks: vec![(0, 0.0)], may_be_bare: true }
    }

    /// Notes a call that was accepted: the calls sent before it, and the time until then.
    pub(super) fn record_accepted(&mut self, number: u32, elapsed: Duration) {
        // Few marks suffice, each of twice the calls of the one before.
        if number.is_power_of_two() {
            self.marks.push((number, elapsed.as_secs_f64()));
        }
    }

    /// Notes the first rejection, after so many accepted calls in so many seconds. Returns true if these are
    /// the rate already: more than the single call of a bucket without burst, and too few for a burst.
    pub(super) fn record_rejected(&mut self, accepted: u32, elapsed: f64) -> bool {
        self.end = (accepted, elapsed);
        (2.0..PROOF).contains(&f64::from(accepted))
    }

    /// Notes that so many calls were accepted between two rejections: in all of these seconds, or in those
    /// after the `hold` if the hub has no burst. Returns the burst if there is one for certain.
    pub(super) fn record_measured(
        &mut self,
        accepted: f64,
        elapsed: f64,
        hold: Duration,
        unevenness: Duration,
    ) -> Option<f64> {
        let burst = self.burst(accepted / elapsed * 60.0);
        // Calls that arrive unevenly pass without a burst, if they are few.
        let without = accepted / (elapsed - hold.as_secs_f64()).max(1e-3) * 60.0;
        let is_doubtful = unevenness > LEAST_UNEVEN && accepted < MANY && self.burst(without) < PROOF;
        self.may_be_bare = is_doubtful || burst < PROOF;
        (!self.may_be_bare).then_some(burst)
    }

    /// Returns true if the hub has no burst, if this is its rate in calls a minute.
    pub(super) fn is_bare(&self, rate: f64) -> bool {
        self.may_be_bare && self.burst(rate) < PROOF
    }

    /// Returns the burst that a hub of this rate needs for what it accepted.
    fn burst(&self, rate: f64) -> f64 {
        let (accepted, seconds) = self.end;
        let bursts = self.marks.iter().map(|(calls, until)| {
            f64::from(accepted.saturating_sub(*calls)) - rate / 60.0 * (seconds - until)
        });
        bursts.fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const EVEN: Duration = Duration::ZERO;
    const UNEVEN: Duration = Duration::from_millis(20);

    /// Returns what is known after so many calls a second for a second, then more for another.
    fn start(first: u32, second: u32) -> Start {
        let mut start = Start::new();
        for number in 1..first + second {
            let seconds = match number < first {
                true => f64::from(number) / f64::from(first),
                false => 1.0 + f64::from(number - first) / f64::from(second),
            };
            start.record_accepted(number, Duration::from_secs_f64(seconds));
        }
        assert!(!start.record_rejected(first + second, 2.0));
        start
    }

    #[test]
    fn few_calls_before_the_first_rejection_are_the_rate() {
        for (accepted, expected) in [(0, false), (1, false), (2, true), (3, true), (4, false)] {
            assert_eq!(Start::new().record_rejected(accepted, 1.0), expected, "{accepted}");
        }
    }

    #[test]
    fn burst_is_found_behind_calls_that_were_slower_than_the_rate() {
        // At 100 a second the bucket is full until a second before the end.
        let burst = start(64, 200).record_measured(100.0, 1.0, SECOND / 2, EVEN).unwrap();
        assert!((95.0..=105.0).contains(&burst), "{burst}");
        // At 140 a second on average nothing would have been left of it.
        assert_eq!(start(64, 64).record_measured(100.0, 1.0, SECOND / 2, EVEN), None);
    }

    #[test]
    fn calls_that_arrive_unevenly_prove_no_burst_if_they_are_few() {
        for (unevenness, accepted, is_certain) in
            [(EVEN, 4.0, true), (UNEVEN, 4.0, false), (UNEVEN, 16.0, true)]
        {
            let mut start = Start::new();
            start.record_rejected(7, 0.1);
            let burst = start.record_measured(accepted, 0.7, 6 * SECOND / 10, unevenness);
            assert_eq!(burst.is_some(), is_certain, "{accepted} after {unevenness:?}");
            // The higher the rate, the fewer calls remain for a burst.
            assert_eq!((start.is_bare(600.0), start.is_bare(2000.0)), (false, !is_certain));
        }
    }
}
