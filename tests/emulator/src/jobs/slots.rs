//! Slots of jobs that run at the same time.

use std::collections::VecDeque;

use super::store::JobKey;

/// Slots for running jobs, and the jobs that wait for one.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    taken: usize,
    waiting: VecDeque<JobKey>,
}

impl Slots {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, taken: 0, waiting: VecDeque::new() }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Lets a job wait for a slot.
    pub(super) fn wait(&mut self, key: JobKey) {
        self.waiting.push_back(key);
    }

    /// Returns the job that has waited longest if there is a slot for it.
    pub(super) fn next(&mut self) -> Option<JobKey> {
        if self.taken < self.limit { self.waiting.pop_front() } else { None }
    }

    pub(super) fn take(&mut self) {
        self.taken += 1;
    }

    pub(super) fn free(&mut self) {
        self.taken -= 1;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }
}
