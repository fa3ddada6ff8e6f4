//! Calls that arrive at the hub less evenly than they are sent.

use super::*;

/// The time of a request or a response: any between these, in milliseconds.
const WAY: (u64, u64) = (15, 35);

/// The counts of a run, and the time that it took.
struct Run {
    rejected: usize,
    took: Duration,
}

/// Sends this many calls as fast as the meter allows, and repeats what the hub rejects.
fn run_unevenly(meter: &mut Meter, hub: &mut Bucket, calls: usize, seed: u64, start: Instant) -> Run {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut way = || Duration::from_millis(random.u64(WAY.0..=WAY.1));
    let (mut requests, mut responses) = (Vec::<(Instant, Pass)>::new(), Vec::<(Instant, Pass, bool)>::new());
    let (mut now, mut accepted, mut rejected) = (start, 0, 0);
    while accepted < calls {
        requests.sort_by_key(|(time, _)| *time);
        while requests.first().is_some_and(|(time, _)| *time <= now) {
            let (time, pass) = requests.remove(0);
            responses.push((time + way(), pass, hub.take(time)));
        }
        responses.sort_by_key(|(time, ..)| *time);
        while responses.first().is_some_and(|(time, ..)| *time <= now) {
            let (time, pass, is_accepted) = responses.remove(0);
            accepted += usize::from(is_accepted);
            rejected += usize::from(!is_accepted);
            let verdict = match is_accepted {
                true => Verdict::Accepted,
                false => Verdict::Rejected { retry_after: Some(SECOND) },
            };
            meter.record(pass, verdict, time);
        }
        let next = match meter.check(now) {
            Opening::Now => {
                let pass = meter.enter(now);
                requests.push((now + way(), pass));
                continue;
            }
            Opening::At(time) => Some(time),
            Opening::Later => None,
        };
        let events = requests.iter().map(|(time, _)| *time).chain(responses.iter().map(|(time, ..)| *time));
        now = events.chain(next).min().expect("the meter waits for an answer that does not come");
    }
    Run { rejected, took: now - start }
}

#[test]
fn few_calls_are_rejected_at_a_hub_without_a_burst() {
    for seed in 0..10 {
        let start = Instant::now();
        let mut meter = Meter::new("test", JOB_OPERATIONS, Some(6000.0), start);
        let mut hub = Bucket::new(6000.0, 1.0, start);
        let Run { rejected, took } = run_unevenly(&mut meter, &mut hub, 4000, seed, start);
        assert!((8..=60).contains(&rejected), "seed {seed}: {rejected} of 4,000");
        // 10 ms between two calls, and no more than the 20 ms by which they may be closer when they arrive.
        assert!(took < Duration::from_millis(30 * 4000 + 5000), "seed {seed}: {took:?}");
    }
}

#[test]
fn burst_makes_up_for_calls_that_arrive_unevenly() {
    for (told, burst) in [(Some(6000.0), 100.0), (Some(6000.0), 3000.0), (None, 1000.0)] {
        for seed in 0..10 {
            let start = Instant::now();
            let mut meter = Meter::new("test", JOB_OPERATIONS, told, start);
            let mut hub = Bucket::new(6000.0, burst, start);
            let calls = burst as usize + 4000;
            let Run { rejected, took } = run_unevenly(&mut meter, &mut hub, calls, seed, start);
            assert!(rejected <= 80, "seed {seed}, burst {burst}: {rejected} rejected");
            assert!(took < 43 * SECOND, "seed {seed}, burst {burst}: {took:?} instead of 40 s");
            // A margin that no call needs is not forgotten: the bucket keeps as much in reserve.
            assert!(meter.jitter.margin() >= SECOND / 100, "{:?}", meter.jitter.margin());
        }
    }
}

#[test]
fn call_that_came_early_holds_no_others_at_a_told_rate() {
    for told in [Some(6000.0), None] {
        let start = Instant::now();
        let mut meter = Meter::new("test", JOB_OPERATIONS, told, start);
        run_unevenly(&mut meter, &mut Bucket::new(6000.0, 1.0, start), 500, 1, start);
        let mut now = start + 60 * SECOND;
        for (calls, is_held) in [(40, told.is_none()), (1, true)] {
            for _ in 0..calls {
                now += LATENCY;
                let pass = meter.enter(now);
                meter.record(pass, Verdict::Accepted, now + LATENCY);
            }
            let pass = meter.enter(now + 2 * LATENCY);
            now += 3 * LATENCY;
            meter.record(pass, Verdict::Rejected { retry_after: Some(100 * SECOND) }, now);
            let hold = meter.hold().is_some_and(|hold| hold >= now + 100 * SECOND);
            assert_eq!(hold, is_held, "told: {told:?}, {calls} calls after the rejection before");
        }
    }
}

#[test]
fn calls_on_their_way_at_the_end_of_a_burst_are_awaited() {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, Some(6000.0), start);
    let passes: Vec<Pass> = (0..6).map(|_| meter.enter(start)).collect();
    let now = start + LATENCY;
    passes[..5].iter().for_each(|pass| meter.record(*pass, Verdict::Accepted, now));
    meter.record(passes[5], Verdict::Rejected { retry_after: None }, now);
    // Half of the latency, then the 10 ms of a call.
    let Opening::At(next) = meter.check(now + LATENCY / 2) else { panic!("the bucket is empty") };
    assert!((now + 3 * LATENCY / 4..now + LATENCY).contains(&next), "{:?}", next - now);
}

/// Returns the rate told as 6,000 after a hub without a burst has accepted a hundred calls with latencies
/// that differ by so much, then rejected one.
fn rate_after_a_rejection(difference: Duration) -> Option<f64> {
    let start = Instant::now();
    let mut meter = Meter::new("test", JOB_OPERATIONS, Some(6000.0), start);
    let pass = meter.enter(start);
    meter.record(pass, Verdict::Rejected { retry_after: None }, start + LATENCY);
    let mut now = start + SECOND;
    for number in 0..=100 {
        let pass = meter.enter(now);
        let verdict = if number < 100 { Verdict::Accepted } else { Verdict::Rejected { retry_after: None } };
        meter.record(pass, verdict, now + LATENCY + difference * (number % 2));
        now += meter.interval();
    }
    meter.rate()
}

#[test]
fn rejection_lowers_the_rate_unless_the_way_is_uneven() {
    let millisecond = Duration::from_millis(1);
    assert_eq!(rate_after_a_rejection(4 * millisecond), Some(6000.0));
    // Timers are no more even than this.
    assert!(rate_after_a_rejection(millisecond / 10) < Some(6000.0));
    // The hub holds these back, which says nothing about the way.
    assert!(rate_after_a_rejection(SECOND) < Some(6000.0));
}

#[test]
fn timer_that_is_late_is_made_up_for_by_a_burst_alone() {
    for burst in [0, 5] {
        let start = Instant::now();
        let mut meter = Meter::new("test", JOB_OPERATIONS, Some(6000.0), start);
        let passes: Vec<Pass> = (0..=burst).map(|_| meter.enter(start)).collect();
        let (last, first) = passes.split_last().unwrap();
        first.iter().for_each(|pass| meter.record(*pass, Verdict::Accepted, start + LATENCY));
        meter.record(*last, Verdict::Rejected { retry_after: None }, start + LATENCY);
        let mut now = start + LATENCY;
        // The second call is late by a millisecond and a half.
        for late in [0, 1500] {
            let Opening::At(next) = meter.check(now) else { panic!("calls are paced") };
            now = next + Duration::from_micros(late);
            meter.enter(now);
        }
        let Opening::At(third) = meter.check(now) else { panic!("calls are paced") };
        let is_made_up = third - now < Duration::from_millis(9);
        assert_eq!(is_made_up, burst > 0, "burst {burst}: {:?}", third - now);
    }
}
