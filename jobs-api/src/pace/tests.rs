use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{advance, sleep};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const BREAKER: BreakerSettings = BreakerSettings { failures: 2, longest_pause: Duration::from_secs(8) };
const THROTTLED: Result<(), Failure> = Err(Failure::Throttled(None));

/// Returns a pace of one call a second on a hub with one slot.
fn pace() -> Arc<Pace> {
    let limits = Limits { operations: Some(60.0), slots: Some(1), devices: Some(10.0), ..Limits::default() };
    Arc::new(Pace::new(limits))
}

fn unknown() -> Arc<Pace> {
    Arc::new(Pace::new(Limits::default()))
}

fn subject(class: Class, creates: Option<&str>) -> Subject<'_> {
    let creates = creates.map(|id| (id, Instant::now()));
    Subject { class, is_query: false, creates, goes_first: false, breaker: BREAKER }
}

fn call(pace: &Pace, class: Class) -> Call<'_> {
    pace.call(subject(class, None))
}

/// Sends a call that waits for nothing.
fn send(call: &mut Call<'_>) {
    call.admit(Deadlines::default()).now_or_never().expect("the call waits").unwrap();
}

fn waits(call: &mut Call<'_>) -> bool {
    call.admit(Deadlines::default()).now_or_never().is_none()
}

/// Starts a call that is answered with success at once. Returns the seconds from now until it was sent.
async fn join(pace: &Arc<Pace>, class: Class) -> JoinHandle<f64> {
    let (pace, start) = (pace.clone(), Instant::now());
    let call = tokio::spawn(async move {
        let mut call = pace.call(subject(class, None));
        call.admit(Deadlines::default()).await.unwrap();
        call.record(Ok(()));
        start.elapsed().as_secs_f64()
    });
    yield_now().await;
    call
}

async fn seconds(calls: Vec<JoinHandle<f64>>) -> Vec<u64> {
    let mut seconds = Vec::new();
    for call in calls {
        seconds.push(call.await.unwrap().round() as u64);
    }
    seconds
}

#[tokio::test(start_paused = true)]
async fn configured_rate_is_kept_from_the_first_call_on() {
    let pace = pace();
    let mut calls = Vec::new();
    for _ in 0..5 {
        calls.push(join(&pace, Class::Change).await);
    }
    assert_eq!(seconds(calls).await, [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_delayed_until_a_rejection_and_then_everything() {
    let pace = unknown();
    let mut calls: Vec<_> = (0..100).map(|_| call(&pace, Class::Change)).collect();
    calls.iter_mut().for_each(send);
    calls[0].record(Ok(()));
    calls[1].record(Err(Failure::Throttled(Some(10 * SECOND))));
    let state = pace.snapshot().operations;
    assert_eq!((state.rate, state.is_configured), (Some(100.0), false));
    assert!((10 * SECOND..=11 * SECOND).contains(&state.pause.unwrap()), "{state:?}");
    assert!(waits(&mut call(&pace, Class::Change)) && waits(&mut call(&pace, Class::Read)));
    assert!(
        !waits(&mut pace.call(Subject { is_query: true, ..subject(Class::Read, None) })),
        "queries have another meter"
    );
}

#[tokio::test(start_paused = true)]
async fn rejection_without_a_stated_wait_pauses_for_an_interval() {
    let pace = unknown();
    let mut rejected = call(&pace, Class::Change);
    send(&mut rejected);
    rejected.record(THROTTLED);
    assert_eq!(pace.snapshot().operations.pause, Some(SECOND * 6 / 10));
}

#[tokio::test(start_paused = true)]
async fn rate_shrinks_with_rejections_and_grows_with_successes_up_to_the_configured_one() {
    let pace = pace();
    let rate = || pace.snapshot().operations.rate.unwrap();
    let mut rejected = call(&pace, Class::Change);
    send(&mut rejected);
    rejected.record(THROTTLED);
    assert_eq!(rate(), 56.25);
    let before = rate();
    for _ in 0..300 {
        join(&pace, Class::Change).await;
    }
    sleep(1000 * SECOND).await;
    assert!(rate() > before && rate() <= 60.0, "{}", rate());
}

#[tokio::test(start_paused = true)]
async fn rejected_call_goes_before_those_that_wait() {
    let pace = pace();
    let mut rejected = call(&pace, Class::Change);
    send(&mut rejected);
    let waiting = join(&pace, Class::Change).await;
    rejected.record(THROTTLED);
    let start = Instant::now();
    rejected.admit(Deadlines::default()).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 1, "the pause");
    assert_eq!(waiting.await.unwrap().round(), 3.0);
}

#[tokio::test(start_paused = true)]
async fn changes_go_before_reads_which_are_not_starved() {
    let pace = pace();
    send(&mut call(&pace, Class::Change));
    let mut changes = Vec::new();
    for _ in 0..30 {
        changes.push(join(&pace, Class::Change).await);
    }
    let read = join(&pace, Class::Read).await;
    let last = changes.pop().unwrap().await.unwrap();
    assert!((30.0..33.0).contains(&last), "{last}");
    let read = read.await.unwrap();
    assert!((5.0..15.0).contains(&read), "{read}");
}

#[tokio::test(start_paused = true)]
async fn dropped_and_forgotten_calls_cost_the_others_at_most_their_places() {
    let pace = pace();
    send(&mut call(&pace, Class::Change));
    for _ in 0..10 {
        // The last place is given back.
        assert!(waits(&mut call(&pace, Class::Change)));
    }
    let mut kept = call(&pace, Class::Change);
    assert!(waits(&mut kept));
    let mut forgotten = call(&pace, Class::Change);
    assert!(waits(&mut forgotten));
    std::mem::forget(forgotten);
    let next = join(&pace, Class::Change).await;
    assert_eq!(next.await.unwrap().round(), 3.0);
    assert_eq!(pace.snapshot().operations.waiting_changes, 2, "the kept and the forgotten one");
}

#[tokio::test(start_paused = true)]
async fn clock_that_jumps_sends_no_burst() {
    let pace = pace();
    let mut calls = Vec::new();
    for _ in 0..10 {
        calls.push(join(&pace, Class::Change).await);
    }
    advance(3600 * SECOND).await;
    let mut times = seconds(calls).await;
    times.sort_unstable();
    assert_eq!(times[0], 0);
    assert!(times[9] >= 3600 + 6, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn call_that_would_wait_longer_than_its_deadline_fails_at_once() {
    let pace = pace();
    send(&mut call(&pace, Class::Change));
    let deadlines = Deadlines { call: Some(Instant::now() + SECOND), slot: None };
    let late = call(&pace, Class::Change).admit(deadlines).now_or_never().unwrap().unwrap_err();
    assert_eq!((late.reason, late.rate), (Reason::RateLimit, Some(60.0)));
    assert!(late.wait > SECOND * 9 / 10);
    let next = join(&pace, Class::Change).await;
    assert_eq!(next.await.unwrap().round(), 1.0, "it has no place");
}

#[tokio::test(start_paused = true)]
async fn operation_of_which_a_call_was_sent_goes_first() {
    let pace = pace();
    send(&mut call(&pace, Class::Change));
    let others = [join(&pace, Class::Change).await, join(&pace, Class::Change).await];
    let start = Instant::now();
    pace.call(Subject { goes_first: true, ..subject(Class::Change, None) })
        .admit(Deadlines::default())
        .await
        .unwrap();
    assert_eq!(start.elapsed().as_secs_f64().round(), 1.0);
    assert_eq!(seconds(others.into()).await, [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn outage_is_probed_by_the_clock_whichever_call_takes_the_probe() {
    let pace = unknown();
    for is_outage in [false, true] {
        let mut failed = call(&pace, Class::Change);
        send(&mut failed);
        failed.record(Err(Failure::Transient(None)));
        assert_eq!(pace.snapshot().is_outage, is_outage);
    }
    let mut waiting = call(&pace, Class::Read);
    assert!(waits(&mut waiting));
    advance(SECOND).await;
    // It is sent, and its answer never comes.
    let mut kept = call(&pace, Class::Read);
    send(&mut kept);
    assert!(waits(&mut waiting));
    let start = Instant::now();
    waiting.admit(Deadlines::default()).await.unwrap();
    assert!((SECOND * 3 / 4..=SECOND).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert!(waits(&mut call(&pace, Class::Read)));
    waiting.record(Err(Failure::Permanent));
    assert!(!pace.snapshot().is_outage && !waits(&mut call(&pace, Class::Read)));
}

#[tokio::test(start_paused = true)]
async fn pauses_between_probes_grow_up_to_the_longest() {
    let pace = unknown();
    for _ in 0..2 {
        let mut failed = call(&pace, Class::Change);
        send(&mut failed);
        failed.record(Err(Failure::Transient(None)));
    }
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..7 {
        let mut probe = call(&pace, Class::Change);
        probe.admit(Deadlines::default()).await.unwrap();
        probe.record(Err(Failure::Transient(None)));
        times.push(start.elapsed().as_secs_f64());
    }
    for (pair, longest) in times.windows(2).zip([1.0, 2.0, 4.0, 8.0, 8.0, 8.0]) {
        let pause = pair[1] - pair[0];
        assert!((longest * 0.75 - 0.01..=longest + 0.01).contains(&pause), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn call_in_an_outage_waits_until_its_deadline() {
    let pace = unknown();
    let never = BreakerSettings { failures: 0, ..BREAKER };
    for breaker in [never, never, BREAKER] {
        let mut failed = pace.call(Subject { breaker, ..subject(Class::Change, None) });
        send(&mut failed);
        failed.record(Err(Failure::Transient(None)));
        assert_eq!(pace.snapshot().is_outage, breaker == BREAKER);
    }
    let start = Instant::now();
    let deadlines = Deadlines { call: Some(start + SECOND / 2), slot: None };
    let late = call(&pace, Class::Read).admit(deadlines).await.unwrap_err();
    assert_eq!((late.reason, start.elapsed()), (Reason::Outage, SECOND / 2));
}

#[tokio::test(start_paused = true)]
async fn job_that_ended_frees_its_slot() {
    let pace = pace();
    let slot = Some(Instant::now() + 3600 * SECOND);
    let deadlines = Deadlines { call: slot, slot };
    let create = |id: &'static str| pace.call(subject(Class::Change, Some(id)));
    let mut first = create("first");
    first.admit(deadlines).await.unwrap();
    first.record(Ok(()));
    let (mut kept, mut second) = (create("kept"), create("second"));
    assert!(kept.admit(deadlines).now_or_never().is_none());
    let mut admitted = pin!(second.admit(deadlines));
    assert!(admitted.as_mut().now_or_never().is_none());
    pace.record_job_end("another");
    assert!(admitted.as_mut().now_or_never().is_none());
    assert_eq!((pace.snapshot().slots.running, pace.snapshot().slots.waiting), (1, 2));
    pace.record_job_end("first");
    admitted.await.unwrap();
    assert_eq!(pace.snapshot().slots.running, 1);
}

#[tokio::test(start_paused = true)]
async fn create_that_is_dropped_gives_its_slot_back() {
    let pace = pace();
    let slot = Some(Instant::now() + 3600 * SECOND);
    let deadlines = Deadlines { call: slot, slot };
    for id in ["dropped", "dropped too", "sent"] {
        let mut create = pace.call(subject(Class::Change, Some(id)));
        create.admit(deadlines).await.unwrap();
        assert_eq!(pace.snapshot().slots.running, 1);
    }
    assert_eq!(pace.snapshot().slots.running, 0);
}

#[tokio::test(start_paused = true)]
async fn end_of_a_job_is_expected_by_its_devices_then_by_other_jobs() {
    let pace = pace();
    assert_eq!(pace.time_to_end("job", 30), Some(3 * SECOND));
    assert_eq!(unknown().time_to_end("job", 30), None);
    for id in ["first", "second"] {
        let mut create = pace.call(subject(Class::Change, Some(id)));
        create.admit(Deadlines::default()).await.unwrap();
        create.record(Ok(()));
        if id == "first" {
            advance(10 * SECOND).await;
            pace.record_job_end(id);
        }
    }
    assert_eq!(pace.time_to_end("second", 30), Some(10 * SECOND));
}
