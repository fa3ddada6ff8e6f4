//! Work of jobs on devices: choosing the targets, beginning and finishing a row.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::handler_calls::{HandlerCall, HandlerCalls};
use super::job::Job;
use super::request::Work;
use super::row::{Outcome, Row, RowError, RowStatus};
use super::store::JobKey;
use super::times::{after, pick};
use crate::fleet::{MethodCall, Registry, Target};
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
}

/// A row that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) index: usize,
    /// When it ends.
    pub(super) end: DateTime<Utc>,
    /// When the next row begins, if there is one.
    pub(super) next: Option<DateTime<Utc>>,
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

    /// Begins the next row of a job.
    pub(super) fn begin(&mut self, job: &mut Job, at: DateTime<Utc>) -> Begun {
        let (index, count) = (job.begun, job.rows.len());
        job.begun += 1;
        job.change_row(index, RowStatus::Running, at);
        let share = |rows: usize| self.running.mul_f64(rows as f64 / count as f64);
        let step = share(index + 1) - share(index);
        let next = after(job.running_since, share(index + 1)).max(at);
        let device = self.registry.device_of(job.rows[index].target);
        let mut time = step;
        if let Work::Method(method) = &job.request.work {
            if !device.is_reachable() {
                time = time.max(method.connect_timeout);
            } else if let Ok(reply) = device.respond(&method.name) {
                let delay = pick(&mut self.random, &reply.delay);
                if delay > method.response_timeout {
                    job.rows[index].outcome = Outcome::Error(RowError::not_answered(method.response_timeout));
                }
                time = time.max(delay.min(method.response_timeout));
            }
        }
        let next = (index + 1 < count).then(|| self.reserve(next));
        Begun { index, end: after(at, time), next }
    }

    /// Does the job's work on the device of a row; returns `None` if a handler is to be called first.
    pub(super) fn finish(
        &mut self,
        key: JobKey,
        job: &Job,
        index: usize,
        at: DateTime<Utc>,
    ) -> Option<Outcome> {
        let row = &job.rows[index];
        let device = self.registry.device_of(row.target);
        let outcome = match (&row.outcome, &job.request.work) {
            (Outcome::Error(error), _) => Outcome::Error(error.clone()),
            _ if !device.is_reachable() => Outcome::Error(RowError::not_started()),
            (_, Work::TwinUpdate(patch)) => match self.registry.update_twin(row.target, patch, at) {
                Ok(()) => Outcome::Empty,
                Err(reason) => Outcome::Error(RowError::new("ArgumentInvalid", reason)),
            },
            (_, Work::Method(method)) => match device.respond(&method.name) {
                Ok(reply) => Outcome::Answer(reply.answer.clone()),
                Err(handler) => {
                    let payload = method.json["payload"].clone();
                    let call = MethodCall { name: method.name.clone(), payload };
                    self.calls.add(HandlerCall { handler, call, job: key, row: index, at });
                    return None;
                }
            },
        };
        if !matches!(outcome, Outcome::Error(_)) {
            self.registry.touch(row.target, at);
        }
        Some(outcome)
    }
}
