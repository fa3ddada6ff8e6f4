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
