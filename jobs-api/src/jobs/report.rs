//! Reports: a job and the sums over its rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::TryStreamExt as _;
use serde::Serialize;

use super::pager::Pager;
use crate::error::Error;
use crate::generated::types::{DeviceJob, JobResponse};
use crate::pipeline::Pipeline;

/// Failed devices that a report names. A person reads no more, and a large fleet needs little memory.
const NAMED_FAILURES: usize = 1000;

/// A job and the sums over its rows, one row for each device.
///
/// The counts are exact. The first 1,000 failed devices are named; list the rows for all of them:
/// [`Client::query_device_jobs`](crate::Client::query_device_jobs).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct JobReport {
    /// The job, read before its rows.
    pub job: JobResponse,
    /// Devices that have a row.
    pub devices: u64,
    /// Devices on which the job succeeded: [`DeviceJob::is_success`].
    pub succeeded: u64,
    /// Devices on which the job failed: not reached, or answered with a failure.
    pub failed: u64,
    /// Rows by status.
    pub by_status: BTreeMap<String, u64>,
    /// Failed rows by error code.
    pub by_error_code: BTreeMap<String, u64>,
    /// Answers to a direct method by the device's own status.
    pub by_method_status: BTreeMap<i32, u64>,
    /// Failed devices, at most 1,000.
    pub failures: Vec<DeviceFailure>,
}

/// A device on which a job failed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DeviceFailure {
    /// The device.
    pub device_id: String,
    /// The hub's reason, or the device's answer.
    pub reason: String,
}

impl std::fmt::Display for DeviceFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.device_id, self.reason)
    }
}

impl JobReport {
    pub(crate) async fn read(pipeline: &Arc<Pipeline>, id: &str) -> Result<Self, Error> {
        let job = pipeline.read_job(id).await?;
        let mut report = Self { job, ..Self::default() };
        let mut rows = Pager::of_device_jobs(pipeline.clone(), id);
        while let Some(row) = rows.try_next().await? {
            report.add(&row);
        }
        Ok(report)
    }

    fn add(&mut self, row: &DeviceJob) {
        self.devices += 1;
        self.succeeded += u64::from(row.is_success());
        increment(&mut self.by_status, row.status.as_ref().map_or("unknown", |status| status.as_str()));
        if let Some(code) = row.error.as_ref().and_then(|error| error.code.as_deref()) {
            increment(&mut self.by_error_code, code);
        }
        if let Some(status) = row.method_response().and_then(|response| response.status) {
            *self.by_method_status.entry(status).or_default() += 1;
        }
        if let Some(reason) = row.failure() {
            self.failed += 1;
            if self.failures.len() < NAMED_FAILURES {
                self.failures.push(DeviceFailure { device_id: row.id().to_owned(), reason });
            }
        }
    }
}

/// Adds 1 to the count of `key`, which is copied the first time only.
fn increment(counts: &mut BTreeMap<String, u64>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => drop(counts.insert(key.to_owned(), 1)),
    }
}
