//! Reports: jobs and the sums over their rows.

pub(super) mod failure;
pub(super) mod reader;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use futures_util::stream::{self, Stream, StreamExt as _};

pub use self::failure::{DeviceFailure, FailureKind};
use crate::client::Client;
use crate::error::Error;
use crate::generated::types::{DeviceJob, JobResponse, JobType};
use crate::jobs::outcome::JobOutcome;

/// Failed devices that a report names. A person reads no more, and a large fleet needs little memory.
const NAMED_FAILURES: usize = 1000;
/// Statuses, error codes and answers that a report counts separately, of each kind.
const CATEGORIES: usize = 100;
/// The outcomes of a job apart from its devices, from the worst on.
const WORST: [JobOutcome; 4] =
    [JobOutcome::Failed, JobOutcome::Cancelled, JobOutcome::Unknown, JobOutcome::Pending];

/// A job, or the jobs of a list of devices, and the sums over the rows, one row for each device.
///
/// The hub writes the rows after it has counted the devices of the job. The report of a job that has ended is
/// therefore read again, for up to 30 seconds, until each device has a row that is final; so is one whose rows
/// cannot be read, for now or in part. A report that takes longer to read is read once.
/// [`without_result`](Self::without_result) says how many results are missing then, and the
/// [`outcome`](Self::outcome) is no success.
///
/// A row that the hub returns more than once counts once, as it came first. Rows are identified by the ids of device
/// and module, and only from the first million: beyond those a repeated row counts each time, as if it were of
/// another device. Rows of modules without the id of the module look the same, and their report is no success.
///
/// The memory is bounded: the first 1,000 failed devices are named, and the first 100 statuses, error codes and
/// answers are counted separately. [`failed_devices`](Self::failed_devices) lists all of them.
///
/// A report can be saved and read back with serde, and [merged](Self::merge) with another.
///
/// ```
/// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
/// let report = client.job_report("reboot-43").await?;
/// println!("{}: {} of {} devices", report.outcome(), report.succeeded, report.devices);
/// for (code, count) in &report.by_error_code {
///     println!("{count} × {code}");
/// }
/// for failure in &report.failures {
///     println!("{}: {}", failure.device_id, failure.reason);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct JobReport {
    /// The job, read before its rows. Of a [list of devices](crate::types::JobRequest::for_devices) each of its jobs
    /// that has a report, in the order in which they ended.
    pub jobs: Vec<JobResponse>,
    /// Devices that have a row.
    pub devices: u64,
    /// Devices on which the job succeeded: [`DeviceJob::is_success`].
    pub succeeded: u64,
    /// Devices on which the job failed: not reached, or answered with a failure.
    pub failed: u64,
    /// Devices of which neither is known: their rows are missing, not final, cancelled or unreadable. They are
    /// those that the hub counts, or those of a [list of devices](crate::types::JobRequest::for_devices).
    pub without_result: u64,
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
    /// The devices of a [list](crate::types::JobRequest::for_devices) that have no readable row: not registered, or
    /// not reported yet.
    pub devices_without_row: Vec<String>,
}

impl JobReport {
    fn of(job: JobResponse) -> Self {
        Self { jobs: vec![job], ..Self::default() }
    }

    /// Returns the ids of the jobs, for calls on one of them.
    pub fn job_ids(&self) -> impl Iterator<Item = &str> {
        self.jobs.iter().map(JobResponse::id)
    }

    /// Returns the outcome by the rows: unlike [`JobResponse::outcome`], it counts a device that answered
    /// with a failure as failed. If the hub's statistics count more failed devices than the rows show, they
    /// count. A job that completed without a known failure succeeded only if the hub counts its devices and each of
    /// them has a [result](Self::without_result). Of several jobs it is the worst outcome.
    pub fn outcome(&self) -> JobOutcome {
        let outcomes = || self.jobs.iter().map(JobResponse::outcome);
        if self.jobs.is_empty() {
            return JobOutcome::Unknown;
        }
        if let Some(worst) = WORST.into_iter().find(|worst| outcomes().any(|outcome| outcome == *worst)) {
            return worst;
        }
        let failed_jobs: u64 = self.jobs.iter().map(|job| u64::from(job.counts().failed)).sum();
        match self.failed.max(failed_jobs) {
            0 if self.jobs.iter().any(|job| job.device_count().is_none()) => JobOutcome::Incomplete(None),
            0 if self.devices == 0 && outcomes().all(|one| one == JobOutcome::NoDevices) => {
                JobOutcome::NoDevices
            }
            0 if self.without_result > 0 => JobOutcome::Incomplete(Some(to_u32(self.without_result))),
            0 => JobOutcome::Succeeded,
            failed => JobOutcome::CompletedWithFailures(to_u32(failed)),
        }
    }

    /// Lists all failed devices of the jobs, like [`Client::failed_devices`], and then the
    /// [devices of a list without a row](Self::devices_without_row).
    pub fn failed_devices(
        &self,
        client: &Client,
    ) -> impl Stream<Item = Result<DeviceFailure, Error>> + Send + Unpin + use<> {
        let ids: Vec<String> = self.job_ids().map(str::to_owned).collect();
        let client = client.clone();
        let failures = stream::iter(ids).flat_map(move |id| client.failed_devices(&id));
        let without_row = self.devices_without_row.iter().map(|id| Ok(DeviceFailure::without_row(id)));
        failures.chain(stream::iter(without_row.collect::<Vec<_>>()))
    }

    /// Adds the report of other jobs. A device that is in both reports counts twice.
    pub fn merge(&mut self, other: Self) {
        self.jobs.extend(other.jobs);
        self.devices += other.devices;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.without_result += other.without_result;
        self.unreadable += other.unreadable;
        self.devices_without_row.extend(other.devices_without_row);
        self.uncategorized += other.uncategorized
            + merge_counts(&mut self.by_status, other.by_status)
            + merge_counts(&mut self.by_error_code, other.by_error_code)
            + merge_counts(&mut self.by_method_status, other.by_method_status);
        let room = NAMED_FAILURES.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
    }

    /// Adds a row of a job of this type.
    fn add(&mut self, row: &DeviceJob, job_type: Option<&JobType>) {
        self.devices += 1;
        self.succeeded += u64::from(row.is_success_of(job_type));
        let status = row.status.as_ref().map_or("unknown", |status| status.as_str());
        self.uncategorized += count(&mut self.by_status, status.to_owned(), 1);
        if let Some(code) = row.error.as_ref().and_then(|error| error.code.clone()) {
            self.uncategorized += count(&mut self.by_error_code, code, 1);
        }
        if let Some(status) = row.method_response().and_then(|response| response.status) {
            self.uncategorized += count(&mut self.by_method_status, status, 1);
        }
        if let Some(failure) = DeviceFailure::of_row(row) {
            self.failed += 1;
            if self.failures.len() < NAMED_FAILURES {
                self.failures.push(failure);
            }
        }
    }
}

fn to_u32(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Adds to the count of `key`. Returns the addition instead if there are too many keys already.
fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, addition: u64) -> u64 {
    let is_full = counts.len() >= CATEGORIES;
    match counts.entry(key) {
        Entry::Occupied(mut count) => *count.get_mut() += addition,
        Entry::Vacant(_) if is_full => return addition,
        Entry::Vacant(count) => drop(count.insert(addition)),
    }
    0
}

/// Adds the counts of another report. Returns how many were not counted.
fn merge_counts<K: Ord>(counts: &mut BTreeMap<K, u64>, others: BTreeMap<K, u64>) -> u64 {
    others.into_iter().map(|(key, addition)| count(counts, key, addition)).sum()
}

#[cfg(test)]
mod tests;
