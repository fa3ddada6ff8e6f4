//! Failures of a job on single devices.

use std::fmt;

use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::error::text::one_line;
use crate::generated::types::{DeviceJob, DeviceJobStatus};
use crate::runtime::UnreadableRow;

/// Characters of a reason that are kept.
pub(super) const REASON_LENGTH: usize = 1000;

/// A device on which a job failed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DeviceFailure {
    /// The device; empty if the hub left it out.
    pub device_id: String,
    /// The kind of the failure.
    pub kind: FailureKind,
    /// The hub's reason, or the device's answer; at most 1,000 characters.
    pub reason: String,
}

/// The kind of a failure on a device.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum FailureKind {
    /// The hub did not reach the device within the time limit of the job: `JobRunPreconditionFailed`, or
    /// `DeviceNotOnline`.
    Unreachable,
    /// The device answered a direct method with this status, which is not one of 200 to 299.
    Answered(i32),
    /// The hub failed the job on the device with another error, or without one.
    Refused,
    /// The job has no row for the device of a list: it is not registered, or not reported yet.
    NoRow,
    /// The row is not as the spec describes it. Whether the job succeeded on the device is unknown.
    Unreadable,
}

impl DeviceFailure {
    /// Returns the failure that a row shows; `None` if the job succeeded or has not ended on the device.
    pub fn of_row(row: &DeviceJob) -> Option<Self> {
        Some(Self::new(row.id(), kind(row), &row.failure()?))
    }

    pub(super) fn without_row(device_id: &str) -> Self {
        Self::new(device_id, FailureKind::NoRow, "the job has no row for the device")
    }

    pub(super) fn unreadable(row: &UnreadableRow) -> Self {
        let shown: Value = serde_json::from_str(&row.text).unwrap_or_default();
        Self::new(shown["deviceId"].as_str().unwrap_or_default(), FailureKind::Unreadable, &row.reason)
    }

    fn new(device_id: &str, kind: FailureKind, reason: &str) -> Self {
        let reason = match reason.char_indices().nth(REASON_LENGTH) {
            Some((end, _)) => format!("{}…", &reason[..end]),
            None => reason.to_owned(),
        };
        Self { device_id: device_id.to_owned(), kind, reason }
    }
}

/// Returns the kind of the failure of a row that shows one.
fn kind(row: &DeviceJob) -> FailureKind {
    let answer = row.method_response().and_then(|response| response.status);
    let code = row.error.as_ref().and_then(|error| error.code.as_deref());
    match (answer, code) {
        (Some(status), _) if row.status == Some(DeviceJobStatus::Completed) => FailureKind::Answered(status),
        (_, Some("JobRunPreconditionFailed" | "DeviceNotOnline")) => FailureKind::Unreachable,
        _ => FailureKind::Refused,
    }
}

/// Shows one line, whatever the device answered.
impl fmt::Display for DeviceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", one_line(&self.device_id), one_line(&self.reason))
    }
}

impl Client {
    /// Lists the devices on which a job failed: those that the hub did not reach, those that answered with a failure,
    /// and those whose rows cannot be read.
    ///
    /// The hub cannot select them, so every row of the job is read, page by page in constant memory. The rows of a
    /// job that has just ended may lag behind it: a [report](crate::WaitForJob::report) waits for them.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut failed = client.failed_devices("reboot-43");
    /// while let Some(failure) = failed.try_next().await? {
    ///     println!("{failure} ({:?})", failure.kind);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`get_scheduled_job`](Self::get_scheduled_job), as for an unknown job, and of
    /// [`query_device_jobs`](Self::query_device_jobs).
    pub fn failed_devices(
        &self,
        job_id: &str,
    ) -> impl Stream<Item = Result<DeviceFailure, Error>> + Send + Unpin + use<> {
        let (client, job_id) = (self.clone(), job_id.to_owned());
        // The job is read first: an unknown one has no rows either.
        let rows = async move {
            let job = client.get_scheduled_job(&job_id).await;
            job.map(|_| client.query_device_jobs(&job_id))
        };
        let failures = stream::once(rows).try_flatten().filter_map(async |row| match row {
            Ok(row) => DeviceFailure::of_row(&row).map(Ok),
            Err(Error::UnreadableRow(row)) => Some(Ok(DeviceFailure::unreadable(&row))),
            Err(error) => Some(Err(error)),
        });
        failures.boxed()
    }
}
