use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Creates jobs of this duration one after another on a hub of `slots`, and returns how much longer that
/// takes than it must.
fn overhead(slots: usize, told: bool, duration: Duration, jobs: usize) -> f64 {
    let start = Instant::now();
    let mut now = start;
    let mut core = Slots::new(told.then_some(slots), now);
    let mut hub: Vec<Instant> = Vec::new();
    let mut created = 0;
    while created < jobs {
        match core.check(now) {
            Opening::Now => {}
            Opening::At(time) => {
                now = time;
                continue;
            }
            Opening::Later => unreachable!("no create is under way"),
        }
        core.enter(now);
        hub.retain(|end| *end > now);
        core.leave();
        if hub.len() < slots {
            hub.push(now + duration);
            core.record_created(&format!("job-{created}"), now);
            created += 1;
        } else {
            core.record_busy(None, now);
        }
    }
    let least = duration * (jobs.div_ceil(slots) - 1) as u32;
    (now - start).as_secs_f64() / least.as_secs_f64()
}

#[test]
fn creates_follow_the_end_of_jobs_closely() {
    for slots in [1, 5, 10] {
        for seconds in [2, 10, 30, 120] {
            for told in [true, false] {
                let overhead = overhead(slots, told, seconds * SECOND, 20 * slots);
                assert!(overhead < 1.1, "{overhead} for {slots} slots, {seconds} s, told: {told}");
            }
        }
    }
}

#[test]
fn number_of_slots_is_learned() {
    let now = Instant::now();
    let mut slots = Slots::new(None, now);
    for job in ["a", "b", "c", "d", "e"] {
        assert_eq!(slots.check(now), Opening::Now);
        slots.record_created(job, now);
    }
    slots.record_busy(None, now);
    assert_eq!(slots.limit(), Some(5));
}

#[test]
fn job_that_ends_opens_the_gate_once() {
    let now = Instant::now();
    let mut slots = Slots::new(Some(1), now);
    slots.record_created("a", now);
    assert!(matches!(slots.check(now), Opening::At(_)));
    assert!(!slots.record_end("another", now));
    assert!(slots.record_end("a", now + SECOND));
    assert_eq!(slots.check(now + SECOND), Opening::Now);
    slots.enter(now + SECOND);
    assert_eq!(slots.check(now + SECOND), Opening::Later);
}

/// Returns slots whose jobs are known to run for about ten seconds, with this many that run since `now`.
fn known(limit: usize, now: Instant) -> Slots {
    let mut slots = Slots::new(Some(limit), now);
    let start = now - 20 * SECOND;
    slots.record_created("first", start);
    slots.record_running("first", start + 10 * SECOND);
    slots.record_end("first", start + 10 * SECOND + SECOND / 10);
    for job in 0..limit {
        slots.record_created(&format!("job-{job}"), now);
    }
    slots
}

#[test]
fn end_of_a_job_is_expected_by_how_long_others_ran() {
    let now = Instant::now() + 60 * SECOND;
    let slots = known(2, now);
    let duration = 10 * SECOND + SECOND / 10;
    assert_eq!(slots.time_to_end("job-1", now + 4 * SECOND), Some(duration - 4 * SECOND));
    assert_eq!(slots.time_to_end("job-1", now + 20 * SECOND), Some(Duration::ZERO));
    assert_eq!(slots.time_to_end("another", now), None);
    assert_eq!(slots.punctual(), 2);
    let mut slots = Slots::new(None, now);
    slots.record_created("job", now);
    assert_eq!(slots.punctual(), 0, "how long it runs is unknown");
}

#[test]
fn jobs_that_ran_their_time_are_followed_together() {
    let now = Instant::now() + 60 * SECOND;
    let mut slots = known(3, now);
    let Opening::At(end) = slots.check(now) else { panic!("all slots are taken") };
    assert_eq!(end, now + 10 * SECOND + SECOND / 10);
    for _ in 0..3 {
        assert_eq!(slots.check(end), Opening::Now);
        slots.enter(end);
    }
    assert_eq!(slots.check(end), Opening::Later);
    // A create for which the hub had no slot says that they run longer: one goes, after a while.
    (0..3).for_each(|_| slots.leave());
    slots.record_busy(None, end);
    assert_eq!(slots.check(end), slots.check(end + FINE_STEP / 2));
    let Opening::At(next) = slots.check(end) else { panic!("the hub had no slot") };
    assert_eq!(slots.check(next), Opening::Now);
    slots.enter(next);
    assert_eq!(slots.check(next), Opening::Later);
}

#[test]
fn told_slots_are_filled_but_not_exceeded() {
    let now = Instant::now();
    let mut slots = Slots::new(Some(5), now);
    for _ in 0..5 {
        assert_eq!(slots.check(now), Opening::Now);
        slots.enter(now);
    }
    assert_eq!(slots.check(now), Opening::Later);
}

#[test]
fn few_creates_try_for_unknown_slots() {
    let now = Instant::now();
    let mut slots = Slots::new(None, now);
    let fill = |slots: &mut Slots| {
        let mut creates = 0;
        while slots.check(now) == Opening::Now {
            slots.enter(now);
            creates += 1;
        }
        creates
    };
    assert_eq!(fill(&mut slots), FIRST);
    for (job, running) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        slots.leave();
        slots.record_created(job, now);
        assert_eq!(fill(&mut slots), 1 + usize::from(running > FIRST), "with {running} jobs");
    }
    slots.leave();
    slots.record_busy(None, now);
    assert_eq!((slots.limit(), fill(&mut slots)), (Some(5), 0));
}

#[test]
fn hub_that_asks_for_a_year_is_tried_after_an_hour() {
    let now = Instant::now();
    let mut slots = Slots::new(Some(1), now);
    for wait in [365 * 24 * 3600 * SECOND, Duration::MAX] {
        slots.record_busy(Some(wait), now);
        assert_eq!(slots.check(now), Opening::At(now + LONGEST_HOLD));
    }
    slots.record_end("another", now);
    assert_eq!(slots.check(now + LONGEST_HOLD), Opening::Now);
}

#[test]
fn clock_that_jumps_does_not_stop_creates() {
    let now = Instant::now() + 60 * SECOND;
    for jump in [now - 30 * SECOND, now + 365 * 24 * 3600 * SECOND] {
        let mut slots = known(1, now);
        slots.record_busy(None, now + SECOND);
        slots.record_running("job-0", jump);
        slots.record_busy(None, jump);
        let next = match slots.check(jump) {
            Opening::Now => jump,
            Opening::At(next) => next,
            Opening::Later => panic!("no create is under way"),
        };
        assert!(next <= jump.max(now) + 2 * LONGEST_STEP, "{:?} after the jump", next - jump);
    }
}
