use super::*;
use crate::limits::JOB_OPERATIONS;

const EVEN: Duration = Duration::ZERO;

fn pace(told: Option<f64>) -> Pace {
    Pace::new("test", JOB_OPERATIONS, told, Instant::now())
}

/// Returns the rate on trial after so many calls in so many seconds, then the measured ones.
fn measure(at_once: (u32, f64), measured: (u32, f64)) -> Option<f64> {
    let mut pace = pace(None);
    let now = Instant::now();
    pace.record_rejected(at_once.0, at_once.1, EVEN, now);
    assert!(matches!(pace.phase(), Phase::Measure) && pace.rate().is_none());
    pace.record_rejected(measured.0, measured.1, EVEN, now);
    pace.rate()
}

#[test]
fn few_calls_before_the_first_rejection_are_a_rate() {
    let mut pace = pace(None);
    pace.record_rejected(3, 0.15, EVEN, Instant::now());
    assert_eq!(pace.rate(), Some(1200.0));
}

#[test]
fn measured_rate_is_an_upper_bound_if_there_is_a_burst() {
    // 300 calls a minute. A burst that fills in less than the hold has hidden a higher rate.
    assert_eq!(measure((200, 1.0), (50, 10.0)), Some(300.0));
    assert_eq!(measure((12, 2.0), (50, 10.0)), Some(400.0));
    assert_eq!(measure((0, 0.001), (50, 10.0)), Some(400.0));
}

#[test]
fn told_rate_is_never_changed() {
    let mut pace = pace(Some(5000.0));
    for _ in 0..100 {
        pace.record_rejected(0, 1.0, EVEN, Instant::now());
    }
    assert!(matches!(pace.phase(), Phase::Known(5000.0)));
    for _ in 0..1000 {
        assert!(!pace.record_accepted(Some(pace.number()), 1, EVEN, Instant::now()));
    }
    assert_eq!(pace.rate(), Some(5000.0));
}

#[test]
fn learned_rate_that_the_hub_does_not_accept_is_corrected() {
    let now = Instant::now();
    let mut pace = pace(None);
    pace.phase = Phase::Known(12_000.0);
    let mut tokens = 100.0;
    for _ in 0..1000 {
        tokens = f64::min(tokens + 10_000.0 / pace.rate().unwrap(), 100.0);
        if tokens >= 1.0 {
            tokens -= 1.0;
            pace.record_accepted(Some(pace.number()), 1, EVEN, now);
        } else {
            pace.record_rejected(1, 1.0, EVEN, now);
        }
    }
    assert!(matches!(pace.phase(), Phase::Known(10_000.0)), "{:?}", pace.phase());
    // Far above all hubs nothing binds.
    let mut pace = self::pace(None);
    pace.settle(Found::Rate(200_000.0), now);
    assert!(pace.rate().is_none());
    pace.settle(Found::Rate(100_000.0), now);
    assert_eq!(pace.rate(), Some(100_000.0));
}

#[test]
fn learned_rate_is_corrected_when_rejections_come_soon_after_each_other() {
    let mut pace = pace(None);
    pace.phase = Phase::Known(1000.0);
    pace.record_rejected(0, 1.0, EVEN, Instant::now());
    assert!(matches!(pace.phase(), Phase::Known(1000.0)), "one says little");
    pace.record_rejected(0, 1.0, EVEN, Instant::now());
    assert!(matches!(pace.phase(), Phase::Known(700.0)), "{:?}", pace.phase());
}

#[test]
fn margin_is_kept_at_a_hub_without_a_burst() {
    let uneven = Duration::from_millis(20);
    let mut told = pace(Some(5000.0));
    assert_eq!(told.margin(|| uneven), Duration::ZERO, "nothing is known to bind");
    told.record_rejected(1, 0.1, EVEN, Instant::now());
    assert_eq!(told.margin(|| uneven), uneven);
    for (at_once, expected) in [(6, uneven), (200, Duration::ZERO)] {
        let mut learned = pace(None);
        learned.record_rejected(at_once, 0.1, uneven, Instant::now());
        assert_eq!(learned.margin(|| uneven), Duration::ZERO, "the rate is measured");
        learned.record_rejected(14, 0.7, uneven, Instant::now());
        // At 100 a second, calls that arrive so unevenly pass without a burst.
        while learned.rate().unwrap() < 6000.0 && expected > Duration::ZERO {
            assert!(matches!(learned.phase(), Phase::Trial(_)));
            learned.record_accepted(Some(learned.number()), 1, learned.margin(|| uneven), Instant::now());
        }
        assert_eq!(learned.margin(|| uneven), expected, "after {at_once} at once");
    }
}

#[test]
fn rate_is_not_looked_above_if_calls_would_be_no_faster() {
    for (rate, is_searched) in [(300.0, true), (5000.0, false)] {
        let mut pace = pace(None);
        pace.phase = Phase::Known(rate);
        let later = Instant::now() + LOOKS.1;
        let uneven = Duration::from_millis(100);
        assert_eq!(
            pace.record_accepted(Some(pace.number()), 1, pace.margin(|| uneven), later),
            is_searched,
            "{rate}"
        );
    }
}
