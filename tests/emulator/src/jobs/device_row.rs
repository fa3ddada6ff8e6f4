//! Rows of `devices.jobs` as the hub shows them.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::job::Job;
use super::row::{Outcome, Row, RowError, RowStatus};
use super::times::lags;
use crate::behavior::{HubBehavior, LaggingRows};
use crate::dates::timestamp;
use crate::fleet::{MethodAnswer, Registry};
use crate::query::{Document, Operand, walk};

/// A row with its job, as a query shows it.
#[derive(Clone, Copy)]
pub(crate) struct DeviceRow<'a> {
    job: &'a Job,
    row: &'a Row,
    device_id: &'a str,
    module_id: Option<&'a str>,
    status: RowStatus,
    updated: DateTime<Utc>,
}

impl<'a> DeviceRow<'a> {
    /// Returns a row as queries show it at `now`; `None` while it is missing.
    pub(super) fn seen(
        job: &'a Job,
        row: &'a Row,
        registry: &'a Registry,
        behavior: &HubBehavior,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let lags = |change| lags(change, behavior.row_lag, now);
        if behavior.lagging_rows == LaggingRows::Missing && lags(row.created) {
            return None;
        }
        let (status, updated) = match lags(row.updated) {
            true => (RowStatus::Pending, row.created),
            false => (row.status, row.updated),
        };
        let device_id = registry.device_of(row.target).id();
        let module_id = registry.module_id(row.target).filter(|_| behavior.rows_name_modules);
        Some(Self { job, row, device_id, module_id, status, updated })
    }

    pub(crate) fn to_json(self) -> Value {
        let Self { job, row, device_id, module_id, status, updated } = self;
        let mut json = json!({
            "deviceId": device_id,
            "jobId": job.request.id,
            "jobType": job.request.work.type_name(),
            "status": status.as_str(),
            "startTimeUtc": timestamp(job.start),
            "createdDateTimeUtc": timestamp(row.created),
            "lastUpdatedDateTimeUtc": timestamp(updated),
            "outcome": self.outcome(),
        });
        if let Some(module) = module_id {
            json["moduleId"] = json!(module);
        }
        if let Some(deadline) = job.deadline() {
            json["endTimeUtc"] = json!(timestamp(deadline));
        }
        if let Some(error) = self.error() {
            json["error"] = error;
        }
        json
    }

    fn answer(self) -> Option<&'a MethodAnswer> {
        match &self.row.outcome {
            Outcome::Answer(answer) if self.status.is_final() => Some(answer),
            _ => None,
        }
    }

    fn row_error(self) -> Option<&'a RowError> {
        match &self.row.outcome {
            Outcome::Error(error) if self.status.is_final() => Some(error),
            _ => None,
        }
    }

    fn outcome(self) -> Value {
        self.answer().map_or_else(
            || json!({}),
            |answer| json!({ "deviceMethodResponse": { "status": answer.status, "payload": answer.payload } }),
        )
    }

    fn error(self) -> Option<Value> {
        self.row_error().map(|error| json!({ "code": error.code, "description": &*error.description }))
    }
}

impl Document for DeviceRow<'_> {
    fn member(&self, path: &[String]) -> Option<Operand<'_>> {
        let job = self.job;
        let date = |instant| Some(Operand::Text(Cow::Owned(timestamp(instant))));
        let (column, rest) = path.split_first()?;
        match (column.as_str(), rest) {
            ("deviceId", []) => Some(Operand::text(self.device_id)),
            ("moduleId", []) => self.module_id.map(Operand::text),
            ("jobId", []) => Some(Operand::text(&job.request.id)),
            ("jobType", []) => Some(Operand::text(job.request.work.type_name())),
            ("status", []) => Some(Operand::text(self.status.as_str())),
            ("startTimeUtc", []) => date(job.start),
            ("endTimeUtc", []) => date(job.deadline()?),
            ("createdDateTimeUtc", []) => date(self.row.created),
            ("lastUpdatedDateTimeUtc", []) => date(self.updated),
            ("outcome", [part, name, rest @ ..]) if part == "deviceMethodResponse" => {
                let answer = self.answer()?;
                match name.as_str() {
                    "status" if rest.is_empty() => Some(Operand::Integer(answer.status.into())),
                    "payload" => walk(&answer.payload, rest),
                    _ => None,
                }
            }
            ("outcome", []) => Some(Operand::Json(Cow::Owned(self.outcome()))),
            ("outcome", [part]) if part == "deviceMethodResponse" => {
                let response = self.outcome().get_mut(part)?.take();
                Some(Operand::Json(Cow::Owned(response)))
            }
            ("error", rest) => {
                let error = self.row_error()?;
                match rest {
                    [] => Some(Operand::Json(Cow::Owned(self.error()?))),
                    [name] if name == "code" => Some(Operand::text(error.code)),
                    [name] if name == "description" => Some(Operand::text(&error.description)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
