//! The course of jobs over time: a state and its events, without a clock of its own.
//!
//! Each event happens at its own time, however late it is processed: a hub whose clock is advanced by a
//! month goes through the same states as one that lives through it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::job::{Job, JobStatus, job_not_found};
use super::request::{JobRequest, Work};
use super::row::{Outcome, Row, RowError, RowStatus};
use super::store::{JobKey, JobStore};
use super::timeline::{Event, Timeline};
use crate::fleet::{Device, Handler, MethodAnswer, MethodCall, Registry, Target};
use crate::limits::{JOB_HISTORY_DAYS, LIVE_LAG_SECONDS, SLICE};
use crate::pace::Pace;
use crate::query::{Collection, parse_targets};
use crate::service_error::ServiceError;
use crate::throttle::Meter;

/// Description of a row whose device could not be reached in time.
const NOT_STARTED: &str =
    "The job did not start in its period: the device stayed offline, or the time limit was over";

/// Settings of a schedule.
#[derive(Debug)]
pub(crate) struct ScheduleSettings {
    pub(crate) pace: Pace,
    /// How many jobs may be active at once.
    pub(crate) concurrent_jobs: usize,
    /// Meters the devices that jobs reach.
    pub(crate) device_operations: Option<Meter>,
    pub(crate) seed: u64,
}

/// Devices and jobs of a hub, and the events to come.
#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) registry: Registry,
    settings: ScheduleSettings,
    jobs: JobStore,
    /// Jobs that have not ended.
    live: BTreeSet<JobKey>,
    timeline: Timeline,
    /// Jobs whose time has come, waiting for a slot.
    waiting: VecDeque<JobKey>,
    running: usize,
    calls: VecDeque<HandlerCall>,
    calls_in_flight: usize,
    /// Time of the latest call of a handler.
    called_at: DateTime<Utc>,
    random: fastrand::Rng,
}

/// Call of a device's own handler, which happens outside of the lock.
pub(crate) struct HandlerCall {
    pub(crate) handler: Handler,
    pub(crate) call: MethodCall,
    job: JobKey,
    row: usize,
    at: DateTime<Utc>,
}

impl std::fmt::Debug for HandlerCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HandlerCall").field("job", &self.job).field("row", &self.row).finish_non_exhaustive()
    }
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
    pub(crate) fn new(registry: Registry, settings: ScheduleSettings) -> Self {
        let random = fastrand::Rng::with_seed(settings.seed);
        Self {
            registry,
            settings,
            jobs: JobStore::default(),
            live: BTreeSet::new(),
            timeline: Timeline::default(),
            waiting: VecDeque::new(),
            running: 0,
            calls: VecDeque::new(),
            calls_in_flight: 0,
            called_at: DateTime::UNIX_EPOCH,
            random,
        }
    }

    pub(crate) fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.get(self.jobs.key(id)?)
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
        if job.start <= now {
            let live = self.live.iter().filter_map(|key| self.jobs.get(*key));
            let active = live.filter(|job| job.start <= now).count();
            if active >= self.settings.concurrent_jobs {
                let reason = format!("The hub runs {active} jobs, as many as its tier allows");
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
                Ok(self.jobs.get(key).map(Job::to_json).unwrap_or_default())
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
        self.waiting.clear();
        self.running = 0;
        self.registry.reset();
        self.random = fastrand::Rng::with_seed(self.settings.seed);
    }

    /// Processes at most a slice of the events that are due at `now`.
    pub(crate) fn process(&mut self, now: DateTime<Utc>) -> Progress {
        for _ in 0..SLICE {
            let Some(at) = self.timeline.next_at().filter(|at| *at <= now) else {
                return Progress::Waiting(self.timeline.next_at());
            };
            let is_late = now - at > TimeDelta::seconds(LIVE_LAG_SECONDS);
            if is_late && self.calls_in_flight > 0 && at > self.called_at {
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
        std::mem::take(&mut self.calls)
    }

    /// Returns true if nothing is due at `now` and no handler is in flight.
    pub(crate) fn is_settled(&self, now: DateTime<Utc>) -> bool {
        self.calls_in_flight == 0 && self.timeline.next_at().is_none_or(|at| at > now)
    }

    /// Records the answer of a handler that took this long; `None` if it panicked.
    pub(crate) fn answer(
        &mut self,
        call: &HandlerCall,
        answer: Option<MethodAnswer>,
        took: Duration,
        now: DateTime<Utc>,
    ) {
        self.calls_in_flight -= 1;
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
            Some(_) if took > method.response_timeout => Outcome::Error(timeout(method.response_timeout)),
            Some(answer) => Outcome::Answer(Arc::new(answer)),
        };
        self.finish_row(call.job, call.row, outcome, at);
    }

    fn happen(&mut self, event: Event, at: DateTime<Utc>) {
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
            Ok((Collection::Modules, _)) if matches!(job.request.work, Work::TwinUpdate(_)) => {
                job.failure_reason = Some("A twin update cannot target modules".into());
                self.end(key, JobStatus::Failed, at);
            }
            Ok(targets) => {
                job.targets = Some(targets);
                self.waiting.push_back(key);
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
        while self.running < self.settings.concurrent_jobs {
            let Some(key) = self.waiting.pop_front() else { return };
            if let Some(job) = self.jobs.get_mut(key).filter(|job| !job.status.is_final()) {
                job.holds_slot = true;
                self.running += 1;
                self.timeline.add(at, Event::Select(key, 0));
            }
        }
    }

    /// Examines a slice of the devices as targets; after the last the job runs.
    fn select(&mut self, key: JobKey, rank: usize, at: DateTime<Utc>) {
        let Some(job) = self.jobs.get_mut(key).filter(|job| !job.status.is_final()) else { return };
        let Some((collection, condition)) = job.targets.take() else { return };
        for (position, device) in self.registry.ranked(rank..rank + SLICE) {
            if collection == Collection::Modules {
                for (target, twin) in self.registry.modules(position) {
                    if condition.selects(&twin) {
                        job.add_row(Row::new(target, at));
                    }
                }
            } else if condition.selects(device) {
                job.add_row(Row::new(Target::device(position), at));
            }
        }
        if rank + SLICE < self.registry.len() {
            job.targets = Some((collection, condition));
            return self.timeline.add(at, Event::Select(key, rank + SLICE));
        }
        job.status = JobStatus::Running;
        job.running_since = at;
        job.rows.shrink_to_fit();
        if let Some(deadline) = job.deadline() {
            self.timeline.add(deadline.max(at), Event::Deadline(key));
        }
        match job.rows.is_empty() {
            true => self.timeline.add(after(at, self.settings.pace.running), Event::End(key)),
            false => self.plan_row(key, at),
        }
    }

    /// Plans the next row of a job at `at`, or when the meter of device operations allows it.
    fn plan_row(&mut self, key: JobKey, at: DateTime<Utc>) {
        let meter = self.settings.device_operations.as_mut();
        let at = meter.map_or(at, |meter| meter.reserve(at));
        self.timeline.add(at, Event::Operate(key));
    }

    /// Begins the next row, and plans its end and the row after it.
    fn operate(&mut self, key: JobKey, at: DateTime<Utc>) {
        let running = self.settings.pace.running;
        let Some(job) = self.jobs.get_mut(key).filter(|job| job.status == JobStatus::Running) else { return };
        let (index, count) = (job.begun, job.rows.len());
        job.begun += 1;
        job.change_row(index, RowStatus::Running, at);
        let share = |rows: usize| running.mul_f64(rows as f64 / count as f64);
        let step = share(index + 1) - share(index);
        let next = after(job.running_since, share(index + 1)).max(at);
        let device = self.registry.device_of(job.rows[index].target);
        let mut latency = step;
        if let Work::Method(method) = &job.request.work {
            if !device.is_reachable() {
                latency = latency.max(method.connect_timeout);
            } else if let Ok(reply) = device.respond(&method.name) {
                let delay = pick(&mut self.random, &reply.delay);
                if delay > method.response_timeout {
                    job.rows[index].outcome = Outcome::Error(timeout(method.response_timeout));
                }
                latency = latency.max(delay.min(method.response_timeout));
            }
        }
        if latency.is_zero() {
            self.finish(key, index, at);
        } else {
            self.timeline.add(after(at, latency), Event::Finish(key, index));
        }
        if index + 1 < count {
            self.plan_row(key, next);
        }
    }

    /// Does the job's work on the device of a row.
    fn finish(&mut self, key: JobKey, index: usize, at: DateTime<Utc>) {
        let Some(job) = self.jobs.get_mut(key).filter(|job| job.status == JobStatus::Running) else { return };
        let target = job.rows[index].target;
        let device = self.registry.device_of(target);
        let outcome = match (&job.rows[index].outcome, &job.request.work) {
            (Outcome::Error(error), _) => Outcome::Error(error.clone()),
            _ if !device.is_reachable() => Outcome::Error(not_started()),
            (_, Work::TwinUpdate(patch)) => match self.registry.update_twin(target, patch, at) {
                Ok(()) => Outcome::Empty,
                Err(reason) => Outcome::Error(RowError::new("ArgumentInvalid", reason)),
            },
            (_, Work::Method(method)) => match device.respond(&method.name) {
                Ok(reply) => Outcome::Answer(reply.answer.clone()),
                Err(handler) => {
                    let call =
                        MethodCall { name: method.name.clone(), payload: method.json["payload"].clone() };
                    self.calls.push_back(HandlerCall { handler, call, job: key, row: index, at });
                    self.calls_in_flight += 1;
                    self.called_at = self.called_at.max(at);
                    return;
                }
            },
        };
        if !matches!(outcome, Outcome::Error(_)) {
            self.registry.touch(target, at);
        }
        self.finish_row(key, index, outcome, at);
    }

    fn finish_row(&mut self, key: JobKey, index: usize, outcome: Outcome, at: DateTime<Utc>) {
        let Some(job) = self.running_job(key) else { return };
        job.finish_row(index, outcome, at);
        if job.unfinished == 0 {
            self.end(key, JobStatus::Completed, at);
        }
    }

    fn run_out_of_time(&mut self, key: JobKey, at: DateTime<Utc>) {
        let Some(job) = self.running_job(key) else { return };
        let error = not_started();
        for index in 0..job.rows.len() {
            if !job.rows[index].status.is_final() {
                job.finish_row(index, Outcome::Error(error.clone()), at);
            }
        }
        self.end(key, JobStatus::Completed, at);
    }

    fn running_job(&mut self, key: JobKey) -> Option<&mut Job> {
        self.jobs.get_mut(key).filter(|job| job.status == JobStatus::Running)
    }

    /// Puts a job in its last state and frees its slot.
    fn end(&mut self, key: JobKey, status: JobStatus, at: DateTime<Utc>) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        job.status = status;
        job.end = Some(at);
        self.live.remove(&key);
        self.timeline.add(at + TimeDelta::days(JOB_HISTORY_DAYS), Event::Forget(key));
        if std::mem::take(&mut job.holds_slot) {
            self.running -= 1;
            self.fill_slots(at);
        }
    }

    fn remove(&mut self, key: JobKey, at: DateTime<Utc>) {
        self.live.remove(&key);
        if self.jobs.remove(key).is_some_and(|job| job.holds_slot) {
            self.running -= 1;
            self.fill_slots(at);
        }
    }
}

/// Looks into the devices.
impl Schedule {
    /// Changes a device as a test would: whether it is online, or its twin.
    pub(crate) fn change_device<T>(&mut self, id: &str, change: impl FnOnce(&mut Device) -> T) -> Option<T> {
        self.registry.get_mut(id).map(change)
    }
}

fn not_started() -> RowError {
    RowError::new("JobRunPreconditionFailed", NOT_STARTED)
}

fn timeout(limit: Duration) -> RowError {
    RowError::new("GatewayTimeout", format!("The device did not answer within {} s", limit.as_secs()))
}

/// Returns a random time from the range.
fn pick(random: &mut fastrand::Rng, range: &std::ops::RangeInclusive<Duration>) -> Duration {
    let (least, most) = (*range.start(), *range.end());
    if least == most { least } else { least + (most - least).mul_f64(random.f64()) }
}

fn after(at: DateTime<Utc>, time: Duration) -> DateTime<Utc> {
    at.checked_add_signed(delta(time)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn delta(time: Duration) -> TimeDelta {
    TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX)
}
