//! The course of jobs over time: a state and its events, without a clock of its own.
//!
//! Each event happens at its own time, however late it is processed: a hub whose clock is advanced by a
//! month goes through the same states as one that lives through it.

mod events;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::device_row::DeviceRow;
use super::direct_call::DirectCall;
use super::execution::Execution;
use super::handler_calls::{HandlerCall, HandlerCalls};
use super::job::{Job, JobStatus, job_not_found};
use super::method::Method;
use super::request::{JobRequest, Work};
use super::row::{Outcome, RowError};
use super::slots::Slots;
use super::store::{JobKey, JobStore};
use super::timeline::{Event, Timeline};
use super::times::{after, delta};
use crate::behavior::HubBehavior;
use crate::fleet::{MethodAnswer, Registry};
use crate::limits::{LIVE_LAG_SECONDS, SLICE};
use crate::pace::Pace;
use crate::service_error::ServiceError;
use crate::throttle::Meter;

/// Settings of a schedule.
#[derive(Debug)]
pub(crate) struct ScheduleSettings {
    pub(crate) pace: Pace,
    /// How many jobs may be active at once.
    pub(crate) concurrent_jobs: usize,
    pub(crate) seed: u64,
    pub(crate) behavior: HubBehavior,
}

/// Devices and jobs of a hub, and the events to come.
#[derive(Debug)]
pub(crate) struct Schedule {
    execution: Execution,
    settings: ScheduleSettings,
    jobs: JobStore,
    /// Jobs that have not ended.
    live: BTreeSet<JobKey>,
    timeline: Timeline,
    slots: Slots,
}

/// State of the events after some of them were processed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// More events are due.
    Due,
    /// The next event is due, but waits for handlers of earlier ones.
    Blocked,
    /// The next event, if there is one, comes at this time.
    Waiting(Option<DateTime<Utc>>),
}

impl Schedule {
    pub(crate) fn new(
        registry: Registry,
        settings: ScheduleSettings,
        device_operations: Option<Meter>,
    ) -> Self {
        Self {
            execution: Execution {
                registry,
                running: settings.pace.running,
                device_operations,
                random: fastrand::Rng::with_seed(settings.seed),
                calls: HandlerCalls::default(),
                unreachable: settings.behavior.unreachable_devices,
            },
            slots: Slots::new(settings.concurrent_jobs),
            settings,
            jobs: JobStore::default(),
            live: BTreeSet::new(),
            timeline: Timeline::default(),
        }
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.execution.registry
    }

    /// Changes devices; methods that waited for one of them begin.
    pub(crate) fn change_devices<T>(
        &mut self,
        now: DateTime<Utc>,
        change: impl FnOnce(&mut Registry) -> T,
    ) -> T {
        let result = change(&mut self.execution.registry);
        self.begin_waiting(now);
        result
    }

    /// Calls a method on a device, outside of jobs.
    pub(crate) fn call(&mut self, id: &str, method: &Method, now: DateTime<Utc>) -> DirectCall {
        self.execution.call(id, method, now)
    }

    /// Returns a job as it is read at `now`; `None` while it is unknown.
    pub(crate) fn read(&self, id: &str, now: DateTime<Utc>) -> Option<Value> {
        let (job, behavior) = (self.jobs.get(self.jobs.key(id)?)?, &self.settings.behavior);
        Some(job.to_json(job.seen(behavior, now)?, behavior))
    }

    /// Returns the rows of a job from the row `start` on as queries show them at `now`; `None` for a row
    /// that is missing.
    pub(crate) fn rows<'a>(
        &'a self,
        job: &'a Job,
        start: usize,
        now: DateTime<Utc>,
    ) -> impl Iterator<Item = Option<DeviceRow<'a>>> {
        let behavior = &self.settings.behavior;
        let is_known = job.seen(behavior, now).is_some();
        let rows = job.rows.get(start..).filter(|_| is_known).unwrap_or_default();
        rows.iter().map(move |row| DeviceRow::seen(job, row, &self.execution.registry, behavior, now))
    }

    pub(crate) fn job_key(&self, id: &str) -> Option<JobKey> {
        self.jobs.key(id)
    }

    /// Returns the jobs from this key on, in the order of their creation.
    pub(crate) fn jobs_from(&self, key: JobKey) -> impl Iterator<Item = (JobKey, &Job)> {
        self.jobs.from(key)
    }

    pub(crate) fn job_count(&self) -> usize {
        self.jobs.len()
    }

    /// Creates a job and returns the answer.
    pub(crate) fn create(&mut self, request: JobRequest, now: DateTime<Utc>) -> Result<Value, ServiceError> {
        if self.jobs.key(&request.id).is_some() {
            let reason = format!("A job with the ID {} already exists", request.id);
            return Err(ServiceError::job_already_exists(reason));
        }
        let job = Job::new(request, now);
        let is_active = |job: &Job| self.settings.behavior.scheduled_jobs_hold_slots || job.start <= now;
        if is_active(&job) {
            let live = self.live.iter().filter_map(|key| self.jobs.get(*key));
            let active = live.filter(|job| is_active(job)).count();
            if active >= self.slots.limit() {
                let reason = format!("The hub has {active} active jobs, as many as its tier allows");
                return Err(ServiceError::too_many_active_jobs(reason));
            }
        }
        let receipt = job.receipt();
        let key = self.jobs.add(job);
        self.live.insert(key);
        self.timeline.add(after(now, self.settings.pace.queued), Event::Schedule(key));
        Ok(receipt)
    }

    /// Cancels a job that is not running yet, and returns it.
    pub(crate) fn cancel(&mut self, id: &str, now: DateTime<Utc>) -> Result<Value, ServiceError> {
        let key = self.jobs.key(id).ok_or_else(|| job_not_found(id))?;
        let status = self.jobs.get(key).map(|job| job.status);
        match status {
            Some(JobStatus::Queued | JobStatus::Scheduled) => {
                self.end(key, JobStatus::Cancelled, now);
                let job = self.jobs.get(key);
                let json = job.map(|job| job.to_json(job.status, &self.settings.behavior));
                Ok(json.unwrap_or_default())
            }
            status => Err(ServiceError::not_allowed_in_state(format!(
                "Job {id} is in the state {}, in which it cannot be cancelled",
                status.map_or("unknown", JobStatus::as_str)
            ))),
        }
    }

    /// Forgets a job as if its history were over.
    pub(crate) fn forget(&mut self, id: &str, now: DateTime<Utc>) {
        if let Some(key) = self.jobs.key(id) {
            self.remove(key, now);
        }
    }

    /// Removes all jobs and restores the devices of the start.
    pub(crate) fn reset(&mut self) {
        // Keys go on, so that the answers of handlers in flight belong to no new job.
        let keys: Vec<JobKey> = self.jobs.from(0).map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| drop(self.jobs.remove(key)));
        self.live.clear();
        self.timeline = Timeline::default();
        self.slots.clear();
        self.execution.registry.reset();
        self.execution.random = fastrand::Rng::with_seed(self.settings.seed);
    }

    /// Processes at most a slice of the events that are due at `now`.
    pub(crate) fn process(&mut self, now: DateTime<Utc>) -> Progress {
        for _ in 0..SLICE {
            let Some(at) = self.timeline.next_at().filter(|at| *at <= now) else {
                return Progress::Waiting(self.timeline.next_at());
            };
            if self.execution.calls.block(at, now) {
                return Progress::Blocked;
            }
            if let Some((at, event)) = self.timeline.pop() {
                self.happen(event, at);
            }
        }
        Progress::Due
    }

    /// Takes the calls of handlers that have become due.
    pub(crate) fn take_calls(&mut self) -> VecDeque<HandlerCall> {
        self.execution.calls.take()
    }

    /// Returns true if nothing is due at `now` and no handler is in flight.
    pub(crate) fn is_settled(&self, now: DateTime<Utc>) -> bool {
        self.execution.calls.is_empty() && self.timeline.next_at().is_none_or(|at| at > now)
    }

    /// Records the answer of a handler that took this long; `None` if it panicked.
    pub(crate) fn answer(
        &mut self,
        call: &HandlerCall,
        answer: Option<MethodAnswer>,
        took: Duration,
        now: DateTime<Utc>,
    ) {
        self.execution.calls.finish();
        // On a clock that runs ahead, handlers take no time: the same start gives the same end.
        let is_late = now - call.at > TimeDelta::seconds(LIVE_LAG_SECONDS) + delta(took);
        let at = if is_late { call.at } else { after(call.at, took) };
        let Some(job) = self.running_job(call.job) else { return };
        let Work::Method(method) = &job.request.work else { return };
        let outcome = match answer {
            None => {
                job.failure_reason = Some("a device's method handler panicked".into());
                return self.end(call.job, JobStatus::Failed, at);
            }
            Some(_) if took > method.response_timeout => {
                Outcome::Error(RowError::not_answered(method.response_timeout))
            }
            Some(answer) => Outcome::Answer(Arc::new(answer)),
        };
        self.finish_row(call.job, call.row, outcome, at);
    }
}
