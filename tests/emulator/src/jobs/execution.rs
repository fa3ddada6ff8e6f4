//! Work of jobs on devices: choosing the targets, beginning and finishing a row.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::handler_calls::{HandlerCall, HandlerCalls};
use super::job::Job;
use super::request::{Method, Work};
use super::row::{Outcome, Row, RowError, RowStatus};
use super::store::JobKey;
use super::times::{after, pick};
use crate::behavior::Unreachable;
use crate::fleet::{Handler, MethodCall, Registry, Target};
use crate::limits::SLICE;
use crate::query::Collection;
use crate::throttle::Meter;

/// The way of jobs to devices.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) registry: Registry,
    /// Time over which the devices of a job are spread.
    pub(super) running: Duration,
    /// Meters the devices that jobs reach.
    pub(super) device_operations: Option<Meter>,
    pub(super) random: fastrand::Rng,
    pub(super) calls: HandlerCalls,
    pub(super) unreachable: Unreachable,
}

/// Work on a row whose turn has ended.
#[derive(Debug)]
pub(super) enum Finish {
    Outcome(Outcome),
    /// A handler is to be called first.
    Handler,
    /// The device is to connect first.
    Waiting,
}

impl Execution {
    /// Examines a slice of the devices as targets; returns the rank of the next slice.
    pub(super) fn select(&self, job: &mut Job, rank: usize, at: DateTime<Utc>) -> Option<usize> {
        let (collection, condition) = job.targets.take()?;
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
        if rank + SLICE >= self.registry.len() {
            return None;
        }
        job.targets = Some((collection, condition));
        Some(rank + SLICE)
    }

    /// Returns when a row that is due at `at` may begin by the meter of device operations.
    pub(super) fn reserve(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.device_operations.as_mut().map_or(at, |meter| meter.reserve(at))
    }

    /// Takes the turn of the next row of a job: its index, its least time, and the turn of the row after it.
    pub(super) fn next_row(
        &mut self,
        job: &mut Job,
        at: DateTime<Utc>,
    ) -> (usize, Duration, Option<DateTime<Utc>>) {
        let (index, count) = (job.begun, job.rows.len());
        job.begun += 1;
        let share = |rows: usize| self.running.mul_f64(rows as f64 / count as f64);
        let next = after(job.running_since, share(index + 1)).max(at);
        let step = share(index + 1) - share(index);
        (index, step, (index + 1 < count).then(|| self.reserve(next)))
    }

    /// Begins a row that takes at least this time, and returns when it ends: `None` while its device is to
    /// connect first.
    pub(super) fn begin(
        &mut self,
        job: &mut Job,
        index: usize,
        least: Duration,
        at: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let mut time = least;
        if let Work::Method(method) = &job.request.work {
            let target = job.rows[index].target;
            let device = self.registry.device_of(target);
            if self.waits_for(target) {
                job.waiting.push(index);
                return None;
            } else if !device.is_reachable() {
                time = time.max(method.connect_timeout);
            } else if let Ok(reply) = device.respond(&method.name) {
                let delay = pick(&mut self.random, &reply.delay);
                if delay > method.response_timeout {
                    job.rows[index].outcome = Outcome::Error(RowError::not_answered(method.response_timeout));
                }
                time = time.max(delay.min(method.response_timeout));
            }
        }
        job.change_row(index, RowStatus::Running, at);
        Some(after(at, time))
    }

    /// Returns true if a method waits until the target's device connects, or until the job's time limit.
    fn waits_for(&self, target: Target) -> bool {
        !self.registry.device_of(target).is_reachable()
            && !target.is_module()
            && self.unreachable == Unreachable::FailAtTimeLimit
    }

    /// Does the job's work on the device of a row.
    pub(super) fn finish(&mut self, key: JobKey, job: &Job, index: usize, at: DateTime<Utc>) -> Finish {
        let row = &job.rows[index];
        let outcome = match (&row.outcome, &job.request.work) {
            (Outcome::Error(error), _) => Outcome::Error(error.clone()),
            (_, Work::TwinUpdate(patch)) => match self.registry.update_twin(row.target, patch, at) {
                Ok(()) => Outcome::Empty,
                Err(reason) => Outcome::Error(RowError::new("ArgumentInvalid", reason)),
            },
            (_, Work::Method(method)) => match self.call(row.target, method) {
                Err(handler) => {
                    let payload = method.json["payload"].clone();
                    let call = MethodCall { name: method.name.clone(), payload };
                    self.calls.add(HandlerCall { handler, call, job: key, row: index, at });
                    return Finish::Handler;
                }
                Ok(None) => return Finish::Waiting,
                Ok(Some(outcome)) => outcome,
            },
        };
        if !matches!(outcome, Outcome::Error(_)) {
            self.registry.touch(row.target, at);
        }
        Finish::Outcome(outcome)
    }

    /// Calls a method: returns its outcome, or the handler to call; `None` if the device is to connect first.
    fn call(&self, target: Target, method: &Method) -> Result<Option<Outcome>, Handler> {
        let device = self.registry.device_of(target);
        if self.waits_for(target) {
            return Ok(None);
        }
        if !device.is_reachable() {
            let error = if target.is_module() { RowError::not_online() } else { RowError::not_started() };
            return Ok(Some(Outcome::Error(error)));
        }
        device.respond(&method.name).map(|reply| Some(Outcome::Answer(reply.answer.clone())))
    }
}
