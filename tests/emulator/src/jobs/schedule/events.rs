//! The events of a schedule: each takes a job one step further.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Schedule;
use crate::fleet::Merges;
use crate::jobs::execution::{Finish, Turn};
use crate::jobs::job::{Job, JobStatus};
use crate::jobs::row::{Outcome, RowError, RowStatus};
use crate::jobs::store::JobKey;
use crate::jobs::timeline::Event;
use crate::jobs::times::after;
use crate::limits::JOB_HISTORY_DAYS;
use crate::query::parse_targets;

impl Schedule {
    pub(super) fn happen(&mut self, event: Event, at: DateTime<Utc>) {
        match event {
            Event::Schedule(key) => {
                let Some(job) = self.jobs.get_mut(key).filter(|job| job.status == JobStatus::Queued) else {
                    return;
                };
                job.status = JobStatus::Scheduled;
                let start = job.start.max(after(at, self.settings.pace.scheduled));
                self.timeline.add(start, Event::Start(key));
            }
            Event::Start(key) => self.start(key, at),
            Event::Select(key, rank) => self.select(key, rank, at),
            Event::Operate(key) => self.operate(key, at),
            Event::Finish(key, row) => self.finish(key, row, at),
            Event::Deadline(key) => self.run_out_of_time(key, at),
            Event::End(key) => {
                if self.running_job(key).is_some() {
                    self.end(key, JobStatus::Completed, at);
                }
            }
            Event::Forget(key) => self.remove(key, at),
        }
    }

    fn start(&mut self, key: JobKey, at: DateTime<Utc>) {
        let Some(job) = self.jobs.get_mut(key).filter(|job| !job.status.is_final()) else { return };
        match parse_targets(&job.request.condition) {
            Ok(targets) => {
                job.targets = Some(targets);
                self.slots.wait(key);
                self.fill_slots(at);
            }
            Err(reason) => {
                job.failure_reason = Some(reason);
                self.end(key, JobStatus::Failed, at);
            }
        }
    }

    /// Lets waiting jobs run while there are slots.
    fn fill_slots(&mut self, at: DateTime<Utc>) {
        while let Some(key) = self.slots.next() {
            if let Some(job) = self.jobs.get_mut(key).filter(|job| !job.status.is_final()) {
                job.holds_slot = true;
                self.slots.take();
                self.timeline.add(at, Event::Select(key, 0));
            }
        }
    }

    /// Examines a slice of the devices as targets; after the last the job runs.
    fn select(&mut self, key: JobKey, rank: usize, at: DateTime<Utc>) {
        let Some(job) = self.jobs.get_mut(key).filter(|job| !job.status.is_final()) else { return };
        if let Some(rank) = self.execution.select(job, rank, at) {
            return self.timeline.add(at, Event::Select(key, rank));
        }
        job.status = JobStatus::Running;
        job.running_since = at;
        job.rows.shrink_to_fit();
        if let Some(deadline) = job.deadline() {
            self.timeline.add(deadline.max(at), Event::Deadline(key));
        }
        match job.rows.is_empty() {
            true => self.timeline.add(after(at, self.settings.pace.running), Event::End(key)),
            false => self.timeline.add(self.execution.reserve(at), Event::Operate(key)),
        }
    }

    /// Begins the next row, and plans its end and the row after it.
    fn operate(&mut self, key: JobKey, at: DateTime<Utc>) {
        let Some(job) = self.jobs.get_mut(key).filter(|job| job.status == JobStatus::Running) else { return };
        let Turn { index, least, next } = self.execution.next_turn(job, at);
        match self.execution.begin(job, index, least, at) {
            Some(end) if end > at => self.timeline.add(end, Event::Finish(key, index)),
            Some(_) => self.finish(key, index, at),
            None => {}
        }
        if let Some(next) = next {
            self.timeline.add(next, Event::Operate(key));
        }
    }

    /// Begins the rows that waited for devices which can be reached now.
    pub(super) fn begin_waiting(&mut self, at: DateTime<Utc>) {
        for key in &self.live {
            let Some(job) = self.jobs.get_mut(*key) else { continue };
            for index in std::mem::take(&mut job.waiting) {
                if let Some(end) = self.execution.begin(job, index, Duration::ZERO, at) {
                    self.timeline.add(end, Event::Finish(*key, index));
                }
            }
        }
    }

    /// Does the job's work on the device of a row.
    fn finish(&mut self, key: JobKey, index: usize, at: DateTime<Utc>) {
        let Some(job) = self.jobs.get_mut(key).filter(|job| job.status == JobStatus::Running) else { return };
        match self.execution.finish(key, job, index, at) {
            Finish::Outcome(outcome) => self.finish_row(key, index, outcome, at),
            Finish::Handler => {}
            Finish::Waiting => {
                job.change_row(index, RowStatus::Pending, at);
                job.waiting.push(index);
            }
        }
    }

    pub(super) fn finish_row(&mut self, key: JobKey, index: usize, outcome: Outcome, at: DateTime<Utc>) {
        let Some(job) = self.running_job(key) else { return };
        job.finish_row(index, outcome, at);
        if job.unfinished == 0 {
            self.end(key, JobStatus::Completed, at);
        }
    }

    fn run_out_of_time(&mut self, key: JobKey, at: DateTime<Utc>) {
        let Some(job) = self.running_job(key) else { return };
        job.waiting.clear();
        let error = RowError::not_started();
        for index in 0..job.rows.len() {
            if !job.rows[index].status.is_final() {
                job.finish_row(index, Outcome::Error(error.clone()), at);
            }
        }
        self.end(key, JobStatus::Completed, at);
    }

    pub(super) fn running_job(&mut self, key: JobKey) -> Option<&mut Job> {
        self.jobs.get_mut(key).filter(|job| job.status == JobStatus::Running)
    }

    /// Puts a job in its last state and frees its slot.
    pub(super) fn end(&mut self, key: JobKey, status: JobStatus, at: DateTime<Utc>) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        job.status = status;
        job.end = Some(at);
        job.merges = Merges::default();
        self.live.remove(&key);
        self.timeline.add(at + TimeDelta::days(JOB_HISTORY_DAYS), Event::Forget(key));
        if std::mem::take(&mut job.holds_slot) {
            self.slots.free();
            self.fill_slots(at);
        }
    }

    pub(super) fn remove(&mut self, key: JobKey, at: DateTime<Utc>) {
        self.live.remove(&key);
        if self.jobs.remove(key).is_some_and(|job| job.holds_slot) {
            self.slots.free();
            self.fill_slots(at);
        }
    }
}
