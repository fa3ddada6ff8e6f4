use super::*;
use crate::limits::JOB_OPERATIONS;

fn pace(told: Option<f64>) -> Pace {
    Pace::new("test", JOB_OPERATIONS, told, Instant::now())
}

/// Returns the rate on trial after so many calls in so many seconds, then the measured ones.
fn measure(at_once: (u32, f64), measured: (u32, f64)) -> Option<f64> {
    let mut pace = pace(None);
    let now = Instant::now();
    pace.record_rejected(at_once.0, at_once.1, now);
    assert!(matches!(pace.phase(), Phase::Measure) && pace.rate().is_none());
    pace.record_rejected(measured.0, measured.1, now);
    pace.rate()
}

#[test]
fn few_calls_before_the_first_rejection_are_a_rate() {
    let mut pace = pace(None);
    pace.record_rejected(3, 0.15, Instant::now());
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
        pace.record_rejected(0, 1.0, Instant::now());
    }
    assert!(matches!(pace.phase(), Phase::Known(5000.0)));
    for _ in 0..1000 {
        assert!(!pace.record_accepted(Some(pace.number()), 1, Instant::now()));
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
            pace.record_accepted(Some(pace.number()), 1, now);
        } else {
            pace.record_rejected(1, 1.0, now);
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
    pace.record_rejected(0, 1.0, Instant::now());
    assert!(matches!(pace.phase(), Phase::Known(1000.0)), "one says little");
    pace.record_rejected(0, 1.0, Instant::now());
    assert!(matches!(pace.phase(), Phase::Known(700.0)), "{:?}", pace.phase());
}
