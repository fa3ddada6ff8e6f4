//! The hub: its devices, its jobs and slots, and the record of each call.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::simulation::hub::Honest;

/// What a device does with each of its calls.
#[derive(Clone, Debug)]
pub(super) struct Device {
    /// By the number of the call; the last one repeats.
    pub(super) fates: Vec<Fate>,
    /// It is listed, but no job finds it.
    pub(super) is_ghost: bool,
    /// The calls so far: their jobs, and when.
    pub(super) calls: Vec<(String, Instant)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Succeeds,
    Answers,
    Offline,
    Refuses,
}

/// A job, and what it did.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) request: Value,
    pub(super) author: String,
    pub(super) created: Instant,
    pub(super) cancelled: Option<Instant>,
    /// The start, the end, and the result of each device, once it has started.
    pub(super) run: Option<(Instant, Instant, BTreeMap<String, Fate>)>,
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delays {
    pub(super) queued: Duration,
    pub(super) running: Duration,
    pub(super) create_lag: Duration,
    pub(super) cancel_lag: Duration,
    pub(super) row_lag: Duration,
}

pub(super) struct Hub {
    pub(super) devices: BTreeMap<String, Device>,
    pub(super) jobs: BTreeMap<String, Job>,
    pub(super) delays: Delays,
    pub(super) slots: usize,
    pub(super) epoch: (Instant, DateTime<Utc>),
}

impl Job {
    pub(super) fn limit(&self) -> Duration {
        Duration::from_secs(self.request["maxExecutionTimeInSeconds"].as_u64().unwrap())
    }

    /// Returns the ids in its condition.
    pub(super) fn devices(&self) -> Vec<&str> {
        let condition = self.request["queryCondition"].as_str().unwrap();
        let list = condition.strip_prefix("deviceId IN ['").unwrap().strip_suffix("']").unwrap();
        list.split("', '").collect()
    }
}

impl Hub {
    pub(super) fn time(&self, instant: Instant) -> DateTime<Utc> {
        self.epoch.1 + TimeDelta::from_std(instant - self.epoch.0).unwrap()
    }

    /// Starts the jobs whose time has come.
    pub(super) fn advance(&mut self) {
        let now = Instant::now();
        let Self { devices, jobs, delays, .. } = self;
        for (id, job) in jobs.iter_mut().filter(|(_, job)| job.run.is_none() && job.cancelled.is_none()) {
            let start = job.created + delays.queued;
            if start > now {
                continue;
            }
            let mut results = BTreeMap::new();
            for device_id in job.devices() {
                let Some(device) = devices.get_mut(device_id).filter(|device| !device.is_ghost) else {
                    continue;
                };
                let fate = device.fates[device.calls.len().min(device.fates.len() - 1)];
                device.calls.push((id.clone(), start));
                results.insert(device_id.to_owned(), fate);
            }
            let is_slow = results.values().any(|fate| *fate == Fate::Offline);
            let length = if is_slow { job.limit() } else { delays.running.min(job.limit()) };
            job.run = Some((start, start + length, results));
        }
    }

    fn holds_slot(job: &Job) -> bool {
        job.cancelled.is_none() && job.run.as_ref().is_none_or(|(_, end, _)| *end > Instant::now())
    }

    pub(super) fn create(&mut self, id: &str, request: Value, author: &str) -> Honest {
        if self.jobs.contains_key(id) {
            return Honest::refusal(409, "JobAlreadyExists", "the job exists");
        }
        if self.jobs.values().filter(|job| Self::holds_slot(job)).count() >= self.slots {
            return Honest::refusal(429, "ThrottlingMaxActiveJobCountExceeded", "no slot is free");
        }
        let answer = json!({ "jobId": id, "type": request["type"], "status": "queued" });
        let (author, created) = (author.to_owned(), Instant::now());
        self.jobs.insert(id.to_owned(), Job { request, author, created, cancelled: None, run: None });
        Honest::success(answer)
    }

    pub(super) fn cancel(&mut self, id: &str) -> Honest {
        match self.jobs.get_mut(id) {
            None => Honest::refusal(404, "JobNotFound", "no such job"),
            Some(job) if job.run.is_some() => {
                Honest::refusal(405, "OperationNotAllowedInCurrentState", "the job runs")
            }
            Some(job) => {
                job.cancelled.get_or_insert(Instant::now());
                Honest::success(json!({ "jobId": id, "type": job.request["type"], "status": "cancelled" }))
            }
        }
    }

    pub(super) fn job(&self, id: &str) -> Honest {
        let now = Instant::now();
        let shown = self.jobs.get(id).filter(|job| now >= job.created + self.delays.create_lag);
        let Some(job) = shown else {
            return Honest::success(json!({ "type": "unknown", "status": "unknown" }));
        };
        let mut shown = job.request.clone();
        let is_cancelled = job.cancelled.is_some_and(|time| now >= time + self.delays.cancel_lag);
        shown["jobId"] = json!(id);
        shown["createdTime"] = json!(self.time(job.created).to_rfc3339());
        shown["startTime"] = shown["createdTime"].clone();
        shown["status"] = json!(match &job.run {
            _ if is_cancelled => "cancelled",
            None => "queued",
            Some((_, end, _)) if *end > now => "running",
            Some((_, end, results)) => {
                shown["endTime"] = json!(self.time(*end).to_rfc3339());
                let failed = results.values().filter(|fate| matches!(fate, Fate::Offline | Fate::Refuses));
                let failed = failed.count();
                shown["deviceJobStatistics"] = json!({
                    "deviceCount": results.len(), "failedCount": failed, "succeededCount": results.len() - failed,
                });
                "completed"
            }
        });
        Honest::success(shown)
    }

    /// Returns the rows of a job that are shown: of each second device at once, of the others after the lag.
    pub(super) fn rows(&self, id: &str) -> Vec<Value> {
        let now = Instant::now();
        let run = self.jobs.get(id).and_then(|job| job.run.as_ref());
        let Some((_, end, results)) = run.filter(|(_, end, _)| now >= *end) else { return Vec::new() };
        let rows = results.iter().enumerate().map(|(number, (device, fate))| {
            let mut row = json!({ "deviceId": device, "jobId": id, "jobType": "scheduleDeviceMethod" });
            if number % 2 == 1 && now < *end + self.delays.row_lag {
                if number % 4 == 1 {
                    return Value::Null;
                }
                row["status"] = json!("running");
                return row;
            }
            row["status"] =
                json!(if matches!(fate, Fate::Succeeds | Fate::Answers) { "completed" } else { "failed" });
            let code = match fate {
                Fate::Succeeds => return with_answer(row, 200),
                Fate::Answers => return with_answer(row, 500),
                Fate::Offline => "JobRunPreconditionFailed",
                Fate::Refuses => "ArgumentInvalid",
            };
            row["error"] = json!({ "code": code, "description": "no" });
            row
        });
        rows.filter(|row| !row.is_null()).collect()
    }
}

fn with_answer(mut row: Value, status: i32) -> Value {
    row["outcome"] = json!({ "deviceMethodResponse": { "status": status, "payload": null } });
    row
}
