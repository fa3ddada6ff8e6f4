//! A job as the hub knows it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::request::{JobRequest, Work};
use super::row::{Outcome, Row, RowCounts, RowStatus};
use crate::dates::timestamp;
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
    counts: RowCounts,
    /// How many rows have left the state `pending`.
    pub(super) begun: usize,
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
            counts: RowCounts::default(),
            begun: 0,
            unfinished: 0,
        }
    }

    /// Returns when the time limit ends the job; `None` without a limit.
    pub(super) fn deadline(&self) -> Option<DateTime<Utc>> {
        let limit = self.request.max_execution_seconds.filter(|seconds| *seconds > 0)?;
        self.start.checked_add_signed(TimeDelta::try_seconds(limit)?)
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

    /// Returns the whole job.
    pub(crate) fn to_json(&self) -> Value {
        let JobRequest { work, condition, max_execution_seconds, .. } = &self.request;
        let mut json = self.receipt();
        json["queryCondition"] = json!(condition);
        json["createdTime"] = json!(timestamp(self.created));
        json["startTime"] = json!(timestamp(self.start));
        if let Some(end) = self.end {
            json["endTime"] = json!(timestamp(end));
        }
        if let Some(seconds) = max_execution_seconds {
            json["maxExecutionTimeInSeconds"] = json!(seconds);
        }
        match work {
            Work::Method(method) => json["cloudToDeviceMethod"] = method.json.clone(),
            Work::TwinUpdate(twin) => {
                json["updateTwin"] = (**twin).clone();
                json["updateTwin"]["deviceId"] = Value::Null;
            }
        }
        if let Some(reason) = &self.failure_reason {
            json["failureReason"] = json!(reason);
        }
        if matches!(self.status, JobStatus::Running | JobStatus::Completed) {
            json["deviceJobStatistics"] = self.counts.to_json();
        }
        json
    }
}

pub(crate) fn job_not_found(id: &str) -> ServiceError {
    ServiceError::job_not_found(format!("No job was found with the ID {id}"))
}
