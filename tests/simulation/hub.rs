//! The hub: its jobs, its clock, and the record of what truly happened.

use std::collections::HashMap;
use std::time::Duration;

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
    request: Value,
    /// Whether the hub shows the timeouts that it fills in.
    shows_defaults: bool,
}

/// How long a job stays in its states.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) queued: Duration,
    pub(super) running: Duration,
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
    pub(super) shows_defaults: bool,
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
            shows_defaults: false,
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
            request: request.clone(),
            shows_defaults: self.shows_defaults,
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
                    job.cancelled_by = Some(author);
                }
                self.record(author, EffectKind::Cancelled);
                self.job(id, true)
            }
            Some(_) => Honest::refusal(405, "OperationNotAllowedInCurrentState", "the job is\nnot waiting"),
        }
    }

    /// Reads a job, with or without the time of its creation.
    pub(super) fn job(&self, id: &str, is_dated: bool) -> Honest {
        match self.jobs.get(id) {
            Some(job) => Honest::success(self.render(id, job, is_dated)),
            None => Honest::refusal(404, "JobNotFound", "no such job"),
        }
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
        let age = job.created_at.elapsed();
        Some(match () {
            () if job.cancelled_by.is_some() => "cancelled",
            () if age < self.pace.queued / 2 => "queued",
            () if age < self.pace.queued => "scheduled",
            () if age < self.pace.queued + self.pace.running => "running",
            () => "completed",
        })
    }

    fn record(&mut self, author: Author, kind: EffectKind) {
        if let Author::Call(call) = author {
            self.effects.push(Effect { call, kind });
        }
    }

    fn render(&self, id: &str, job: &Job, is_dated: bool) -> Value {
        let created = self.time_at(job.created_at) + self.creation_skew;
        let mut shown = job.request.clone();
        shown["jobId"] = json!(id);
        shown["status"] = json!(self.status(id));
        if is_dated {
            shown["createdTime"] = json!(timestamp(created));
        }
        let start = shown["startTime"].as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        shown["startTime"] = json!(timestamp(start.map_or(created, |start| start.to_utc())));
        if shown["updateTwin"].is_object() {
            shown["updateTwin"]["deviceId"] = Value::Null;
        }
        let method = &mut shown["cloudToDeviceMethod"];
        if job.shows_defaults && method.is_object() {
            let timeout = method["responseTimeoutInSeconds"].as_i64().unwrap_or(30);
            method["responseTimeoutInSeconds"] = json!(timeout);
            method["connectTimeoutInSeconds"] =
                json!(method["connectTimeoutInSeconds"].as_i64().unwrap_or(0));
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
