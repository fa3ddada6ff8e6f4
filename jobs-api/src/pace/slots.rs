//! The hub's slots for jobs: which are taken, and when to try again. A scheduled job holds one until it has run.
//!
//! The hub shows neither how many slots it has nor when one becomes free. While all are taken, creates try one at a
//! time: when a job of this client was seen to end or is expected to, and otherwise rarely.
//!
//! How many slots there are is configured with the tier, or learned when the hub refuses a create: the smallest number
//! of any tier that is not below the jobs of this client that hold one. A job is expected to run as long as the last
//! one that has ended. A try comes a little before that, and each further one after a part of the time so far.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::meter::LONGEST_PAUSE;
use super::snapshot::SlotState;
use crate::limits::JOB_SLOTS;

/// The time after which another create tries, if the last one has no answer.
const UNANSWERED: Duration = Duration::from_secs(5);
/// The shortest time between two tries while it is unknown how long jobs run.
const LEAST_STEP: Duration = Duration::from_millis(600);
/// The longest time between two tries.
const LONGEST_STEP: Duration = Duration::from_secs(60);
/// The part of its duration by which a job is expected to end early, and after which the next try comes.
const FINE: f64 = 1.0 / 16.0;
/// The part of the time waited so far after which the next try comes, while it is unknown how long jobs run.
const COARSE: f64 = 1.0 / 8.0;

#[derive(Debug)]
pub(super) struct Slots {
    configured: Option<usize>,
    learned: Option<usize>,
    /// Jobs of this client that run, are scheduled or are being created, with their start, the earliest first.
    running: VecDeque<(String, Instant)>,
    /// All slots are believed to be taken since this time.
    full_since: Option<Instant>,
    /// The time of the next try while they are.
    next_try: Instant,
    /// How long the last job ran that has ended.
    duration: Option<Duration>,
}

impl Slots {
    pub(super) fn new(configured: Option<usize>, now: Instant) -> Self {
        let (learned, running, full_since, duration) = (None, VecDeque::new(), None, None);
        Self { configured, learned, running, full_since, next_try: now, duration }
    }

    /// Returns the state, with the creates that wait.
    pub(super) fn state(&self, waiting: usize) -> SlotState {
        let (limit, running) = (self.configured.or(self.learned), self.running.len());
        SlotState { limit, running, is_full: self.full_since.is_some(), waiting }
    }

    /// Returns the time until the job is expected to end, by how long the last one ran.
    pub(super) fn time_to_end(&self, id: &str, now: Instant) -> Option<Duration> {
        let (_, start) = self.running.iter().find(|(running, _)| running == id)?;
        Some((*start + self.duration?).saturating_duration_since(now))
    }

    /// Takes a slot or the try that is due, for a create that is sent after this delay. Returns the time of the
    /// next try otherwise.
    pub(super) fn take(&mut self, id: &str, delay: Duration, now: Instant) -> Result<(), Instant> {
        if self.full_since.is_none() && self.running.len() < self.most() {
            self.running.push_back((id.to_owned(), now + delay));
            return Ok(());
        }
        if self.full_since.is_none() {
            self.full_since = Some(now);
            self.schedule(0.0, now);
        }
        if now < self.next_try {
            return Err(self.next_try);
        }
        self.next_try = now + delay + UNANSWERED;
        Ok(())
    }

    /// Records that a job was created which starts now or later.
    pub(super) fn record_created(&mut self, id: &str, start: Instant, now: Instant) {
        self.remove(id);
        if self.running.len() >= self.most()
            && let Some((_, start)) = self.running.pop_front()
        {
            // It has ended, or else there was no slot.
            self.duration = now.checked_duration_since(start).or(self.duration);
        }
        let index = self.running.partition_point(|(_, other)| *other <= start);
        self.running.insert(index, (id.to_owned(), start));
        if self.running.len() < self.most() {
            // There may be another one.
            self.next_try = now;
        } else {
            self.full_since = Some(now);
            self.schedule(0.0, now);
        }
    }

    /// Records that the hub had no slot for a create, and asks not to try again for a time.
    pub(super) fn record_busy(&mut self, id: &str, retry_after: Option<Duration>, now: Instant) {
        self.remove(id);
        let known = self.running.len();
        self.learned = JOB_SLOTS.into_iter().find(|slots| *slots >= known);
        self.full_since.get_or_insert(now);
        self.schedule(FINE, now);
        let stated = retry_after.map(|wait| now + wait.min(LONGEST_PAUSE));
        self.next_try = stated.map_or(self.next_try, |stated| stated.max(self.next_try));
    }

    /// Records that a job was seen to have ended. Returns true if that frees a slot.
    pub(super) fn record_end(&mut self, id: &str, now: Instant) -> bool {
        let Some(start) = self.remove(id) else { return false };
        self.duration = now.checked_duration_since(start).or(self.duration);
        self.next_try = now;
        self.full_since = self.full_since.filter(|_| !self.running.is_empty());
        true
    }

    /// Records that a create did not take the slot or the try that it had.
    pub(super) fn leave(&mut self, id: &str, now: Instant) {
        self.remove(id);
        self.next_try = now;
    }

    fn most(&self) -> usize {
        self.configured.or(self.learned).unwrap_or(JOB_SLOTS[2])
    }

    fn remove(&mut self, id: &str) -> Option<Instant> {
        let index = self.running.iter().position(|(running, _)| running == id)?;
        self.running.remove(index).map(|(_, start)| start)
    }

    /// Sets the time of the next try, at least this part of the time that the oldest job has run from now.
    fn schedule(&mut self, part: f64, now: Instant) {
        let after = |start: Instant, part| now + now.saturating_duration_since(start).mul_f64(part);
        let next = match (self.duration, self.running.front()) {
            (Some(duration), Some((_, start))) => {
                (*start + duration.mul_f64(1.0 - FINE)).max(after(*start, part))
            }
            _ => after(self.full_since.unwrap_or(now), COARSE).max(now + LEAST_STEP),
        };
        self.next_try = next.min(now + LONGEST_STEP);
    }
}

#[cfg(test)]
mod tests;
