use std::sync::Arc;

use tokio::task::{JoinHandle, yield_now};

use super::*;

/// Lets one call through in each interval.
#[derive(Debug)]
struct Metronome {
    interval: Duration,
    next: Instant,
    hold: Option<Instant>,
    entered: usize,
}

impl Gate for Metronome {
    type Pass = usize;

    fn check(&self, now: Instant) -> Opening {
        let next = self.hold.map_or(self.next, |hold| hold.max(self.next));
        if next > now { Opening::At(next) } else { Opening::Now }
    }

    fn enter(&mut self, now: Instant) -> usize {
        self.next = now + self.interval;
        self.entered += 1;
        self.entered
    }

    fn hold(&self) -> Option<Instant> {
        self.hold
    }

    fn wait(&self, ahead: usize, now: Instant) -> Option<Duration> {
        Some(self.next.saturating_duration_since(now) + self.interval * ahead as u32)
    }
}

const INTERVAL: Duration = Duration::from_secs(1);

/// Returns a queue through which a call has just gone.
fn queue() -> Arc<Queue<Metronome>> {
    let next = Instant::now() + INTERVAL;
    Arc::new(Queue::new(Metronome { interval: INTERVAL, next, hold: None, entered: 0 }))
}

/// Adds a call to the end of the queue; it returns the number of its entry.
async fn join(queue: &Arc<Queue<Metronome>>, class: Class) -> JoinHandle<usize> {
    let queue = queue.clone();
    let call = tokio::spawn(async move { queue.turn(class, None, None).await.unwrap().1 });
    yield_now().await;
    call
}

#[tokio::test(start_paused = true)]
async fn calls_go_in_the_order_of_their_arrival() {
    let queue = queue();
    let mut calls = Vec::new();
    for _ in 0..50 {
        calls.push(join(&queue, Class::Change).await);
    }
    for (index, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), index + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn changes_go_before_reads_which_are_not_starved() {
    let queue = queue();
    let read = join(&queue, Class::Read).await;
    let mut changes = Vec::new();
    for _ in 0..100 {
        changes.push(join(&queue, Class::Change).await);
    }
    assert_eq!(changes.remove(0).await.unwrap(), 1);
    assert_eq!(read.await.unwrap(), OVERTAKING as usize + 1);
    assert_eq!(changes.pop().unwrap().await.unwrap(), 101);
}

#[tokio::test(start_paused = true)]
async fn call_that_comes_back_goes_first() {
    let queue = queue();
    let (place, _) = queue.turn(Class::Change, None, None).await.unwrap();
    let other = join(&queue, Class::Change).await;
    assert_eq!(queue.turn(Class::Change, Some(place), None).await.unwrap().1, 2);
    assert_eq!(other.await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn dropped_waiter_loses_no_wake_up() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let queue = queue();
        let mut calls = Vec::new();
        for _ in 0..20 {
            let class = if random.bool() { Class::Change } else { Class::Read };
            calls.push(join(&queue, class).await);
        }
        let mut dropped = 0;
        while !calls.is_empty() {
            tokio::time::advance(random.u32(0..700) * Duration::from_millis(1)).await;
            yield_now().await;
            if random.u8(0..3) == 0 {
                let call = calls.swap_remove(random.usize(..calls.len()));
                dropped += usize::from(!call.is_finished());
                call.abort();
            }
            calls.retain(|call| !call.is_finished());
        }
        for _ in 0..3 {
            yield_now().await;
        }
        let (entered, waiting) = queue.read(|gate, waiting| (gate.entered, waiting));
        assert_eq!(waiting, [0, 0], "seed {seed}");
        // A call may go through in the moment in which it is dropped.
        assert!((20 - dropped..=20).contains(&entered), "seed {seed}: {entered} entered, {dropped} dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn turn_after_the_deadline_is_reported_at_once() {
    let queue = queue();
    for _ in 0..10 {
        join(&queue, Class::Change).await;
    }
    let start = Instant::now();
    let late = queue.turn(Class::Change, None, Some(start + 5 * INTERVAL)).await.unwrap_err();
    assert_eq!((late.waiting, late.wait), (10, Some(11 * INTERVAL)));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(queue.turn(Class::Change, None, Some(start + 12 * INTERVAL)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn hold_beyond_the_deadline_ends_the_wait() {
    let queue = queue();
    let (start, waiting) = (Instant::now(), queue.clone());
    let deadline = Some(start + 10 * INTERVAL);
    let call = tokio::spawn(async move { waiting.turn(Class::Read, None, deadline).await });
    yield_now().await;
    queue.update(|gate| gate.hold = Some(start + 3600 * INTERVAL));
    assert!(call.await.unwrap().is_err());
    assert!(start.elapsed() < INTERVAL);
}

#[test]
fn calls_of_two_runtimes_share_a_queue() {
    let next = Instant::now();
    let interval = Duration::from_millis(1);
    let queue = Arc::new(Queue::new(Metronome { interval, next, hold: None, entered: 0 }));
    let run = |queue: Arc<Queue<Metronome>>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async move {
            let calls = (0..50).map(|_| {
                let queue = queue.clone();
                tokio::spawn(async move { queue.turn(Class::Change, None, None).await.unwrap() })
            });
            for call in calls.collect::<Vec<_>>() {
                call.await.unwrap();
            }
        });
    };
    std::thread::scope(|scope| {
        scope.spawn(|| run(queue.clone()));
        scope.spawn(|| run(queue.clone()));
    });
    assert_eq!(queue.read(|gate, waiting| (gate.entered, waiting)), (100, [0, 0]));
}

#[tokio::test(start_paused = true)]
async fn call_that_does_not_wait_yet_goes_first_only_in_its_order() {
    let queue = queue();
    let place = |class, number| Place { class, number };
    let (change, read) = (|number| place(Class::Change, number), |number| place(Class::Read, number));
    assert!(queue.state().goes_first(read(9)), "none waits");
    {
        let _waiter = queue.state().add(read(5), &queue);
        for (overtaken, call, expected) in [
            (0, change(9), true),
            (0, read(3), true),
            (0, read(7), false),
            (OVERTAKING, change(1), false),
            (OVERTAKING, read(3), true),
            (OVERTAKING, read(7), false),
        ] {
            queue.state().overtaken = overtaken;
            assert_eq!(queue.state().goes_first(call), expected, "{call:?} after {overtaken}");
        }
    }
    let _waiter = queue.state().add(change(5), &queue);
    for overtaken in [0, OVERTAKING] {
        queue.state().overtaken = overtaken;
        assert!(queue.state().goes_first(change(3)), "no read waits");
        assert!(!queue.state().goes_first(change(7)));
    }
}

#[tokio::test(start_paused = true)]
async fn changes_overtake_only_reads_that_wait() {
    let queue = queue();
    for _ in 0..2 * OVERTAKING {
        queue.turn(Class::Change, None, None).await.unwrap();
    }
    let read = join(&queue, Class::Read).await;
    let change = join(&queue, Class::Change).await;
    assert!(change.await.unwrap() < read.await.unwrap());
}
