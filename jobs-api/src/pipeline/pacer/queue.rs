//! First come, first served: the calls that wait at a gate.
//!
//! Nothing is spawned. Only the first call of the queue has a timer, on its own runtime; it wakes the next
//! one when it leaves, whether through the gate, by its deadline or because its future was dropped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Changes that may overtake a waiting read in a row: it is never starved.
const OVERTAKING: u32 = 32;
/// The time that must be left for the call itself once its turn comes.
const LEAST_LEFT: Duration = Duration::from_millis(100);

/// The decision whether a call may go.
pub(crate) trait Gate {
    /// The proof that a call went through.
    type Pass: Copy;

    /// Returns when the next call may go.
    fn check(&self, now: Instant) -> Opening;

    /// Lets a call through.
    fn enter(&mut self, now: Instant) -> Self::Pass;

    /// Returns the time before which no call goes.
    fn hold(&self) -> Option<Instant>;

    /// Returns how long a call waits that has so many others ahead, if that can be known.
    fn wait(&self, ahead: usize, now: Instant) -> Option<Duration>;
}

/// The time at which the next call may go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opening {
    Now,
    At(Instant),
    /// When a call that is under way has ended.
    Later,
}

/// The kind of a call: changes go before reads.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Class {
    /// Creates and cancels a job, or does what is not known.
    Change,
    /// Reads or lists.
    Read,
}

/// The place of a call among all others, which it keeps when it comes back.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place {
    class: Class,
    number: u64,
}

/// A turn that does not come before the deadline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TooLate {
    /// Calls that wait before this one.
    pub(crate) waiting: usize,
    /// How long this one would wait, as far as it is known.
    pub(crate) wait: Option<Duration>,
}

/// A gate and the calls that wait at it.
#[derive(Debug)]
pub(crate) struct Queue<G: Gate>(Mutex<State<G>>);

#[derive(Debug)]
struct State<G> {
    gate: G,
    waiters: BTreeMap<Place, Arc<Notify>>,
    /// Waiting calls by class.
    waiting: [usize; 2],
    next_number: u64,
    /// Changes that went before a waiting read, in a row.
    overtaken: u32,
}

impl<G: Gate> Queue<G> {
    pub(crate) fn new(gate: G) -> Self {
        let (waiters, waiting) = (BTreeMap::new(), [0; 2]);
        Self(Mutex::new(State { gate, waiters, waiting, next_number: 0, overtaken: 0 }))
    }

    /// Waits for the turn of a call, and lets it through. A call that comes back names its `place`.
    ///
    /// # Errors
    ///
    /// The turn does not come before the deadline; that is returned as soon as it is known.
    pub(crate) async fn turn(
        &self,
        class: Class,
        place: Option<Place>,
        deadline: Option<Instant>,
    ) -> Result<(Place, G::Pass), TooLate> {
        let (waiter, place) = {
            let mut state = self.state();
            let now = Instant::now();
            let place = place.unwrap_or_else(|| state.place(class));
            if state.goes_first(place) && state.gate.check(now) == Opening::Now {
                return Ok((place, state.enter(place, now)));
            }
            state.check_deadline(place, deadline, now)?;
            (state.add(place, self), place)
        };
        loop {
            let until = {
                let mut state = self.state();
                let now = Instant::now();
                let opening = match state.first() == Some(place) {
                    true => state.gate.check(now),
                    false => Opening::Later,
                };
                if opening == Opening::Now {
                    return Ok((place, state.enter(place, now)));
                }
                let hold = state.gate.hold();
                if deadline
                    .is_some_and(|deadline| now >= deadline || hold.is_some_and(|hold| hold >= deadline))
                {
                    return Err(state.too_late(place, now));
                }
                match opening {
                    Opening::At(time) => deadline.map_or(Some(time), |deadline| Some(deadline.min(time))),
                    _ => deadline,
                }
            };
            let woken = waiter.notify.notified();
            match until {
                Some(until) => drop(timeout_at(until, woken).await),
                None => woken.await,
            }
        }
    }

    /// Changes the gate, and wakes the call for which this may open it.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut G) -> T) -> T {
        let mut state = self.state();
        let before = state.gate.hold();
        let result = change(&mut state.gate);
        if state.gate.hold() > before {
            // The deadlines of any of them may lie within the hold.
            state.waiters.values().for_each(|waiter| waiter.notify_one());
        } else {
            state.wake_first();
        }
        result
    }

    /// Reads the gate and the number of waiting changes and reads.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&G, [usize; 2]) -> T) -> T {
        let state = self.state();
        read(&state.gate, state.waiting)
    }

    fn state(&self) -> MutexGuard<'_, State<G>> {
        // No code that can panic runs while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<G: Gate> State<G> {
    fn place(&mut self, class: Class) -> Place {
        self.next_number += 1;
        Place { class, number: self.next_number }
    }

    /// Returns the waiting call whose turn is next.
    fn first(&self) -> Option<Place> {
        if self.overtaken >= OVERTAKING && self.waiting[Class::Read as usize] > 0 {
            let reads = Place { class: Class::Read, number: 0 }..;
            return self.waiters.range(reads).next().map(|(place, _)| *place);
        }
        self.waiters.first_key_value().map(|(place, _)| *place)
    }

    /// Returns true if a call that does not wait yet goes before all that do.
    fn goes_first(&self, place: Place) -> bool {
        match self.first() {
            None => true,
            Some(first) if self.overtaken >= OVERTAKING && first.class == Class::Read => {
                place.class == Class::Read && place < first
            }
            Some(first) => place < first,
        }
    }

    /// Lets a call through, and wakes the next one.
    fn enter(&mut self, place: Place, now: Instant) -> G::Pass {
        let pass = self.gate.enter(now);
        self.remove(place);
        let is_overtaking = place.class == Class::Change && self.waiting[Class::Read as usize] > 0;
        self.overtaken = if is_overtaking { self.overtaken + 1 } else { 0 };
        self.wake_first();
        pass
    }

    fn add<'a>(&mut self, place: Place, queue: &'a Queue<G>) -> Waiter<'a, G> {
        let notify = Arc::new(Notify::new());
        self.waiters.insert(place, notify.clone());
        self.waiting[place.class as usize] += 1;
        Waiter { queue, place, notify }
    }

    fn remove(&mut self, place: Place) {
        if self.waiters.remove(&place).is_some() {
            self.waiting[place.class as usize] -= 1;
        }
    }

    fn wake_first(&self) {
        if let Some(waiter) = self.first().and_then(|first| self.waiters.get(&first)) {
            waiter.notify_one();
        }
    }

    fn check_deadline(&self, place: Place, deadline: Option<Instant>, now: Instant) -> Result<(), TooLate> {
        let Some(left) = deadline.map(|deadline| deadline.saturating_duration_since(now)) else {
            return Ok(());
        };
        let late = self.too_late(place, now);
        match late.wait {
            Some(wait) if wait.saturating_add(LEAST_LEFT) >= left => Err(late),
            _ if left.is_zero() => Err(late),
            _ => Ok(()),
        }
    }

    fn too_late(&self, place: Place, now: Instant) -> TooLate {
        // All numbers are counted only for a call that has come back, of which there are few.
        let waiting = match self.next_number == place.number {
            true if place.class == Class::Change => self.waiting[Class::Change as usize],
            true => self.waiters.len(),
            false => self.waiters.range(..place).count(),
        };
        TooLate { waiting, wait: self.gate.wait(waiting, now) }
    }
}

/// A waiting call. Dropped, it leaves the queue and wakes the next one.
struct Waiter<'a, G: Gate> {
    queue: &'a Queue<G>,
    place: Place,
    notify: Arc<Notify>,
}

impl<G: Gate> Drop for Waiter<'_, G> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.remove(self.place);
        state.wake_first();
    }
}

#[cfg(test)]
mod tests;
