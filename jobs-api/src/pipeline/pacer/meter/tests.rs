use super::*;
use crate::limits::JOB_OPERATIONS;

mod uneven;

const SECOND: Duration = Duration::from_secs(1);
/// The time from a request to its answer.
const LATENCY: Duration = Duration::from_millis(40);

/// A hub's bucket, which the calls of a meter empty.
struct Bucket {
    per_second: f64,
    size: f64,
    tokens: f64,
    since: Instant,
}

impl Bucket {
    fn new(per_minute: f64, size: f64, now: Instant) -> Self {
        Self { per_second: per_minute / 60.0, size, tokens: size, since: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        self.tokens += (now - self.since).as_secs_f64() * self.per_second;
        (self.tokens, self.since) = (self.tokens.min(self.size), now);
        let is_accepted = self.tokens + 1e-6 >= 1.0;
        self.tokens -= if is_accepted { 1.0 } else { 0.0 };
        is_accepted
    }
}

/// The calls that a run sent.
#[derive(Default)]
struct Sent {
    accepted: Vec<Instant>,
    rejected: Vec<Instant>,
}

/// Sends this many calls as fast as the meter allows, with a random pause before some of them, and repeats
/// what the hub rejects.
fn run(
    meter: &mut Meter,
    hub: &mut Bucket,
    calls: usize,
    mut pause: impl FnMut() -> Duration,
    start: Instant,
) -> Sent {
    let mut sent = Sent::default();
    let mut now = start;
    let mut in_flight: Vec<(Instant, Pass, bool)> = Vec::new();
    let answer = |meter: &mut Meter, in_flight: &mut Vec<(Instant, Pass, bool)>, now: Instant| {
        in_flight.retain(|(time, pass, is_accepted)| {
            let is_due = *time <= now;
            if is_due {
                let verdict = match is_accepted {
                    true => Verdict::Accepted,
                    false => Verdict::Rejected { retry_after: None },
                };
                meter.record(*pass, verdict, *time);
            }
            !is_due
        });
    };
    let mut earliest = now;
    while sent.accepted.len() < calls {
        answer(meter, &mut in_flight, now);
        let next_answer = in_flight.iter().map(|(time, ..)| *time).min();
        let opening = if earliest > now { Opening::At(earliest) } else { meter.check(now) };
        match opening {
            Opening::Now => {
                let pass = meter.enter(now);
                let is_accepted = hub.take(now);
                if is_accepted {
                    sent.accepted.push(now)
                } else {
                    sent.rejected.push(now)
                }
                in_flight.push((now + LATENCY, pass, is_accepted));
                earliest = now + pause();
            }
            Opening::At(time) => now = next_answer.map_or(time, |answer| answer.min(time)),
            Opening::Later => now = next_answer.expect("the meter waits for an answer that does not come"),
        }
    }
    answer(meter, &mut in_flight, now + LATENCY);
    sent
}

fn no_pause() -> Duration {
    Duration::ZERO
}

#[test]
fn told_rate_is_kept_in_every_minute() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let start = Instant::now();
        let rate = f64::from(100 * random.u32(1..=30));
        let burst = f64::from(random.u32(1..=200));
        let mut meter = Meter::new("test", JOB_OPERATIONS, Some(rate), start);
        let mut hub = Bucket::new(rate, burst, start);
        let mut arrivals = random.fork();
        let mut pause = || match arrivals.u8(0..40) {
            0 => arrivals.u32(0..20_000) * Duration::from_millis(1),
            _ => Duration::ZERO,
        };
        let sent = run(&mut meter, &mut hub, 1500, &mut pause, start);
        let mut all = [sent.accepted.clone(), sent.rejected.clone()].concat();
        all.sort();
        for (index, first) in all.iter().enumerate() {
            let in_minute =
                all[index..].iter().take_while(|time| **time - *first < 60 * SECOND).count() as f64;
            let allowed = rate + burst + sent.rejected.len() as f64 + 1.0;
            assert!(
                in_minute <= allowed,
                "seed {seed}: {in_minute} calls in a minute of {rate}, burst {burst}"
            );
        }
        let rejected = sent.rejected.len();
        assert!(rejected <= 45, "seed {seed}: {rejected} rejected of 1500 at {rate}, burst {burst}");
    }
}

#[test]
fn unknown_rate_is_found() {
    for units in [1, 2, 3, 5, 10, 50, 100] {
        for burst in [1.0, 20.0, 300.0] {
            let rate = f64::from(units) * 100.0;
            // A bucket that fills in a moment hides the rate behind it until the next look.
            if (2.0..rate / 60.0).contains(&burst) {
                continue;
            }
            let start = Instant::now();
            let mut meter = Meter::new("test", JOB_OPERATIONS, None, start);
            let mut hub = Bucket::new(rate, burst, start);
            let calls = 400 + 2 * burst as usize + 5 * units as usize;
            let sent = run(&mut meter, &mut hub, calls, no_pause, start);
            let found = meter.rate().unwrap();
            assert!(found <= rate * 1.1 && found >= rate * 0.85, "{found} for {rate}, burst {burst}");
            assert!(sent.rejected.len() <= 40, "{} rejected at {rate}, burst {burst}", sent.rejected.len());
        }
    }
}

#[test]
fn raised_rate_is_noticed() {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, None, start);
    let mut hub = Bucket::new(100.0, 1.0, start);
    let sent = run(&mut meter, &mut hub, 100, no_pause, start);
    assert_eq!(meter.rate(), Some(100.0));
    hub.per_second = 500.0 / 60.0;
    run(&mut meter, &mut hub, 1000, no_pause, *sent.accepted.last().unwrap() + SECOND);
    assert!(meter.rate().is_none_or(|rate| rate >= 400.0), "{:?}", meter.rate());
}

#[test]
fn hub_that_rejects_everything_is_asked_rarely() {
    for told in [Some(5000.0), None] {
        let start = Instant::now();
        let mut meter = Meter::new("test", JOB_OPERATIONS, told, start);
        let (mut now, mut sent) = (start, 0);
        while now < start + 600 * SECOND {
            match meter.check(now) {
                Opening::Now => {
                    let pass = meter.enter(now);
                    sent += 1;
                    now += LATENCY;
                    meter.record(pass, Verdict::Rejected { retry_after: None }, now);
                }
                Opening::At(time) => now = time,
                Opening::Later => unreachable!("no call is in flight"),
            }
        }
        assert!((20..60).contains(&sent), "{sent} calls in ten minutes");
        let pass = meter.enter(now);
        meter.record(pass, Verdict::Accepted, now);
        assert_ne!(meter.check(now), Opening::Later, "an accepted call ends the caution");
    }
}

#[test]
fn retry_after_holds_all_calls_but_not_for_a_year() {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, Some(5000.0), start);
    let pass = meter.enter(start);
    meter.record(pass, Verdict::Rejected { retry_after: Some(7 * SECOND) }, start);
    assert_eq!(meter.check(start), Opening::At(start + 7 * SECOND));
    let later = start + 7 * SECOND;
    let pass = meter.enter(later);
    meter.record(pass, Verdict::Rejected { retry_after: Some(Duration::MAX) }, later);
    assert_eq!(meter.check(later), Opening::At(later + LONGEST_HOLD.1));
}

#[test]
fn rejections_of_calls_in_flight_are_one_reason_to_slow_down() {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, Some(100.0), start);
    let passes: Vec<Pass> = (0..50).map(|_| meter.enter(start)).collect();
    let rejected = Verdict::Rejected { retry_after: None };
    passes.into_iter().for_each(|pass| meter.record(pass, rejected, start + LATENCY));
    assert_eq!(meter.rate(), Some(100.0));
    assert!(meter.hold().unwrap() < start + 2 * SECOND);
}

#[test]
fn call_that_hangs_does_not_stop_the_others() {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, None, start);
    meter.enter(start);
    let Opening::At(next) = meter.check(start) else { panic!("the first call has no answer") };
    assert!(next <= start + SECOND);
    assert_eq!(meter.check(next), Opening::Now);
}

#[test]
fn clock_that_jumps_leaves_no_flood() {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, Some(100.0), start);
    let mut hub = Bucket::new(100.0, 1.0, start);
    run(&mut meter, &mut hub, 20, no_pause, start);
    let later = start + 3600 * 24 * SECOND;
    let mut sent = 0;
    while meter.check(later) == Opening::Now {
        meter.enter(later);
        sent += 1;
        assert!(sent <= 2, "a flood after a pause");
    }
}

/// Sends so many calls one after another, each accepted, and returns the time after them.
fn accept(meter: &mut Meter, calls: u32, mut now: Instant) -> Instant {
    for _ in 0..calls {
        let pass = meter.enter(now);
        now += LATENCY;
        meter.record(pass, Verdict::Accepted, now);
    }
    now
}

/// Returns how many calls go at once.
fn width(meter: &mut Meter, now: Instant) -> usize {
    let mut calls = 0;
    while meter.check(now) == Opening::Now {
        meter.enter(now);
        calls += 1;
        assert!(calls < 1000, "nothing bounds the calls in flight");
    }
    calls
}

#[test]
fn calls_in_flight_grow_with_what_was_accepted() {
    // Twice as many as the rate keeps in flight, which is 4 at 100 a second; or a small part of all.
    for (told, calls, expected) in
        [(Some(6000.0), 250, 12), (Some(6000.0), 90, 10), (None, 50, 4), (None, 110, 5), (None, 250, 11)]
    {
        let start = Instant::now();
        let mut meter = Meter::new("test", JOB_OPERATIONS, told, start);
        let now = accept(&mut meter, calls, start);
        assert_eq!(width(&mut meter, now), expected, "{calls} calls, told: {told:?}");
    }
}

#[test]
fn calls_in_flight_are_few_while_the_rate_is_measured() {
    let start = Instant::now();
    for (calls, expected) in [(1, 1), (20, 9), (40, 10)] {
        let mut meter = Meter::new("test", JOB_OPERATIONS, None, start);
        let now = accept(&mut meter, 50, start);
        let pass = meter.enter(now);
        meter.record(pass, Verdict::Rejected { retry_after: None }, now + LATENCY);
        assert_eq!(meter.rate(), None);
        let now = accept(&mut meter, calls, now + SECOND);
        assert_eq!(width(&mut meter, now), expected, "after {calls}");
    }
}

#[test]
fn proved_burst_is_used_again_until_it_is_found_smaller() {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, Some(100.0), start);
    let mut hub = Bucket::new(100.0, 30.0, start);
    let sent = run(&mut meter, &mut hub, 60, no_pause, start);
    assert!((25..=31).contains(&meter.burst()), "{}", meter.burst());
    let later = *sent.accepted.last().unwrap() + 300 * SECOND;
    let burst = width(&mut meter, later);
    assert!((25..=32).contains(&burst), "{burst} calls at once");
    // A hub with a smaller burst rejects, which says nothing about the rate.
    let mut meter = Meter::new("test", JOB_OPERATIONS, Some(100.0), start);
    let mut hub = Bucket::new(100.0, 30.0, start);
    let sent = run(&mut meter, &mut hub, 60, no_pause, start);
    let rate = meter.rate();
    let later = *sent.accepted.last().unwrap() + 300 * SECOND;
    for _ in 0..8 {
        meter.enter(later);
    }
    let pass = meter.enter(later);
    meter.record(pass, Verdict::Rejected { retry_after: None }, later + LATENCY);
    assert_eq!((meter.burst(), meter.rate()), (8, rate));
    // One that comes when the burst is spent does.
    let later = later + 300 * SECOND;
    let passes: Vec<Pass> = (0..9).map(|_| meter.enter(later)).collect();
    meter.record(passes[8], Verdict::Rejected { retry_after: None }, later + LATENCY);
    assert!(meter.rate() < rate, "{:?}", meter.rate());
}

#[test]
fn gate_opens_at_the_time_that_it_names() {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, Some(100.0), start);
    let pass = meter.enter(start);
    meter.record(pass, Verdict::Rejected { retry_after: Some(7 * SECOND) }, start);
    assert_eq!(meter.check(start + 7 * SECOND), Opening::Now);
    let now = start + 7 * SECOND;
    meter.enter(now);
    let Opening::At(next) = meter.check(now) else { panic!("the rate is known") };
    assert!(next > now && next <= now + SECOND);
    assert_eq!(meter.check(next), Opening::Now);
}

#[test]
fn wait_is_known_with_the_rate_and_the_hold() {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, None, start);
    assert_eq!(meter.wait(1000, start), None);
    let mut told = Meter::new("test", JOB_OPERATIONS, Some(60.0), start);
    for meter in [&mut meter, &mut told] {
        let pass = meter.enter(start);
        meter.record(pass, Verdict::Rejected { retry_after: Some(5 * SECOND) }, start);
    }
    assert_eq!(meter.wait(1000, start), Some(5 * SECOND));
    assert_eq!(meter.wait(1000, start + 5 * SECOND), None);
    assert_eq!(told.wait(0, start), Some(5 * SECOND));
    let wait = told.wait(100, start).unwrap();
    assert!((100 * SECOND..103 * SECOND).contains(&wait), "{wait:?}");
}

#[test]
fn answers_of_an_earlier_time_are_taken() {
    let start = Instant::now() + 60 * SECOND;
    for told in [Some(100.0), None] {
        let mut meter = Meter::new("test", JOB_OPERATIONS, told, start);
        let passes: Vec<Pass> = (0..4).map(|_| meter.enter(start)).collect();
        meter.record(passes[0], Verdict::Accepted, start - SECOND);
        meter.record(passes[1], Verdict::Rejected { retry_after: None }, start - 2 * SECOND);
        meter.record(passes[2], Verdict::Rejected { retry_after: None }, start - 3 * SECOND);
        meter.record(passes[3], Verdict::Unknown, start - 4 * SECOND);
        let Opening::At(next) = meter.check(start - 2 * SECOND) else { panic!("the meter is held") };
        assert!(next <= start + SECOND);
    }
}

#[test]
fn second_setback_lets_a_single_call_try() {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, Some(6000.0), start);
    let mut now = start;
    for setbacks in [1, 2] {
        let pass = meter.enter(now);
        meter.record(pass, Verdict::Rejected { retry_after: None }, now);
        now += SECOND;
        meter.enter(now);
        let is_open = meter.check(now + LATENCY) == Opening::Now;
        assert_eq!(is_open, setbacks == 1, "after {setbacks}");
        now += SECOND;
    }
}
