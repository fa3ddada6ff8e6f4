use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Creates jobs of this duration one after another on a hub of `slots`, and returns how much longer that takes
/// than it must.
fn overhead(slots: usize, is_configured: bool, duration: Duration, jobs: usize) -> f64 {
    let start = Instant::now();
    let mut now = start;
    let mut core = Slots::new(is_configured.then_some(slots), now);
    let mut hub: Vec<Instant> = Vec::new();
    let mut created = 0;
    while created < jobs {
        let id = format!("job-{created}");
        if let Err(next) = core.take(&id, Duration::ZERO, now) {
            now = next;
            continue;
        }
        hub.retain(|end| *end > now);
        if hub.len() < slots {
            hub.push(now + duration);
            core.record_created(&id, now, now);
            created += 1;
        } else {
            core.record_busy(&id, None, now);
        }
    }
    let least = duration * (jobs.div_ceil(slots) - 1) as u32;
    (now - start).as_secs_f64() / least.as_secs_f64()
}

#[test]
fn creates_follow_the_end_of_jobs_closely() {
    for slots in [1, 5, 10] {
        for seconds in [2, 10, 30, 120] {
            for is_configured in [true, false] {
                let overhead = overhead(slots, is_configured, seconds * SECOND, 20 * slots);
                assert!(overhead < 1.2, "{overhead} for {slots} slots, {seconds} s, {is_configured}");
            }
        }
    }
}

#[test]
fn number_of_slots_is_learned() {
    let now = Instant::now();
    let mut slots = Slots::new(None, now);
    for id in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(slots.take(id, Duration::ZERO, now), Ok(()));
    }
    for id in ["a", "b", "c", "d", "e"] {
        slots.record_created(id, now, now);
    }
    slots.record_busy("f", None, now);
    assert_eq!((slots.learned, slots.running.len(), slots.full_since.is_some()), (Some(5), 5, true));
}

#[test]
fn job_that_ends_lets_one_create_try() {
    let now = Instant::now();
    let mut slots = Slots::new(Some(1), now);
    assert_eq!(slots.take("a", Duration::ZERO, now), Ok(()));
    slots.record_created("a", now, now);
    let next = slots.take("b", Duration::ZERO, now).unwrap_err();
    assert_eq!(next, now + LEAST_STEP);
    assert!(!slots.record_end("another", now));
    assert!(slots.record_end("a", now + SECOND));
    assert_eq!(slots.take("b", Duration::ZERO, now + SECOND), Ok(()));
    assert!(slots.take("c", Duration::ZERO, now + SECOND).is_err());
}

#[test]
fn scheduled_jobs_hold_slots_until_they_have_run_or_are_cancelled() {
    let now = Instant::now();
    let mut slots = Slots::new(None, now);
    let later = |n: u32| now + n * 60 * SECOND;
    for (id, start) in [("d", later(4)), ("c", later(3)), ("b", later(2)), ("a", later(1))] {
        slots.record_created(id, start, now);
    }
    slots.take("e", Duration::ZERO, now).unwrap();
    slots.record_busy("e", None, now);
    assert_eq!((slots.learned, slots.running.len()), (Some(5), 4), "not 1");
    slots.record_created("e", now, now);
    assert!(slots.take("f", Duration::ZERO, now).is_err());
    assert!(slots.record_end("d", now), "it is cancelled");
    assert_eq!(slots.duration, None, "it has not run");
    slots.record_created("f", now, now);
    assert!(slots.record_end("e", now + 10 * SECOND));
    assert_eq!(slots.time_to_end("a", now + 10 * SECOND), Some(60 * SECOND));
    let ids = slots.running.iter().map(|(id, _)| id.as_str()).collect::<String>();
    assert_eq!(ids, "fabc", "by their start");
}

/// Returns slots of which one is taken by a job that is expected to run for ten seconds from now.
fn known(now: Instant) -> Slots {
    let mut slots = Slots::new(Some(1), now - 10 * SECOND);
    slots.take("first", Duration::ZERO, now - 10 * SECOND).unwrap();
    slots.record_created("first", now - 10 * SECOND, now - 10 * SECOND);
    slots.record_end("first", now);
    slots.take("second", Duration::ZERO, now).unwrap();
    slots.record_created("second", now, now);
    slots
}

#[test]
fn end_of_a_job_is_expected_by_how_long_the_last_one_ran() {
    let now = Instant::now() + 60 * SECOND;
    let mut slots = known(now);
    assert_eq!(slots.time_to_end("second", now + 4 * SECOND), Some(6 * SECOND));
    assert_eq!(slots.time_to_end("second", now + 20 * SECOND), Some(Duration::ZERO));
    assert_eq!(slots.time_to_end("another", now), None);
    assert_eq!(slots.take("third", Duration::ZERO, now), Err(now + 10 * SECOND * 15 / 16));
}

#[test]
fn failed_try_concerns_itself_alone() {
    let now = Instant::now() + 60 * SECOND;
    let mut slots = known(now);
    let end = now + 10 * SECOND;
    assert_eq!(slots.take("third", Duration::ZERO, end), Ok(()));
    for waiting in 0..16 {
        assert!(slots.take(&format!("waiting-{waiting}"), Duration::ZERO, end).is_err());
    }
    slots.record_busy("third", None, end);
    assert_eq!(slots.take("fourth", Duration::ZERO, end), Err(end + 10 * SECOND / 16));
}

#[test]
fn try_without_an_answer_is_followed_by_another() {
    let now = Instant::now() + 60 * SECOND;
    let mut slots = known(now);
    let end = now + 10 * SECOND;
    assert_eq!(slots.take("not polled", Duration::ZERO, end), Ok(()));
    let next = slots.take("next", Duration::ZERO, end).unwrap_err();
    assert_eq!(next, end + UNANSWERED);
    assert_eq!(slots.take("next", Duration::ZERO, next), Ok(()));
}

#[test]
fn hub_that_asks_for_a_pause_gets_it() {
    let now = Instant::now();
    let mut slots = Slots::new(None, now);
    slots.take("a", Duration::ZERO, now).unwrap();
    slots.record_busy("a", Some(90 * SECOND), now);
    assert_eq!(slots.take("b", Duration::ZERO, now), Err(now + 90 * SECOND));
    slots.record_busy("b", Some(Duration::MAX), now);
    assert_eq!(slots.take("b", Duration::ZERO, now), Err(now + LONGEST_PAUSE));
}
