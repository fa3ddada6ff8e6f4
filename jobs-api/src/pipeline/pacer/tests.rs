use std::pin::pin;

use futures_util::FutureExt as _;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> Limits {
    Limits { operations: Some(60.0), slots: Some(1), devices: Some(10.0), ..Limits::default() }
}

/// Returns the permit of a call whose turn has come.
fn enter<'p>(pacer: &'p Pacer, call: &mut Call<'p>, slot: Option<Instant>) -> Permit<'p> {
    let deadlines = Deadlines { turn: None, slot };
    pacer.turn(call, deadlines).now_or_never().expect("the call waits").unwrap()
}

fn create(id: &str) -> Call<'_> {
    Call::new(Class::Change, false, Some(id))
}

fn throttled() -> Option<Answer> {
    Some(Answer::Throttled { retry_after: None })
}

#[tokio::test(start_paused = true)]
async fn job_that_ended_frees_its_slot() {
    let pacer = Pacer::new(limits());
    enter(&pacer, &mut create("job"), None).record(Some(Answer::Success));
    assert_eq!(pacer.snapshot().slots.running, 1);
    pacer.record_job_end("another");
    assert_eq!(pacer.snapshot().slots.running, 1);
    pacer.record_job_end("job");
    assert_eq!(pacer.snapshot().slots.running, 0);
}

#[tokio::test(start_paused = true)]
async fn end_of_a_job_is_expected_by_its_devices_then_by_other_jobs() {
    let pacer = Pacer::new(limits());
    assert_eq!(pacer.time_to_end("job", 30), Some(3 * SECOND));
    assert_eq!(Pacer::new(Limits::default()).time_to_end("job", 30), None);
    enter(&pacer, &mut create("first"), None).record(Some(Answer::Success));
    tokio::time::advance(10 * SECOND).await;
    pacer.record_running("first");
    tokio::time::advance(SECOND / 10).await;
    pacer.record_job_end("first");
    enter(&pacer, &mut create("second"), None).record(Some(Answer::Success));
    assert_eq!(pacer.time_to_end("second", 30), Some(10 * SECOND + SECOND / 10));
}

#[tokio::test(start_paused = true)]
async fn read_of_a_job_stays_behind_the_create_that_waits_for_its_end() {
    let pacer = Pacer::new(limits());
    for id in ["first", "second"] {
        enter(&pacer, &mut create(id), None).record(Some(Answer::Success));
        tokio::time::advance(10 * SECOND).await;
        pacer.record_running(id);
        pacer.record_job_end(id);
    }
    enter(&pacer, &mut create("third"), None).record(Some(Answer::Success));
    let alone = pacer.time_to_end("third", 0).unwrap();
    let mut waiting = create("fourth");
    let deadline = Some(Instant::now() + 3600 * SECOND);
    let mut turn = pin!(pacer.turn(&mut waiting, Deadlines { turn: None, slot: deadline }));
    assert!(turn.as_mut().now_or_never().is_none());
    let behind = pacer.time_to_end("third", 0).unwrap();
    assert!((SECOND..2 * SECOND).contains(&(behind - alone)), "{alone:?}, then {behind:?}");
}

#[tokio::test(start_paused = true)]
async fn rejected_call_holds_the_meter() {
    let pacer = Pacer::new(limits());
    enter(&pacer, &mut create("job"), None).record(throttled());
    let state = pacer.snapshot();
    assert!(state.operations.hold.is_some() && state.queries.hold.is_none());
}

#[tokio::test(start_paused = true)]
async fn permit_without_an_answer_lets_the_next_call_go() {
    let pacer = Pacer::new(Limits::default());
    for _ in 0..20 {
        drop(enter(&pacer, &mut create("job"), None));
    }
    for _ in 0..20 {
        enter(&pacer, &mut create("job"), None).record(None);
    }
    assert_eq!(pacer.snapshot().slots.running, 0);
}

#[tokio::test(start_paused = true)]
async fn dropped_create_gives_its_slot_back() {
    let pacer = Pacer::new(limits());
    enter(&pacer, &mut create("rejected"), None).record(throttled());
    let deadline = Some(Instant::now() + 3600 * SECOND);
    for _ in 0..3 {
        // It has the only slot, and waits for its turn at the meter.
        let mut call = create("dropped");
        assert!(pacer.turn(&mut call, Deadlines { turn: None, slot: deadline }).now_or_never().is_none());
    }
    tokio::time::advance(60 * SECOND).await;
    enter(&pacer, &mut create("next"), deadline).record(Some(Answer::Success));
    assert_eq!(pacer.snapshot().slots.running, 1);
}
