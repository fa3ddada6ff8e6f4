//! Outcomes: of a job, and of a job on one device.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::generated::types::{
    CloudToDeviceMethodResult, DeviceJob, DeviceJobStatus, JobResponse, JobStatus, JobType,
};

/// The outcome of a job by its status and statistics.
///
/// The hub counts a device as succeeded once it was reached, whatever it answered:
/// [`JobReport`](crate::JobReport) looks into the answers.
///
/// ```
/// # fn example(report: jobs_api::JobReport) {
/// use jobs_api::JobOutcome;
///
/// match report.outcome() {
///     JobOutcome::Succeeded => println!("done on every device"),
///     JobOutcome::CompletedWithFailures(count) => println!("{count} devices failed"),
///     other => println!("{other}"),
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum JobOutcome {
    /// The job completed and reached every device, of which there is at least one. Of a [`JobResponse`], this
    /// says nothing about the devices' answers; of a [`JobReport`](crate::JobReport), each device has a row,
    /// and none answered with a failure.
    Succeeded,
    /// The job completed, but did not reach this many devices. Of a [`JobReport`](crate::JobReport), the
    /// devices that answered with a failure are included.
    CompletedWithFailures(u32),
    /// The job completed and no failure is known, but the results of this many devices are missing: whether it
    /// succeeded there is unknown. `None` if the hub does not count the devices of the job.
    Incomplete(Option<u32>),
    /// The job completed, and its condition selected no device.
    NoDevices,
    /// The job failed as a whole; its `failure_reason` says why.
    Failed,
    /// The job was cancelled.
    Cancelled,
    /// The job has not ended.
    Pending,
    /// The hub does not show the job.
    Unknown,
}

impl JobOutcome {
    /// Returns true if the job has ended.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Unknown)
    }
}

impl fmt::Display for JobOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Succeeded => "succeeded",
            Self::CompletedWithFailures(1) => "completed with 1 failed device",
            Self::CompletedWithFailures(count) => return write!(f, "completed with {count} failed devices"),
            Self::Incomplete(None) => "completed without a count of its devices",
            Self::Incomplete(Some(1)) => "completed without the result of 1 device",
            Self::Incomplete(Some(count)) => {
                return write!(f, "completed without the results of {count} devices");
            }
            Self::NoDevices => "completed, but selected no device",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
        })
    }
}

/// How many devices of a job are in each state. A count that the hub leaves out is 0.
///
/// ```
/// # fn example(job: jobs_api::types::JobResponse) {
/// let counts = job.counts();
/// println!("{} of {} devices reached", counts.succeeded, counts.total);
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct DeviceCounts {
    /// Devices that the job selected.
    pub total: u32,
    /// Devices on which the job has not started.
    pub pending: u32,
    /// Devices on which the job runs.
    pub running: u32,
    /// Devices that the job reached, whatever they answered.
    pub succeeded: u32,
    /// Devices that the job did not reach.
    pub failed: u32,
}

impl JobResponse {
    /// Returns the job's id; empty if the hub left it out.
    pub fn id(&self) -> &str {
        self.job_id.as_deref().unwrap_or_default()
    }

    /// Returns how many devices are in each state; all 0 until the job runs.
    pub fn counts(&self) -> DeviceCounts {
        let statistics = self.device_job_statistics.clone().unwrap_or_default();
        let count = |count: Option<i32>| u32::try_from(count.unwrap_or_default()).unwrap_or_default();
        DeviceCounts {
            total: self.device_count().unwrap_or_default(),
            pending: count(statistics.pending_count),
            running: count(statistics.running_count),
            succeeded: count(statistics.succeeded_count),
            failed: count(statistics.failed_count),
        }
    }

    /// Returns the outcome by the status and the statistics: see [`JobOutcome`] for what these leave out.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// let job = client.get_scheduled_job("reboot-43").await?;
    /// if job.outcome().is_final() {
    ///     println!("{}: {}", job.id(), job.outcome());
    /// } else {
    ///     let counts = job.counts();
    ///     println!("{}: {} devices left", job.id(), counts.pending + counts.running);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn outcome(&self) -> JobOutcome {
        match &self.status {
            Some(status) if is_cancelled(status.as_str()) => JobOutcome::Cancelled,
            Some(JobStatus::Completed) => self.outcome_of_completed(),
            Some(JobStatus::Failed) => JobOutcome::Failed,
            Some(JobStatus::Unknown) | None => JobOutcome::Unknown,
            Some(_) => JobOutcome::Pending,
        }
    }

    /// Returns true if the hub shows the state of the job: it answers `unknown` for an id that it does not know, for a
    /// job that was just created, and for an import or export job.
    pub(crate) fn is_shown(&self) -> bool {
        self.outcome() != JobOutcome::Unknown
    }

    /// Returns how many devices the job selected; `None` if the hub does not report it.
    pub(crate) fn device_count(&self) -> Option<u32> {
        let statistics = self.device_job_statistics.as_ref()?;
        u32::try_from(statistics.device_count?).ok()
    }

    /// Returns the outcome of a completed job: a success needs a count of devices that all succeeded.
    fn outcome_of_completed(&self) -> JobOutcome {
        let DeviceCounts { succeeded, failed, .. } = self.counts();
        match self.device_count() {
            _ if failed > 0 => JobOutcome::CompletedWithFailures(failed),
            None => JobOutcome::Incomplete(None),
            Some(0) if succeeded == 0 => JobOutcome::NoDevices,
            Some(total) if succeeded < total => JobOutcome::Incomplete(Some(total - succeeded)),
            Some(_) => JobOutcome::Succeeded,
        }
    }
}

impl DeviceJob {
    /// Returns the device's id; empty if the hub left it out.
    pub fn id(&self) -> &str {
        self.device_id.as_deref().unwrap_or_default()
    }

    /// Returns the device's answer to the direct method, if there is one.
    pub fn method_response(&self) -> Option<CloudToDeviceMethodResult> {
        let outcome = self.outcome.as_ref()?;
        // Some rows have the answer directly in `outcome`.
        let direct =
            |status| CloudToDeviceMethodResult { status: Some(status), payload: outcome.payload.clone() };
        outcome.device_method_response.clone().or_else(|| outcome.status.map(direct))
    }

    /// Returns true if the job did its work on this device.
    ///
    /// The row is `completed`, which says that the device was reached; and the device's answer to a method has a
    /// status of 200 to 299. A row of a method job without an answer is no success.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut rows = client.query_device_jobs("reboot-43");
    /// while let Some(row) = rows.try_next().await? {
    ///     if row.is_success() {
    ///         println!("{}: {:?}", row.id(), row.method_response());
    ///     } else if let Some(reason) = row.failure() {
    ///         println!("{}: {reason}", row.id());
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_success(&self) -> bool {
        self.is_success_of(None)
    }

    /// Returns true like [`is_success`](Self::is_success), for a row of a job of this type, which the row may leave out.
    pub(crate) fn is_success_of(&self, job_type: Option<&JobType>) -> bool {
        let is_method = self.job_type.as_ref().or(job_type) == Some(&JobType::ScheduleDeviceMethod);
        let status = self.method_response().and_then(|response| response.status);
        self.status == Some(DeviceJobStatus::Completed)
            && status.map_or(!is_method, |status| (200..300).contains(&status))
    }

    /// Returns true if the job has ended on this device: it completed, failed or was cancelled there.
    pub fn is_final(&self) -> bool {
        matches!(self.status, Some(DeviceJobStatus::Completed | DeviceJobStatus::Failed))
            || self.is_cancelled()
    }

    /// Returns true if the job was cancelled on this device, in either spelling.
    pub fn is_cancelled(&self) -> bool {
        self.status.as_ref().is_some_and(|status| is_cancelled(status.as_str()))
    }

    /// Returns the reason why the job failed on this device; `None` if it succeeded or has not ended there.
    pub fn failure(&self) -> Option<String> {
        if self.status == Some(DeviceJobStatus::Completed) {
            let response = self.method_response().filter(|_| !self.is_success())?;
            let status = response.status?;
            let payload = response.payload.filter(|payload| !payload.is_null());
            let payload = payload.map(|payload| format!(": {payload}")).unwrap_or_default();
            return Some(format!("the device answered {status}{payload}"));
        }
        if self.status != Some(DeviceJobStatus::Failed) {
            return None;
        }
        let error = self.error.clone().unwrap_or_default();
        let parts = [error.code, error.description].into_iter().flatten();
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        Some(if parts.is_empty() { "the hub gives no reason".into() } else { parts.join(": ") })
    }
}

impl CloudToDeviceMethodResult {
    /// Reads the payload as a value of `T`; an absent payload reads as null.
    ///
    /// ```
    /// # fn example(row: jobs_api::types::DeviceJob) -> Result<(), jobs_api::Error> {
    /// #[derive(serde::Deserialize)]
    /// struct Rebooted {
    ///     uptime: u64,
    /// }
    ///
    /// if let Some(response) = row.method_response() {
    ///     println!("up for {} seconds", response.payload_as::<Rebooted>()?.uptime);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPayload`] if the payload is of another type.
    pub fn payload_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(self.payload.as_ref().unwrap_or(&Value::Null)).map_err(Error::InvalidPayload)
    }
}

/// Returns true for both spellings that the service uses.
fn is_cancelled(status: &str) -> bool {
    ["cancelled", "canceled"].iter().any(|spelling| spelling.eq_ignore_ascii_case(status))
}

#[cfg(test)]
mod tests;
