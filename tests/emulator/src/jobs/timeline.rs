//! Events to come, in the order of their time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use chrono::{DateTime, Utc};

use super::store::JobKey;

/// A step in the course of a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Event {
    /// The job leaves the state `queued`.
    Schedule(JobKey),
    /// The start time has come.
    Start(JobKey),
    /// The devices from this rank on are examined as targets.
    Select(JobKey, usize),
    /// The next row begins.
    Operate(JobKey),
    /// A row ends.
    Finish(JobKey, usize),
    /// The time limit is over.
    Deadline(JobKey),
    /// A job without targets ends.
    End(JobKey),
    /// The job's history is over.
    Forget(JobKey),
}

/// Events in the order of their time; those of the same time in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    events: BinaryHeap<Reverse<Entry>>,
    added: u64,
}

#[derive(Debug, Eq, PartialEq)]
struct Entry {
    at: DateTime<Utc>,
    number: u64,
    event: Event,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Timeline {
    pub(super) fn add(&mut self, at: DateTime<Utc>, event: Event) {
        self.added += 1;
        self.events.push(Reverse(Entry { at, number: self.added, event }));
    }

    /// Returns the time of the next event.
    pub(super) fn next_at(&self) -> Option<DateTime<Utc>> {
        self.events.peek().map(|Reverse(entry)| entry.at)
    }

    pub(super) fn pop(&mut self) -> Option<(DateTime<Utc>, Event)> {
        self.events.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}
