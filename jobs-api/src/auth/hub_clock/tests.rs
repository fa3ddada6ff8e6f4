use std::sync::Arc;

use super::*;

const HOUR: TimeDelta = TimeDelta::hours(1);

fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}

fn ms(count: i64) -> TimeDelta {
    TimeDelta::milliseconds(count)
}

/// A local clock that is moved by hand, and a hub whose clock is `ahead` of it.
struct Clocks {
    local: Arc<Mutex<DateTime<Utc>>>,
    ahead: TimeDelta,
    clock: HubClock,
}

impl Clocks {
    fn new(ahead: TimeDelta) -> Self {
        let local = Arc::new(Mutex::new("2026-03-01T12:00:00.250Z".parse().unwrap()));
        let read = local.clone();
        Self { local, ahead, clock: HubClock::with_local(move || *read.lock().unwrap()) }
    }

    fn advance(&self, time: TimeDelta) {
        *self.local.lock().unwrap() += time;
    }

    fn hub_now(&self) -> DateTime<Utc> {
        self.clock.local_now() + self.ahead
    }

    /// Sends a request that arrives after `there` and whose answer takes `back`. Returns false if the hub's clock
    /// is out of range.
    fn call(&self, there: TimeDelta, back: TimeDelta) -> bool {
        let sent = self.clock.local_now();
        self.advance(there);
        let date = DateTime::from_timestamp(self.hub_now().timestamp(), 0).unwrap();
        self.advance(back);
        self.clock.observe(date, sent, self.clock.local_now());
        !self.clock.is_out_of_range()
    }
}

#[test]
fn clock_is_local_before_the_first_answer() {
    let clocks = Clocks::new(HOUR);
    assert_eq!(clocks.clock.now(), clocks.clock.local_now());
    assert_eq!(clocks.clock.earliest_now(), None);
    assert!(!clocks.clock.is_out_of_range());
}

#[test]
fn one_answer_bounds_the_time_to_a_second_and_a_round_trip() {
    for ahead in [TimeDelta::zero(), HOUR, -HOUR, ms(500), -seconds(7)] {
        let clocks = Clocks::new(ahead);
        assert!(clocks.call(ms(30), ms(40)));
        let width = seconds(1) + ms(70);
        let earliest = clocks.clock.earliest_now().unwrap();
        assert!(earliest <= clocks.hub_now(), "{ahead}");
        assert!(clocks.hub_now() - earliest <= width, "{ahead}");
        assert!((clocks.clock.now() - clocks.hub_now()).abs() <= width, "{ahead}");
    }
}

#[test]
fn agreeing_clocks_are_not_corrected() {
    let clocks = Clocks::new(ms(300));
    assert!(clocks.call(ms(1), ms(1)));
    assert_eq!(clocks.clock.now(), clocks.clock.local_now());
}

#[test]
fn further_answers_narrow_the_bounds() {
    let clocks = Clocks::new(HOUR);
    for _ in 0..20 {
        clocks.call(ms(5), ms(5));
        clocks.advance(ms(137));
        assert!(clocks.clock.earliest_now().unwrap() <= clocks.hub_now());
    }
    let error = clocks.hub_now() - clocks.clock.earliest_now().unwrap();
    assert!(error <= ms(100), "{error}");
    clocks.call(seconds(20), seconds(20));
    let error = clocks.hub_now() - clocks.clock.earliest_now().unwrap();
    assert!(error <= ms(150), "a slow answer takes nothing away: {error}");
}

#[test]
fn bounds_widen_with_age() {
    let clocks = Clocks::new(HOUR);
    clocks.call(ms(1), ms(1));
    let fresh = clocks.hub_now() - clocks.clock.earliest_now().unwrap();
    clocks.advance(seconds(2000));
    let old = clocks.hub_now() - clocks.clock.earliest_now().unwrap();
    assert_eq!(old - fresh, seconds(1));
}

#[test]
fn estimate_for_a_slow_hub_is_an_upper_bound_that_narrows_and_widens() {
    let clocks = Clocks::new(-HOUR);
    for _ in 0..20 {
        clocks.call(ms(5), ms(5));
        clocks.advance(ms(137));
        assert!(clocks.clock.now() >= clocks.hub_now());
    }
    let error = clocks.clock.now() - clocks.hub_now();
    assert!(error <= ms(100), "{error}");
    clocks.advance(seconds(2000));
    clocks.call(seconds(20), seconds(20));
    let error = clocks.clock.now() - clocks.hub_now();
    assert!(seconds(1) <= error && error <= ms(1200), "a second of drift: {error}");
}

#[test]
fn newer_answer_wins_after_a_clock_was_set() {
    let mut clocks = Clocks::new(HOUR);
    clocks.call(ms(1), ms(1));
    clocks.ahead = -HOUR;
    clocks.call(ms(1), ms(1));
    assert!((clocks.clock.now() - clocks.hub_now()).abs() <= seconds(2));
    assert!(clocks.clock.earliest_now().unwrap() <= clocks.hub_now());
}

#[test]
fn clocks_more_than_a_day_apart_are_not_corrected() {
    for (ahead, is_in_range) in [
        (MAX_CLOCK_OFFSET - seconds(1), true),
        (seconds(1) - MAX_CLOCK_OFFSET, true),
        (MAX_CLOCK_OFFSET + seconds(2), false),
        (-MAX_CLOCK_OFFSET - seconds(2), false),
        (TimeDelta::days(36_525), false),
    ] {
        let mut clocks = Clocks::new(HOUR);
        clocks.call(ms(1), ms(1));
        let (now, earliest) = (clocks.clock.now(), clocks.clock.earliest_now());
        clocks.ahead = ahead;
        assert_eq!(clocks.call(TimeDelta::zero(), TimeDelta::zero()), is_in_range, "{ahead}");
        if !is_in_range {
            assert_eq!(clocks.clock.now(), now, "{ahead}");
            assert_eq!(clocks.clock.earliest_now(), earliest);
        }
        clocks.ahead = HOUR;
        assert!(clocks.call(ms(1), ms(1)), "the last answer counts");
    }
}

#[test]
fn any_date_and_any_order_of_times_is_safe() {
    let clocks = Clocks::new(TimeDelta::zero());
    let now = clocks.clock.local_now();
    for date in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        clocks.clock.observe(date, now, now);
        assert!(clocks.clock.is_out_of_range());
    }
    clocks.clock.observe(now, now + seconds(1), now);
    assert!(!clocks.clock.is_out_of_range(), "set back while the call ran");
    assert!(clocks.clock.earliest_now().unwrap() <= now);
}

#[test]
fn header_teaches_the_time_whenever_it_is_readable() {
    let Clocks { clock, .. } = &Clocks::new(seconds(0));
    let observe = |header| clock.observe_header(&HeaderValue::from_static(header), Duration::from_secs(2));
    for unreadable in ["", "now", "Sun, 01 Mar 2026 13:00:00 GMT and a day"] {
        observe(unreadable);
        assert_eq!(clock.earliest_now(), None, "{unreadable}");
    }
    for (header, ahead) in [
        ("Sun, 01 Mar 2026 13:00:00 GMT", 3600),
        ("Sun, 01 Mar 2026 13:00:00 GMT", 3600),
        ("Sun, 01 Mar 2026 11:00:00 GMT", -3598),
        ("Sun, 1 Mar 2026 14:00:00 +0000", 7200),
        ("Sun, 01 Mar 2026 13:00:00 GMT", 3603),
    ] {
        observe(header);
        let error = clock.now() - clock.local_now() - seconds(ahead);
        assert!(error.abs() < seconds(4), "{header}: {error}");
    }
}
