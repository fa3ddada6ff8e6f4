//! The hub's slots for running jobs: which are taken, and when to try again.
//!
//! The hub shows neither how many slots it has nor when one becomes free. One create tries for all that
//! wait: at once when a job of this client was seen to end, otherwise when the oldest job is likely to have
//! ended. How long jobs run is learned from both.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use super::duration::Spread;
use super::queue::{Gate, Opening};
use crate::limits::JOB_SLOTS;
use crate::targets::PACING;

/// The shortest time between two tries: a unit of the small tiers allows one operation in that time.
const LEAST_STEP: Duration = Duration::from_millis(600);
/// The shortest time between two tries near the expected end of a job.
const FINE_STEP: Duration = Duration::from_millis(200);
/// The longest time between two tries.
const LONGEST_STEP: Duration = Duration::from_secs(60);
/// The longest pause that the hub may ask for.
const LONGEST_HOLD: Duration = Duration::from_secs(3600);
/// Creates in flight at first, while the number of slots is unknown: all but one are in vain on the smallest
/// tiers, but one that hangs must not stop the others. As many more go as jobs were seen to start.
const FIRST: usize = 3;
/// The part of the time waited so far after which the next try comes, while it is unknown how long jobs run.
const STEP: f64 = 0.1;

/// The slots of the hub, as far as they are known.
#[derive(Debug)]
pub(crate) struct Slots {
    limit: Option<usize>,
    is_told: bool,
    /// Jobs of this client that are believed to run, the oldest first.
    running: VecDeque<Running>,
    /// Creates without an answer.
    in_flight: usize,
    /// The hub had no slot for the last create, and no job was seen to end since.
    is_full: bool,
    last_busy: Option<Instant>,
    /// The time before which the hub asked not to try again.
    hold: Option<Instant>,
    /// The last change: a job was created, or the slots became full.
    changed: Instant,
    duration: Option<Spread>,
    /// Tries in a row that found no slot before a job was expected to end.
    fruitless: u32,
}

#[derive(Debug)]
struct Running {
    id: String,
    start: Instant,
    /// The last time at which the job was seen to run.
    seen: Instant,
}

impl Slots {
    pub(crate) fn new(told: Option<usize>, now: Instant) -> Self {
        Self {
            limit: told,
            is_told: told.is_some(),
            running: VecDeque::new(),
            in_flight: 0,
            is_full: false,
            last_busy: None,
            hold: None,
            changed: now,
            duration: None,
            fruitless: 0,
        }
    }

    /// Returns the number of slots, as told or learned.
    pub(crate) fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Returns how many jobs of this client are believed to run.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// Returns true if the hub had no slot for the last create, and no job was seen to end since.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Returns the time until the job is expected to end, by how long others ran.
    pub(crate) fn time_to_end(&self, id: &str, now: Instant) -> Option<Duration> {
        let job = self.running.iter().find(|job| job.id == id)?;
        let tried = job.seen.saturating_duration_since(job.start);
        Some((job.start + self.duration?.next(tried)).saturating_duration_since(now))
    }

    /// Returns how many jobs run whose end is known well enough for a create to go at that time.
    pub(crate) fn punctual(&self) -> usize {
        if self.duration.is_some_and(|duration| duration.is_exact()) { self.running.len() } else { 0 }
    }

    /// Notes that a create which went through the gate has its answer.
    pub(crate) fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Notes that a job was created which runs at once.
    pub(crate) fn record_created(&mut self, id: &str, now: Instant) {
        if let Some(limit) = self.limit
            && self.running.len() >= limit
        {
            if self.is_told || self.is_full {
                self.end_oldest(now);
            } else {
                self.learn_limit(self.running.len() + 1);
            }
        }
        self.running.push_back(Running { id: id.to_owned(), start: now, seen: now });
        // More cannot run at a time: the end of some was not seen.
        while self.running.len() > self.limit.unwrap_or(JOB_SLOTS[2]) {
            self.running.pop_front();
        }
        (self.is_full, self.changed) = (self.limit.is_some_and(|limit| self.running.len() >= limit), now);
    }

    /// Notes that the hub had no slot for a create, and asks not to try again for a time.
    pub(crate) fn record_busy(&mut self, retry_after: Option<Duration>, now: Instant) {
        let hold = retry_after.and_then(|wait| now.checked_add(wait.min(LONGEST_HOLD)));
        self.hold = self.hold.max(hold);
        if !self.is_full {
            (self.is_full, self.changed) = (true, now);
        }
        if !self.is_told {
            self.learn_limit(self.running.len().max(self.limit.unwrap_or(0)));
        }
        self.last_busy = Some(now);
        if let (Some(duration), Some(oldest)) = (self.duration, self.running.front())
            && now < oldest.start + duration.low
        {
            self.fruitless = (self.fruitless + 1).min(8);
        }
    }

    /// Notes that a job was seen to have ended. Returns true if it frees a slot.
    pub(crate) fn record_end(&mut self, id: &str, now: Instant) -> bool {
        let Some(index) = self.running.iter().position(|job| job.id == id) else { return false };
        if let Some(job) = self.running.remove(index) {
            self.learn_duration(&job, job.seen, now);
        }
        (self.is_full, self.changed) = (false, now);
        true
    }

    /// Notes that a job was seen to run.
    pub(crate) fn record_running(&mut self, id: &str, now: Instant) {
        if let Some(job) = self.running.iter_mut().find(|job| job.id == id) {
            job.seen = now;
        }
    }

    fn learn_limit(&mut self, running: usize) {
        let limit = JOB_SLOTS.into_iter().find(|slots| *slots >= running).unwrap_or(JOB_SLOTS[2]);
        if self.limit != Some(limit) {
            info!(target: PACING, slots = limit, "estimated how many jobs the hub runs at a time");
            (self.limit, self.fruitless) = (Some(limit), 0);
        }
    }

    /// Concludes from a create that succeeded at full slots that the oldest job ended, after the last try.
    fn end_oldest(&mut self, now: Instant) {
        let Some(oldest) = self.running.pop_front() else { return };
        let seen = self.last_busy.map_or(oldest.seen, |busy| busy.max(oldest.seen));
        self.learn_duration(&oldest, seen, now);
    }

    /// Learns from a job that ended after it was `seen` to run, and before now.
    fn learn_duration(&mut self, job: &Running, seen: Instant, now: Instant) {
        let after = |time: Instant| time.saturating_duration_since(job.start);
        let new = Spread { low: after(seen), high: after(now) };
        self.duration = Some(self.duration.map_or(new, |known| known.narrow(new)));
    }

    /// Returns the time of the next try while all slots are taken.
    fn next_try(&self) -> Instant {
        let last = self.last_busy.map_or(self.changed, |busy| busy.max(self.changed));
        let waited = last - self.changed;
        let (Some(duration), Some(oldest)) = (self.duration, self.running.front()) else {
            return last + waited.mul_f64(STEP).clamp(LEAST_STEP, LONGEST_STEP);
        };
        let tried =
            self.last_busy.map_or(Duration::ZERO, |busy| busy.saturating_duration_since(oldest.start));
        let earliest = self.last_busy.map_or(oldest.start, |busy| busy + FINE_STEP);
        let expected = (oldest.start + duration.next(tried)).max(earliest);
        // Slots may also be more than is known, or be freed by jobs of others.
        let explored = last + waited.clamp(LEAST_STEP, LONGEST_STEP) * 2_u32.pow(self.fruitless);
        if self.is_told { expected.min(last + LONGEST_STEP) } else { expected.min(explored) }
    }
}

impl Gate for Slots {
    type Pass = ();

    fn check(&self, now: Instant) -> Opening {
        if let Some(hold) = self.hold.filter(|hold| *hold > now) {
            return Opening::At(hold);
        }
        let running = self.running.len();
        let is_free = match self.limit {
            Some(limit) => running + self.in_flight < limit,
            None => self.in_flight < running.max(FIRST),
        };
        if !self.is_full && is_free {
            return Opening::Now;
        }
        // Jobs that ran their time have ended together.
        let exact = self.duration.filter(Spread::is_exact);
        let has_ended = |job: &&Running| exact.is_some_and(|duration| job.start + duration.high <= now);
        let is_new = self.last_busy.is_none_or(|busy| now.saturating_duration_since(busy) > LEAST_STEP);
        if is_new && self.in_flight < self.running.iter().filter(has_ended).count() {
            return Opening::Now;
        }
        let next = self.next_try();
        match self.in_flight {
            0 if next <= now => Opening::Now,
            0 => Opening::At(next),
            _ => Opening::Later,
        }
    }

    fn enter(&mut self, _: Instant) {
        self.in_flight += 1;
    }

    fn hold(&self) -> Option<Instant> {
        self.hold
    }

    fn wait(&self, _: usize, _: Instant) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests;
