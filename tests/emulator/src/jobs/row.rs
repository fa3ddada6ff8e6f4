//! One row of a job: its course on one device.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::fleet::{MethodAnswer, Target};

/// Description of a row whose device could not be reached in time.
const NOT_STARTED: &str =
    "The job did not start in its period: the device stayed offline, or the time limit was over";

/// State of a job on one device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RowStatus {
    Pending,
    Running,
    Completed,
    Failed,
}

impl RowStatus {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// Result on one device.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// None yet, or a twin that was updated.
    Empty,
    Answer(Arc<MethodAnswer>),
    Error(RowError),
}

/// Reason for which a job failed on a device.
#[derive(Clone, Debug)]
pub(super) struct RowError {
    pub(super) code: &'static str,
    pub(super) description: Arc<str>,
}

impl RowError {
    /// The device could not be reached in time.
    pub(super) fn not_started() -> Self {
        Self::new("JobRunPreconditionFailed", NOT_STARTED)
    }

    /// The device of a module could not be reached.
    pub(super) fn not_online() -> Self {
        Self::new("DeviceNotOnline", "Timed out waiting for device to connect.")
    }

    /// The device did not answer a method in time.
    pub(super) fn not_answered(limit: Duration) -> Self {
        Self::new("GatewayTimeout", format!("The device did not answer within {} s", limit.as_secs()))
    }

    pub(super) fn new(code: &'static str, description: impl Into<Arc<str>>) -> Self {
        Self { code, description: description.into() }
    }
}

/// The course of a job on one device.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) target: Target,
    pub(super) status: RowStatus,
    pub(super) created: DateTime<Utc>,
    pub(super) updated: DateTime<Utc>,
    pub(super) outcome: Outcome,
}

impl Row {
    pub(super) fn new(target: Target, now: DateTime<Utc>) -> Self {
        Self { target, status: RowStatus::Pending, created: now, updated: now, outcome: Outcome::Empty }
    }
}

/// How many rows are in each state.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct RowCounts([usize; 4]);

impl RowCounts {
    pub(super) fn add(&mut self, status: RowStatus) {
        self.0[status as usize] += 1;
    }

    pub(super) fn change(&mut self, from: RowStatus, to: RowStatus) {
        self.0[from as usize] -= 1;
        self.0[to as usize] += 1;
    }

    pub(super) fn to_json(self) -> Value {
        let [pending, running, completed, failed] = self.0;
        json!({
            "deviceCount": pending + running + completed + failed,
            "failedCount": failed,
            "succeededCount": completed,
            "runningCount": running,
            "pendingCount": pending,
        })
    }
}
