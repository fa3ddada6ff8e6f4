//! Work of jobs on devices: choosing the targets, beginning and finishing a row.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::handler_calls::{HandlerCall, HandlerCalls};
use super::job::Job;
use super::request::Work;
use super::row::{Outcome, Row, RowError, RowStatus};
use super::store::JobKey;
use super::times::{after, pick};
use crate::behavior::Unreachable;
use crate::fleet::{Device, MethodCall, Registry, Target};
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

/// Turn of a row.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) index: usize,
    /// Least time that the row takes.
    pub(super) least: Duration,
    /// When the next row has its turn, if there is one.
    pub(super) next: Option<DateTime<Utc>>,
}

/// End of a row's time.
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

    /// Takes the turn of the next row of a job.
    pub(super) fn next_turn(&mut self, job: &mut Job, at: DateTime<Utc>) -> Turn {
        let (index, count) = (job.begun, job.rows.len());
        job.begun += 1;
        let share = |rows: usize| self.running.mul_f64(rows as f64 / count as f64);
        let next = after(job.running_since, share(index + 1)).max(at);
        let least = share(index + 1) - share(index);
        Turn { index, least, next: (index + 1 < count).then(|| self.reserve(next)) }
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
            match reach(&self.registry, self.unreachable, job.rows[index].target) {
                Reach::Later => {
                    job.waiting.push(index);
                    return None;
                }
                Reach::Never(_) => time = time.max(method.connect_timeout),
                Reach::Now(device) => {
                    if let Ok(reply) = device.respond(&method.name) {
                        let delay = pick(&mut self.random, &reply.delay);
                        if delay > method.response_timeout {
                            let error = RowError::not_answered(method.response_timeout);
                            job.rows[index].outcome = Outcome::Error(error);
                        }
                        time = time.max(delay.min(method.response_timeout));
                    }
                }
            }
        }
        job.change_row(index, RowStatus::Running, at);
        Some(after(at, time))
    }

    /// Does the job's work on the device of a row.
    pub(super) fn finish(&mut self, key: JobKey, job: &mut Job, index: usize, at: DateTime<Utc>) -> Finish {
        let row = &job.rows[index];
        let outcome = match (&row.outcome, &job.request.work) {
            (Outcome::Error(error), _) => Outcome::Error(error.clone()),
            (_, Work::TwinUpdate(patch)) => {
                match self.registry.update_twin(row.target, patch, at, &mut job.merges) {
                    Ok(()) => Outcome::Empty,
                    Err(reason) => Outcome::Error(RowError::new("ArgumentInvalid", reason)),
                }
            }
            (_, Work::Method(method)) => match reach(&self.registry, self.unreachable, row.target) {
                Reach::Later => return Finish::Waiting,
                Reach::Never(error) => Outcome::Error(error),
                Reach::Now(device) => match device.respond(&method.name) {
                    Ok(reply) => Outcome::Answer(reply.answer.clone()),
                    Err(handler) => {
                        let payload = method.json["payload"].clone();
                        let call = MethodCall { name: method.name.clone(), payload };
                        self.calls.add(HandlerCall { handler, call, job: key, row: index, at });
                        return Finish::Handler;
                    }
                },
            },
        };
        if !matches!(outcome, Outcome::Error(_)) {
            self.registry.touch(row.target, at);
        }
        Finish::Outcome(outcome)
    }
}

/// When a method reaches its target.
enum Reach<'a> {
    Now(&'a Device),
    /// When the device connects, unless the job's time limit comes first.
    Later,
    Never(RowError),
}

fn reach(registry: &Registry, unreachable: Unreachable, target: Target) -> Reach<'_> {
    let device = registry.device_of(target);
    match unreachable {
        _ if device.is_reachable() => Reach::Now(device),
        _ if target.is_module() => Reach::Never(RowError::not_online()),
        Unreachable::FailAtTimeLimit => Reach::Later,
        Unreachable::FailAtOnce => Reach::Never(RowError::not_started()),
    }
}
