//! Rows of `devices.jobs` as the hub shows them.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::job::Job;
use super::row::{Outcome, Row};
use crate::dates::timestamp;
use crate::fleet::Registry;
use crate::query::{Document, Operand, walk};

/// A row with its job and the devices.
#[derive(Clone, Copy)]
pub(crate) struct DeviceRow<'a> {
    job: &'a Job,
    row: &'a Row,
    registry: &'a Registry,
}

impl<'a> DeviceRow<'a> {
    /// Returns the rows of a job from the row `start` on.
    pub(crate) fn of(job: &'a Job, registry: &'a Registry, start: usize) -> impl Iterator<Item = Self> {
        let rows = job.rows.get(start..).unwrap_or_default();
        rows.iter().map(move |row| Self { job, row, registry })
    }

    pub(crate) fn to_json(self) -> Value {
        let Self { job, row, registry } = self;
        let mut json = json!({
            "deviceId": registry.device_of(row.target).id(),
            "jobId": job.request.id,
            "jobType": job.request.work.type_name(),
            "status": row.status.as_str(),
            "startTimeUtc": timestamp(job.start),
            "createdDateTimeUtc": timestamp(row.created),
            "lastUpdatedDateTimeUtc": timestamp(row.updated),
            "outcome": self.outcome(),
        });
        if let Some(module) = registry.module_id(row.target) {
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

    fn outcome(self) -> Value {
        match &self.row.outcome {
            Outcome::Answer(answer) if self.row.status.is_final() => {
                json!({ "deviceMethodResponse": { "status": answer.status, "payload": answer.payload } })
            }
            _ => json!({}),
        }
    }

    fn error(self) -> Option<Value> {
        match &self.row.outcome {
            Outcome::Error(error) if self.row.status.is_final() => {
                Some(json!({ "code": error.code, "description": &*error.description }))
            }
            _ => None,
        }
    }
}

impl Document for DeviceRow<'_> {
    fn member(&self, path: &[String]) -> Option<Operand<'_>> {
        let (job, row) = (self.job, self.row);
        let date = |instant| Some(Operand::Text(Cow::Owned(timestamp(instant))));
        let (column, rest) = path.split_first()?;
        match (column.as_str(), rest) {
            ("deviceId", []) => Some(Operand::text(self.registry.device_of(row.target).id())),
            ("moduleId", []) => self.registry.module_id(row.target).map(Operand::text),
            ("jobId", []) => Some(Operand::text(&job.request.id)),
            ("jobType", []) => Some(Operand::text(job.request.work.type_name())),
            ("status", []) => Some(Operand::text(row.status.as_str())),
            ("startTimeUtc", []) => date(job.start),
            ("endTimeUtc", []) => date(job.deadline()?),
            ("createdDateTimeUtc", []) => date(row.created),
            ("lastUpdatedDateTimeUtc", []) => date(row.updated),
            ("outcome", [part, name, rest @ ..]) if part == "deviceMethodResponse" => {
                let Outcome::Answer(answer) = &row.outcome else { return None };
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
                let Outcome::Error(error) = &row.outcome else { return None };
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
