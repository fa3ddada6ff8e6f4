//! A job and its rows, one for each device.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    Queued,
    Scheduled,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
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

/// What a job does on each device.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    Method(Value),
    TwinUpdate(Value),
}

impl Work {
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Method(_) => "scheduleDeviceMethod",
            Self::TwinUpdate(_) => "scheduleUpdateTwin",
        }
    }
}

/// A job as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Definition {
    pub(crate) id: String,
    pub(crate) work: Work,
    pub(crate) condition: String,
    pub(crate) start: Option<DateTime<Utc>>,
    pub(crate) max_execution_seconds: Option<i64>,
}

/// A job as the hub knows it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) definition: Definition,
    pub(crate) created: DateTime<Utc>,
    /// The time asked for, or that of the request when none was.
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: Option<DateTime<Utc>>,
    pub(crate) status: Status,
    pub(crate) failure_reason: Option<String>,
    pub(crate) rows: Vec<Row>,
}

impl Job {
    pub(crate) fn new(definition: Definition, now: DateTime<Utc>) -> Self {
        let start = definition.start.unwrap_or(now);
        let (end, failure_reason, rows) = (None, None, Vec::new());
        Self { definition, created: now, start, end, status: Status::Queued, failure_reason, rows }
    }

    /// When the job runs out of time; never without a limit.
    pub(crate) fn deadline(&self) -> Option<DateTime<Utc>> {
        let limit = self.definition.max_execution_seconds.filter(|seconds| *seconds > 0)?;
        self.start.checked_add_signed(TimeDelta::try_seconds(limit)?)
    }

    /// Puts the job in its last state.
    pub(crate) fn finish(&mut self, status: Status, now: DateTime<Utc>) {
        self.status = status;
        self.end = Some(now);
    }

    /// The short answer to a request that creates a job.
    pub(crate) fn receipt(&self) -> Value {
        let Definition { id, work, .. } = &self.definition;
        json!({ "jobId": id, "type": work.type_name(), "status": self.status.as_str() })
    }

    /// The whole job.
    pub(crate) fn to_json(&self) -> Value {
        let Definition { work, condition, max_execution_seconds, .. } = &self.definition;
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
            Work::Method(method) => json["cloudToDeviceMethod"] = method.clone(),
            Work::TwinUpdate(twin) => {
                json["updateTwin"] = twin.clone();
                json["updateTwin"]["deviceId"] = Value::Null;
            }
        }
        if let Some(reason) = &self.failure_reason {
            json["failureReason"] = json!(reason);
        }
        if matches!(self.status, Status::Running | Status::Completed) {
            json["deviceJobStatistics"] = self.statistics();
        }
        json
    }

    fn statistics(&self) -> Value {
        let count = |status| self.rows.iter().filter(|row| row.status == status).count();
        json!({
            "deviceCount": self.rows.len(),
            "failedCount": count(RowStatus::Failed),
            "succeededCount": count(RowStatus::Completed),
            "runningCount": count(RowStatus::Running),
            "pendingCount": count(RowStatus::Pending),
        })
    }

    /// The rows of the collection `devices.jobs` that belong to this job.
    pub(crate) fn rows_to_json(&self) -> impl Iterator<Item = Value> {
        self.rows.iter().map(|row| {
            let mut json = json!({
                "deviceId": row.device_id,
                "jobId": self.definition.id,
                "jobType": self.definition.work.type_name(),
                "status": row.status.as_str(),
                "startTimeUtc": timestamp(self.start),
                "createdDateTimeUtc": timestamp(row.created),
                "lastUpdatedDateTimeUtc": timestamp(row.updated),
                "outcome": row.outcome,
            });
            if let Some(deadline) = self.deadline() {
                json["endTimeUtc"] = json!(timestamp(deadline));
            }
            if let Some(reason) = &row.error {
                json["error"] = json!({ "code": "JobRunPreconditionFailed", "description": reason });
            }
            json
        })
    }
}

/// What a job did on one device.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) device_id: String,
    pub(crate) status: RowStatus,
    created: DateTime<Utc>,
    updated: DateTime<Utc>,
    outcome: Value,
    error: Option<String>,
}

impl Row {
    pub(crate) fn new(device_id: String, now: DateTime<Utc>) -> Self {
        let outcome = Value::Object(Map::new());
        Self { device_id, status: RowStatus::Pending, created: now, updated: now, outcome, error: None }
    }

    pub(crate) fn run(&mut self, now: DateTime<Utc>) {
        self.status = RowStatus::Running;
        self.updated = now;
    }

    /// Ends the row: with the outcome, or with the reason why there is none.
    pub(crate) fn finish(&mut self, outcome: Result<Value, String>, now: DateTime<Utc>) {
        self.updated = now;
        match outcome {
            Ok(outcome) => {
                self.status = RowStatus::Completed;
                self.outcome = outcome;
            }
            Err(reason) => {
                self.status = RowStatus::Failed;
                self.error = Some(reason);
            }
        }
    }
}

/// How far a job has come on one device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RowStatus {
    Pending,
    Running,
    Completed,
    Failed,
}

impl RowStatus {
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// A date as the hub writes it: seven fraction digits and `Z`.
fn timestamp(instant: DateTime<Utc>) -> String {
    let ticks = instant.timestamp_subsec_nanos() / 100;
    format!("{}.{ticks:07}Z", instant.format("%Y-%m-%dT%H:%M:%S"))
}
