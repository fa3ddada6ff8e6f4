//! The hub: its jobs, its clock, and the record of what truly happened.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tokio::time::Instant;

/// The author of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Author {
    /// The call of this number.
    Call(usize),
    /// Another client, whose job is equal to the one that the calls create, or is not.
    Other { is_identical: bool },
}

/// A job, as the hub keeps it.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) author: Author,
    pub(super) created_at: Instant,
    pub(super) cancelled_by: Option<Author>,
    pub(super) cancelled_at: Option<Instant>,
    request: Value,
}

/// How long a job stays in its states.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) queued: Duration,
    pub(super) running: Duration,
}

/// How the hub shows what it did, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Habits {
    /// How long a new job is unknown to those who read it.
    pub(super) create_lag: Duration,
    /// How long a cancelled job is shown as before.
    pub(super) cancel_lag: Duration,
    /// How long the end of a job's row is not shown.
    pub(super) row_lag: Duration,
    /// It shows the members that it fills in.
    pub(super) shows_defaults: bool,
    /// It dates the start of a job whose start has passed by the creation.
    pub(super) redates_starts: bool,
    pub(super) echo: Echo,
    pub(super) unknown: Unknown,
}

/// The form in which the payload of a method is shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Echo {
    #[default]
    Json,
    Bytes,
    Base64,
    /// A form that says nothing.
    Opaque,
}

/// The answer for an id that the hub does not know.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Unknown {
    #[default]
    Bare,
    WithId,
    NotFound,
}

/// What becomes of a job on a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Succeeds,
    /// The device answers with a failure: the hub counts it as reached.
    AnswersFailure,
    Fails,
}

/// An honest answer: a status, a name for the error and a body.
#[derive(Clone, Debug)]
pub(super) struct Honest {
    pub(super) status: u16,
    pub(super) code: Option<&'static str>,
    pub(super) body: String,
    pub(super) continuation: Option<String>,
}

/// A change that a call made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effect {
    pub(super) call: usize,
    pub(super) kind: EffectKind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum EffectKind {
    Created,
    Cancelled,
}

/// The state of the hub.
pub(super) struct Hub {
    pub(super) jobs: HashMap<String, Job>,
    pub(super) effects: Vec<Effect>,
    pub(super) pace: Pace,
    /// The rows of the listing, and how many of them fill a page.
    pub(super) listing: (usize, usize),
    /// How far the clock that dates jobs is ahead of the one that dates answers.
    pub(super) creation_skew: TimeDelta,
    pub(super) habits: Habits,
    /// The devices that a job selects.
    pub(super) devices: Vec<Fate>,
    start: Instant,
    time_at_start: DateTime<Utc>,
}

impl Hub {
    /// Creates a hub whose clock shows `time_at_start` now.
    pub(super) fn new(time_at_start: DateTime<Utc>, pace: Pace) -> Self {
        Self {
            jobs: HashMap::new(),
            effects: Vec::new(),
            pace,
            listing: (0, 1),
            creation_skew: TimeDelta::zero(),
            habits: Habits::default(),
            devices: Vec::new(),
            start: Instant::now(),
            time_at_start,
        }
    }

    /// Returns the hub's time.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.time_at(Instant::now())
    }

    fn time_at(&self, instant: Instant) -> DateTime<Utc> {
        self.time_at_start + TimeDelta::from_std(instant - self.start).unwrap()
    }

    /// Creates a job, unless the id is taken.
    pub(super) fn create(&mut self, id: &str, request: &Value, author: Author) -> Honest {
        if self.jobs.contains_key(id) {
            return Honest::refusal(409, "JobAlreadyExists", "the job exists");
        }
        let job = Job {
            author,
            created_at: Instant::now(),
            cancelled_by: None,
            cancelled_at: None,
            request: request.clone(),
        };
        self.jobs.insert(id.to_owned(), job);
        self.record(author, EffectKind::Created);
        Honest::success(json!({ "jobId": id, "type": request["type"], "status": "queued" }))
    }

    /// Cancels a job that is not running yet.
    pub(super) fn cancel(&mut self, id: &str, author: Author) -> Honest {
        match self.status(id) {
            None => Honest::refusal(404, "JobNotFound", "no such job"),
            Some("queued" | "scheduled") => {
                if let Some(job) = self.jobs.get_mut(id) {
                    (job.cancelled_by, job.cancelled_at) = (Some(author), Some(Instant::now()));
                }
                self.record(author, EffectKind::Cancelled);
                Honest::success(self.render(id, &self.jobs[id], "cancelled", true))
            }
            Some(_) => Honest::refusal(405, "OperationNotAllowedInCurrentState", "the job is\nnot waiting"),
        }
    }

    /// Reads a job, with or without the time of its creation.
    pub(super) fn job(&self, id: &str, is_dated: bool) -> Honest {
        match (self.jobs.get(id).zip(self.shown_status(id, Instant::now())), self.habits.unknown) {
            (Some((job, status)), _) => Honest::success(self.render(id, job, status, is_dated)),
            (None, Unknown::Bare) => Honest::success(json!({ "type": "unknown", "status": "unknown" })),
            (None, Unknown::WithId) => {
                Honest::success(json!({ "jobId": id, "type": "unknown", "status": "unknown" }))
            }
            (None, Unknown::NotFound) => Honest::refusal(404, "JobNotFound", "no such job"),
        }
    }

    /// Lists the rows of a job's devices, as far as they are shown.
    pub(super) fn rows(&self, id: &str) -> Honest {
        let shown = self.jobs.get(id).filter(|job| self.has_run(job, self.habits.row_lag));
        let rows = shown.iter().flat_map(|_| self.devices.iter().enumerate());
        let rows = rows.map(|(number, fate)| {
            let status = if *fate == Fate::Fails { "failed" } else { "completed" };
            let answer = if *fate == Fate::AnswersFailure { 500 } else { 200 };
            let mut row = json!({ "deviceId": format!("device-{number}"), "jobId": id, "status": status });
            if *fate != Fate::Fails {
                row["outcome"] = json!({ "deviceMethodResponse": { "status": answer, "payload": null } });
            }
            row
        });
        Honest::success(Value::from(rows.collect::<Vec<_>>()))
    }

    /// Returns true if the job ran to its end this long ago.
    fn has_run(&self, job: &Job, ago: Duration) -> bool {
        job.cancelled_by.is_none() && job.created_at.elapsed() >= self.pace.queued + self.pace.running + ago
    }

    /// Reads the page of the listing at this position.
    pub(super) fn page(&self, continuation: Option<&str>) -> Honest {
        let (rows, size) = self.listing;
        let first = continuation.and_then(|token| token.strip_prefix("from-")?.parse().ok()).unwrap_or(0);
        let end = rows.min(first + size);
        let jobs: Vec<_> = (first..end).map(|row| json!({ "jobId": format!("row-{row}") })).collect();
        let continuation = (end < rows).then(|| format!("from-{end}"));
        Honest { continuation, ..Honest::success(Value::from(jobs)) }
    }

    /// Returns the true status of a job.
    pub(super) fn status(&self, id: &str) -> Option<&'static str> {
        let job = self.jobs.get(id)?;
        Some(self.status_at(job, job.cancelled_at, Instant::now()))
    }

    /// Returns the status of a job that is shown at this time; `None` if the job is not shown yet.
    pub(super) fn shown_status(&self, id: &str, now: Instant) -> Option<&'static str> {
        let job = self.jobs.get(id).filter(|job| now >= job.created_at + self.habits.create_lag)?;
        let cancelled_at = job.cancelled_at.filter(|time| now >= *time + self.habits.cancel_lag);
        // A cancelled job does not run, whatever is shown of it.
        let shown_until = job.cancelled_at.filter(|_| cancelled_at.is_none());
        Some(self.status_at(job, cancelled_at, shown_until.unwrap_or(now)))
    }

    fn status_at(&self, job: &Job, cancelled_at: Option<Instant>, now: Instant) -> &'static str {
        let age = now - job.created_at;
        match () {
            () if cancelled_at.is_some() => "cancelled",
            () if age < self.pace.queued / 2 => "queued",
            () if age < self.pace.queued => "scheduled",
            () if age < self.pace.queued + self.pace.running => "running",
            () => "completed",
        }
    }

    /// Returns true if the job, shown in full, can be compared with its request.
    pub(super) fn is_comparable(&self, id: &str) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let has_payload = !job.request["cloudToDeviceMethod"]["payload"].is_null();
        let is_redated = self.habits.redates_starts && job.request["startTime"].is_string();
        !(is_redated || has_payload && self.habits.echo == Echo::Opaque)
    }

    fn record(&mut self, author: Author, kind: EffectKind) {
        if let Author::Call(call) = author {
            self.effects.push(Effect { call, kind });
        }
    }

    fn render(&self, id: &str, job: &Job, status: &str, is_dated: bool) -> Value {
        let created = self.time_at(job.created_at) + self.creation_skew;
        let mut shown = job.request.clone();
        shown["jobId"] = json!(id);
        shown["status"] = json!(status);
        if is_dated {
            shown["createdTime"] = json!(timestamp(created));
        }
        let start = shown["startTime"].as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let start = start.map_or(created, |start| start.to_utc());
        let is_redated = self.habits.redates_starts && start < created;
        shown["startTime"] = json!(timestamp(if is_redated { created } else { start }));
        let count = |fate| self.devices.iter().filter(|device| **device == fate).count();
        if self.has_run(job, Duration::ZERO) {
            shown["deviceJobStatistics"] = json!({
                "deviceCount": self.devices.len(),
                "succeededCount": self.devices.len() - count(Fate::Fails),
                "failedCount": count(Fate::Fails),
            });
        }
        if self.habits.shows_defaults && shown["maxExecutionTimeInSeconds"].is_null() {
            shown["maxExecutionTimeInSeconds"] = json!(3600);
        }
        if shown["updateTwin"].is_object() {
            shown["updateTwin"]["deviceId"] = Value::Null;
        }
        let method = &mut shown["cloudToDeviceMethod"];
        if self.habits.shows_defaults && method.is_object() {
            let timeout = method["responseTimeoutInSeconds"].as_i64().unwrap_or(30);
            method["responseTimeoutInSeconds"] = json!(timeout);
            method["connectTimeoutInSeconds"] =
                json!(method["connectTimeoutInSeconds"].as_i64().unwrap_or(0));
        }
        if !method["payload"].is_null() {
            let text = method["payload"].to_string();
            method["payload"] = match self.habits.echo {
                Echo::Json => method["payload"].take(),
                Echo::Bytes => json!(text.as_bytes()),
                Echo::Base64 => json!(BASE64.encode(text)),
                Echo::Opaque => json!("System.Byte[]"),
            };
        }
        shown
    }
}

impl Honest {
    pub(super) fn success(body: impl Into<Value>) -> Self {
        Self { status: 200, code: None, body: body.into().to_string(), continuation: None }
    }

    pub(super) fn refusal(status: u16, code: &'static str, message: &str) -> Self {
        let body = json!({
            "Message": format!("ErrorCode:{code};{message}"),
            "ExceptionMessage": "Tracking ID:7f-G:0-TimeStamp:05/04/2022 15:53:00",
        });
        Self { status, code: Some(code), body: body.to_string(), continuation: None }
    }
}

/// Writes a date as the hub does.
fn timestamp(time: DateTime<Utc>) -> String {
    let ticks = time.timestamp_subsec_nanos() / 100;
    format!("{}.{ticks:07}Z", time.format("%Y-%m-%dT%H:%M:%S"))
}
