//! Reports: a job and the sums over its rows.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use futures_util::stream::TryStreamExt as _;
use serde::Serialize;

use super::outcome::JobOutcome;
use super::pager::Pager;
use super::read::read_job;
use crate::error::Error;
use crate::generated::types::{DeviceJob, JobResponse};
use crate::pipeline::Pipeline;

/// Failed devices that a report names. A person reads no more, and a large fleet needs little memory.
const NAMED_FAILURES: usize = 1000;
/// Characters of a failure's reason that are kept.
const REASON_LENGTH: usize = 1000;
/// Statuses, error codes and answers that a report counts separately, of each kind.
const CATEGORIES: usize = 100;

/// A job and the sums over its rows, one row for each device.
///
/// The counts are exact, and the memory is bounded: the first 1,000 failed devices are named, and the first
/// 100 statuses, error codes and answers are counted separately. List the rows for all of them:
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
    /// Rows that are not as the spec describes them. Whether the job succeeded there is unknown.
    pub unreadable: u64,
    /// Rows by status.
    pub by_status: BTreeMap<String, u64>,
    /// Failed rows by error code.
    pub by_error_code: BTreeMap<String, u64>,
    /// Answers to a direct method by the device's own status.
    pub by_method_status: BTreeMap<i32, u64>,
    /// Statuses, error codes and answers beyond the first 100 of each kind.
    pub uncategorized: u64,
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
    /// The hub's reason, or the device's answer; at most 1,000 characters.
    pub reason: String,
}

impl std::fmt::Display for DeviceFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.device_id, self.reason)
    }
}

impl JobReport {
    pub(crate) async fn read(pipeline: &Arc<Pipeline>, id: &str) -> Result<Self, Error> {
        let job = read_job(pipeline, id).await?;
        Self::of_job(pipeline, id, job).await
    }

    /// Reads the rows of a job.
    pub(crate) async fn of_job(pipeline: &Arc<Pipeline>, id: &str, job: JobResponse) -> Result<Self, Error> {
        let mut report = Self { job, ..Self::default() };
        let mut pages = pin!(Pager::of_device_jobs(pipeline.clone(), id).pages());
        while let Some(page) = pages.try_next().await? {
            page.items.iter().for_each(|row| report.add(row));
            report.devices += page.unreadable.len() as u64;
            report.unreadable += page.unreadable.len() as u64;
        }
        Ok(report)
    }

    /// Returns the outcome by the rows: unlike [`JobResponse::outcome`], it counts a device that answered
    /// with a failure as failed.
    pub fn outcome(&self) -> JobOutcome {
        match self.job.outcome() {
            JobOutcome::Succeeded | JobOutcome::CompletedWithFailures(_) => match self.failed {
                0 => JobOutcome::Succeeded,
                failed => JobOutcome::CompletedWithFailures(u32::try_from(failed).unwrap_or(u32::MAX)),
            },
            outcome => outcome,
        }
    }

    fn add(&mut self, row: &DeviceJob) {
        self.devices += 1;
        self.succeeded += u64::from(row.is_success());
        let status = row.status.as_ref().map_or("unknown", |status| status.as_str());
        self.uncategorized += count(&mut self.by_status, status);
        if let Some(code) = row.error.as_ref().and_then(|error| error.code.as_deref()) {
            self.uncategorized += count(&mut self.by_error_code, code);
        }
        if let Some(status) = row.method_response().and_then(|response| response.status) {
            self.uncategorized += count(&mut self.by_method_status, &status);
        }
        if let Some(reason) = row.failure() {
            self.failed += 1;
            if self.failures.len() < NAMED_FAILURES {
                let reason = match reason.char_indices().nth(REASON_LENGTH) {
                    Some((end, _)) => format!("{}…", &reason[..end]),
                    None => reason,
                };
                self.failures.push(DeviceFailure { device_id: row.id().to_owned(), reason });
            }
        }
    }
}

/// Adds 1 to the count of `key`, which is copied the first time only. Returns 1 instead if there are too
/// many keys already.
fn count<Q, K>(counts: &mut BTreeMap<K, u64>, key: &Q) -> u64
where
    K: Borrow<Q> + Ord,
    Q: Ord + ToOwned<Owned = K> + ?Sized,
{
    let is_full = counts.len() == CATEGORIES;
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None if is_full => return 1,
        None => drop(counts.insert(key.to_owned(), 1)),
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(body: serde_json::Value) -> DeviceJob {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn report_is_bounded_and_its_sums_are_exact() {
        let mut report = JobReport::default();
        for n in 0..5000 {
            let error = serde_json::json!({ "code": format!("Code{n}"), "description": "x".repeat(5000) });
            let status = if n % 2 == 0 { "failed".to_owned() } else { format!("status{n}") };
            report.add(&row(
                serde_json::json!({ "deviceId": n.to_string(), "status": status, "error": error }),
            ));
        }
        assert_eq!((report.devices, report.failed, report.succeeded), (5000, 2500, 0));
        assert_eq!((report.by_status.len(), report.by_error_code.len()), (CATEGORIES, CATEGORIES));
        let counted: u64 = report.by_status.values().chain(report.by_error_code.values()).sum();
        assert_eq!(counted + report.uncategorized, 10_000);
        assert_eq!(report.failures.len(), NAMED_FAILURES);
        assert_eq!(report.failures[0].reason.chars().count(), REASON_LENGTH + 1);
    }
}
