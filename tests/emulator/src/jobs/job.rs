//! A job as the hub knows it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::request::{JobRequest, Work};
use super::row::{Outcome, Row, RowCounts, RowStatus};
use super::times::lags;
use crate::behavior::{HubBehavior, OpenEnd};
use crate::dates::timestamp;
use crate::fleet::Merges;
use crate::query::{Collection, Condition};
use crate::service_error::ServiceError;

/// State of a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum JobStatus {
    Queued,
    Scheduled,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl JobStatus {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) request: JobRequest,
    created: DateTime<Utc>,
    /// Start time that was requested, or else the time of the request.
    pub(super) start: DateTime<Utc>,
    pub(super) end: Option<DateTime<Utc>>,
    pub(crate) status: JobStatus,
    pub(super) failure_reason: Option<String>,
    /// Whether it occupies one of the slots of the tier.
    pub(super) holds_slot: bool,
    /// Which devices or modules it targets, from its start on.
    pub(super) targets: Option<(Collection, Condition)>,
    /// Time at which its targets were chosen.
    pub(super) running_since: DateTime<Utc>,
    pub(super) rows: Vec<Row>,
    /// What its twin update made of alike twins.
    pub(super) merges: Merges,
    counts: RowCounts,
    /// How many rows have had their turn.
    pub(super) begun: usize,
    /// The rows among them that wait for their device to connect.
    pub(super) waiting: Vec<usize>,
    /// How many rows have not ended.
    pub(super) unfinished: usize,
}

impl Job {
    pub(super) fn new(request: JobRequest, now: DateTime<Utc>) -> Self {
        let start = request.start.unwrap_or(now);
        Self {
            request,
            created: now,
            start,
            end: None,
            status: JobStatus::Queued,
            failure_reason: None,
            holds_slot: false,
            targets: None,
            running_since: now,
            rows: Vec::new(),
            merges: Merges::default(),
            counts: RowCounts::default(),
            begun: 0,
            waiting: Vec::new(),
            unfinished: 0,
        }
    }

    /// Returns when the time limit ends the job; `None` if that is no date.
    pub(super) fn deadline(&self) -> Option<DateTime<Utc>> {
        self.start.checked_add_signed(TimeDelta::try_seconds(self.request.max_execution_seconds)?)
    }

    pub(super) fn add_row(&mut self, row: Row) {
        self.counts.add(row.status);
        self.unfinished += 1;
        self.rows.push(row);
    }

    /// Moves a row to another state.
    pub(super) fn change_row(&mut self, index: usize, to: RowStatus, now: DateTime<Utc>) {
        let row = &mut self.rows[index];
        self.counts.change(row.status, to);
        self.unfinished -= usize::from(to.is_final());
        (row.status, row.updated) = (to, now);
    }

    /// Ends a row with its outcome.
    pub(super) fn finish_row(&mut self, index: usize, outcome: Outcome, now: DateTime<Utc>) {
        let is_error = matches!(outcome, Outcome::Error(_));
        self.rows[index].outcome = outcome;
        self.change_row(index, if is_error { RowStatus::Failed } else { RowStatus::Completed }, now);
    }

    /// Returns the short answer to the request that created the job.
    pub(crate) fn receipt(&self) -> Value {
        let JobRequest { id, work, .. } = &self.request;
        json!({ "jobId": id, "type": work.type_name(), "status": self.status.as_str() })
    }

    /// Returns the state in which the job is read at `now`; `None` while it is unknown.
    pub(crate) fn seen(&self, behavior: &HubBehavior, now: DateTime<Utc>) -> Option<JobStatus> {
        if lags(self.created, behavior.create_lag, now) {
            return None;
        }
        let is_late = self.end.is_some_and(|end| lags(end, behavior.cancel_lag, now));
        let is_still_scheduled = is_late && self.status == JobStatus::Cancelled;
        Some(if is_still_scheduled { JobStatus::Scheduled } else { self.status })
    }

    /// Returns the whole job, in this state.
    pub(crate) fn to_json(&self, status: JobStatus, behavior: &HubBehavior) -> Value {
        let JobRequest { id, work, condition, max_execution_seconds, .. } = &self.request;
        let mut json = json!({
            "jobId": id,
            "type": work.type_name(),
            "status": status.as_str(),
            "queryCondition": condition,
            "createdTime": timestamp(self.created),
            "startTime": timestamp(self.start),
            "maxExecutionTimeInSeconds": max_execution_seconds,
        });
        let end = self.end.filter(|_| status.is_final()).map(timestamp);
        if let Some(end) = end.or_else(|| open_end(behavior.open_end).map(str::to_owned)) {
            json["endTime"] = json!(end);
        }
        match work {
            Work::Method(method) => json["cloudToDeviceMethod"] = method.echo(behavior.payload_echo),
            Work::TwinUpdate(twin) => {
                json["updateTwin"] = (**twin).clone();
                json["updateTwin"]["deviceId"] = Value::Null;
            }
        }
        if let Some(reason) = &self.failure_reason {
            json["failureReason"] = json!(reason);
        }
        if matches!(status, JobStatus::Running | JobStatus::Completed) {
            json["deviceJobStatistics"] = self.counts.to_json();
        }
        json
    }
}

/// Returns the end of a job that has not ended.
fn open_end(form: OpenEnd) -> Option<&'static str> {
    match form {
        OpenEnd::December31 => Some("9999-12-31T23:59:59.9999999Z"),
        OpenEnd::December30 => Some("9999-12-30T23:59:59.9999999Z"),
        OpenEnd::Absent => None,
    }
}

pub(crate) fn job_not_found(id: &str) -> ServiceError {
    ServiceError::job_not_found(format!("No job was found with the ID {id}"))
}
