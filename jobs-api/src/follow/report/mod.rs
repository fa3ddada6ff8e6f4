//! Reports: a job and the sums over its rows.

pub(super) mod reader;

use std::borrow::Borrow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::text::one_line;
use crate::generated::types::{DeviceJob, DeviceJobStatistics, JobResponse};
use crate::jobs::outcome::JobOutcome;
use crate::runtime::Timestamp;

/// Failed devices that a report names. A person reads no more, and a large fleet needs little memory.
const NAMED_FAILURES: usize = 1000;
/// Characters of a failure's reason that are kept.
const REASON_LENGTH: usize = 1000;
/// Statuses, error codes and answers that a report counts separately, of each kind.
const CATEGORIES: usize = 100;

/// A job and the sums over its rows, one row for each device.
///
/// The hub writes the rows after it has counted the devices of the job. The report of a job that has ended is
/// therefore read again, for up to 30 seconds, until each device has a row that is final; so is one whose rows
/// cannot be read, for now or in part. A report that takes longer to read is read once.
/// [`without_result`](Self::without_result) says how many results are missing then, and the
/// [`outcome`](Self::outcome) is no success.
///
/// A row that the hub returns more than once counts once, as it came first. Rows are told apart by the ids of device
/// and module, and only from the first million: beyond those a repeated row counts each time, as if it were of
/// another device. Rows of modules without the id of the module cannot be told apart, and their report is no success.
///
/// The memory is bounded: the first 1,000 failed devices are named, and the first 100 statuses, error codes and
/// answers are counted separately. List the rows for all of them:
/// [`Client::query_device_jobs`](crate::Client::query_device_jobs).
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
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct JobReport {
    /// The job, read before its rows. Of a [list of devices](crate::types::JobRequest::for_devices) that took
    /// several jobs, the one of the worst outcome, with the id of the request and the statistics of all.
    pub job: JobResponse,
    /// Devices that have a row.
    pub devices: u64,
    /// Devices on which the job succeeded: [`DeviceJob::is_success`].
    pub succeeded: u64,
    /// Devices on which the job failed: not reached, or answered with a failure.
    pub failed: u64,
    /// Devices of which neither is known: their rows are missing, not final, cancelled or unreadable. They are
    /// those that the hub counts; for a [list of devices](crate::types::JobRequest::for_devices) with the condition
    /// `*`, those of the list.
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
    /// The devices of a [list](crate::types::JobRequest::for_devices) that have no readable row: not registered, not
    /// selected by the condition, or not reported yet.
    pub devices_without_row: Vec<String>,
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

/// Shows one line, whatever the device answered.
impl std::fmt::Display for DeviceFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", one_line(&self.device_id), one_line(&self.reason))
    }
}

impl JobReport {
    /// Returns the outcome by the rows: unlike [`JobResponse::outcome`], it counts a device that answered
    /// with a failure as failed. If the hub's statistics count more failed devices than the rows show, they
    /// count. A job that completed without a known failure succeeded only if the hub counts its devices and each of
    /// them has a [result](Self::without_result).
    pub fn outcome(&self) -> JobOutcome {
        let outcome = self.job.outcome();
        let failed = to_u32(self.failed).max(self.job.counts().failed);
        match outcome {
            JobOutcome::Failed | JobOutcome::Cancelled | JobOutcome::Pending | JobOutcome::Unknown => outcome,
            _ if failed > 0 => JobOutcome::CompletedWithFailures(failed),
            JobOutcome::Incomplete(None) => outcome,
            JobOutcome::NoDevices if self.devices == 0 => outcome,
            _ if self.without_result > 0 => JobOutcome::Incomplete(Some(to_u32(self.without_result))),
            _ => JobOutcome::Succeeded,
        }
    }

    /// Adds the report of another job. The job becomes that of the worse outcome, with the statistics of both
    /// and the times from the first start to the last end.
    pub(super) fn merge(&mut self, other: Self) {
        merge_jobs(&mut self.job, other.job);
        self.devices += other.devices;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.without_result += other.without_result;
        self.unreadable += other.unreadable;
        self.devices_without_row.extend(other.devices_without_row);
        self.uncategorized += other.uncategorized
            + merge_counts(&mut self.by_status, &other.by_status)
            + merge_counts(&mut self.by_error_code, &other.by_error_code)
            + merge_counts(&mut self.by_method_status, &other.by_method_status);
        let room = NAMED_FAILURES - self.failures.len();
        self.failures.extend(other.failures.into_iter().take(room));
    }

    fn add(&mut self, row: &DeviceJob) {
        self.devices += 1;
        self.succeeded += u64::from(row.is_success_of(self.job.type_.as_ref()));
        let status = row.status.as_ref().map_or("unknown", |status| status.as_str());
        self.uncategorized += count(&mut self.by_status, status, 1);
        if let Some(code) = row.error.as_ref().and_then(|error| error.code.as_deref()) {
            self.uncategorized += count(&mut self.by_error_code, code, 1);
        }
        if let Some(status) = row.method_response().and_then(|response| response.status) {
            self.uncategorized += count(&mut self.by_method_status, &status, 1);
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

fn to_u32(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Adds to the count of `key`, which is copied the first time only. Returns the addition instead if there are
/// too many keys already.
fn count<Q, K>(counts: &mut BTreeMap<K, u64>, key: &Q, addition: u64) -> u64
where
    K: Borrow<Q> + Ord,
    Q: Ord + ToOwned<Owned = K> + ?Sized,
{
    let is_full = counts.len() == CATEGORIES;
    match counts.get_mut(key) {
        Some(count) => *count += addition,
        None if is_full => return addition,
        None => drop(counts.insert(key.to_owned(), addition)),
    }
    0
}

/// Adds the counts of another report. Returns how many found no place.
fn merge_counts<K: Ord + Clone>(counts: &mut BTreeMap<K, u64>, others: &BTreeMap<K, u64>) -> u64 {
    others.iter().map(|(key, addition)| count(counts, key, *addition)).sum()
}

fn merge_jobs(job: &mut JobResponse, other: JobResponse) {
    let statistics = merge_statistics(job.device_job_statistics.take(), other.device_job_statistics.clone());
    let created_time =
        known_times(job.created_time.take(), other.created_time.clone()).min_by_key(Timestamp::to_utc);
    let start_time =
        known_times(job.start_time.take(), other.start_time.clone()).min_by_key(Timestamp::to_utc);
    let end_time = known_times(job.end_time.take(), other.end_time.clone()).max_by_key(Timestamp::to_utc);
    if severity(other.outcome()) > severity(job.outcome()) {
        *job = other;
    }
    job.device_job_statistics = statistics;
    (job.created_time, job.start_time, job.end_time) = (created_time, start_time, end_time);
}

/// Ranks the outcomes of jobs, apart from their devices.
fn severity(outcome: JobOutcome) -> u8 {
    match outcome {
        JobOutcome::Failed => 4,
        JobOutcome::Cancelled => 3,
        JobOutcome::Unknown => 2,
        JobOutcome::Pending => 1,
        _ => 0,
    }
}

fn known_times(one: Option<Timestamp>, other: Option<Timestamp>) -> impl Iterator<Item = Timestamp> {
    [one, other].into_iter().flatten().filter(|time| time.to_utc().is_some())
}

/// Adds up the statistics of two jobs. The number of devices is known only if both jobs have one.
fn merge_statistics(
    one: Option<DeviceJobStatistics>,
    other: Option<DeviceJobStatistics>,
) -> Option<DeviceJobStatistics> {
    let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
    let sum = |one: Option<i32>, other: Option<i32>| match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    Some(DeviceJobStatistics {
        device_count: one.device_count.zip(other.device_count).map(|(one, other)| one.saturating_add(other)),
        failed_count: sum(one.failed_count, other.failed_count),
        pending_count: sum(one.pending_count, other.pending_count),
        running_count: sum(one.running_count, other.running_count),
        succeeded_count: sum(one.succeeded_count, other.succeeded_count),
    })
}

#[cfg(test)]
mod tests;
