//! What a job has done so far, on how many devices, and why not on the others.

use std::collections::BTreeMap;

use futures_util::stream::TryStreamExt as _;

use crate::client::Client;
use crate::error::Error;
use crate::types::{DeviceJob, JobResponse};

/// How many failed devices a report names: what a person reads, and little memory for a large fleet.
const NAMED_FAILURES: usize = 1000;

/// A job and its rows, counted.
///
/// The counts are exact; of the devices that failed the first 1,000 are named. For all of them list the
/// rows: [`Client::query_device_jobs`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct JobReport {
    /// The job as it stood before its rows were read.
    pub job: JobResponse,
    /// How many devices have a row.
    pub devices: u64,
    /// On how many it succeeded: [`DeviceJob::is_success`].
    pub succeeded: u64,
    /// On how many it did not: the hub's failures, and devices that answered so.
    pub failed: u64,
    /// How many rows there are in each status.
    pub by_status: BTreeMap<String, u64>,
    /// How many rows failed with each code.
    pub by_error_code: BTreeMap<String, u64>,
    /// How many devices answered a method with each status of their own.
    pub by_method_status: BTreeMap<i32, u64>,
    /// The devices it did not succeed on, at most 1,000.
    pub failures: Vec<DeviceFailure>,
}

/// A device on which a job did not succeed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeviceFailure {
    /// The device.
    pub device_id: String,
    /// The hub's reason, or the device's own answer.
    pub reason: String,
}

impl JobReport {
    pub(crate) async fn read(client: &Client, id: &str) -> Result<Self, Error> {
        let job = client.get_scheduled_job(id).await?;
        let report = Self { job, ..Self::default() };
        let count = |mut report: Self, row: DeviceJob| async move {
            report.count(&row);
            Ok(report)
        };
        client.query_device_jobs(id).try_fold(report, count).await
    }

    fn count(&mut self, row: &DeviceJob) {
        self.devices += 1;
        self.succeeded += u64::from(row.is_success());
        let status = row.status.as_ref().map_or("unknown", |status| status.as_str());
        add(&mut self.by_status, status);
        if let Some(code) = row.error.as_ref().and_then(|error| error.code.as_deref()) {
            add(&mut self.by_error_code, code);
        }
        if let Some(status) = row.method_response().and_then(|response| response.status) {
            *self.by_method_status.entry(status).or_default() += 1;
        }
        if let Some(reason) = row.failure() {
            self.failed += 1;
            if self.failures.len() < NAMED_FAILURES {
                let device_id = row.device_id.clone().unwrap_or_default();
                self.failures.push(DeviceFailure { device_id, reason });
            }
        }
    }
}

/// Counts one more of `key`, which is copied the first time only.
fn add(counts: &mut BTreeMap<String, u64>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => drop(counts.insert(key.to_owned(), 1)),
    }
}
