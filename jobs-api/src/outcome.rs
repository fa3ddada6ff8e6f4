//! What came of a job, and of a job on one device.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;
use crate::types::{CloudToDeviceMethodResult, DeviceJob, DeviceJobStatus, JobResponse, JobStatus};

/// What came of a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JobOutcome {
    /// It completed, and no device failed.
    Succeeded,
    /// It completed, but on this many devices it failed.
    CompletedWithFailures(u32),
    /// It failed as a whole; see `failure_reason`.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It has not ended.
    Pending,
    /// The hub does not tell: an import or export job, or one that it does not show yet.
    Unknown,
}

impl JobOutcome {
    /// Whether the job has ended, in whatever way.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Unknown)
    }
}

impl JobResponse {
    /// What came of the job, by its status and statistics.
    ///
    /// A device that was reached counts as succeeded whatever it answered: see
    /// [`DeviceJob::is_success`] and [`Client::job_report`](crate::Client::job_report).
    pub fn outcome(&self) -> JobOutcome {
        let failed = self.device_job_statistics.as_ref().and_then(|statistics| statistics.failed_count);
        match &self.status {
            Some(JobStatus::Completed) => match failed.and_then(|failed| u32::try_from(failed).ok()) {
                None | Some(0) => JobOutcome::Succeeded,
                Some(failed) => JobOutcome::CompletedWithFailures(failed),
            },
            Some(JobStatus::Failed) => JobOutcome::Failed,
            Some(JobStatus::Cancelled) => JobOutcome::Cancelled,
            // The service spells it with one l in places.
            Some(JobStatus::UnknownValue(text)) if text.eq_ignore_ascii_case("canceled") => {
                JobOutcome::Cancelled
            }
            Some(JobStatus::Unknown) | None => JobOutcome::Unknown,
            Some(_) => JobOutcome::Pending,
        }
    }
}

impl DeviceJob {
    /// What the device answered to the direct method, if it did.
    pub fn method_response(&self) -> Option<CloudToDeviceMethodResult> {
        let outcome = self.outcome.as_ref()?;
        let bare = || {
            let answer =
                CloudToDeviceMethodResult { status: outcome.status, payload: outcome.payload.clone() };
            answer.status.is_some().then_some(answer)
        };
        outcome.device_method_response.clone().or_else(bare)
    }

    /// Whether the job did on this device what it was to do.
    ///
    /// The row must be `completed`, which says that the device was reached; and if it answered a
    /// method, its own status must be 200 to 299, as is the custom.
    pub fn is_success(&self) -> bool {
        let status = self.method_response().and_then(|response| response.status);
        self.status == Some(DeviceJobStatus::Completed)
            && status.is_none_or(|status| (200..300).contains(&status))
    }

    /// Whether the job was cancelled on this device, in either spelling.
    pub fn is_cancelled(&self) -> bool {
        match &self.status {
            Some(DeviceJobStatus::UnknownValue(text)) => text.eq_ignore_ascii_case("cancelled"),
            status => *status == Some(DeviceJobStatus::Canceled),
        }
    }

    /// Why the job did not succeed on this device; `None` when it did, or has not ended there.
    pub fn failure(&self) -> Option<String> {
        if self.status == Some(DeviceJobStatus::Completed) {
            let response = self.method_response().filter(|_| !self.is_success())?;
            let payload = response.payload.filter(|payload| !payload.is_null());
            let payload = payload.map(|payload| format!(": {payload}")).unwrap_or_default();
            return Some(format!("the device answered {}{payload}", response.status.unwrap_or_default()));
        }
        if self.status != Some(DeviceJobStatus::Failed) {
            return None;
        }
        let error = self.error.clone().unwrap_or_default();
        let parts: Vec<String> = [error.code, error.description].into_iter().flatten().collect();
        Some(if parts.is_empty() { "the hub gives no reason".into() } else { parts.join(": ") })
    }
}

impl CloudToDeviceMethodResult {
    /// Reads the payload as a type of your own; an absent one as null.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPayload`] when the payload is not of that type.
    pub fn payload_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(self.payload.as_ref().unwrap_or(&Value::Null)).map_err(Error::InvalidPayload)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::CloudToDeviceMethod;

    fn job(body: Value) -> JobOutcome {
        serde_json::from_value::<JobResponse>(body).unwrap().outcome()
    }

    fn row(body: Value) -> DeviceJob {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn the_outcomes_of_a_job_are_told_apart() {
        let completed =
            |failed| json!({ "status": "completed", "deviceJobStatistics": { "failedCount": failed } });
        assert_eq!(job(completed(0)), JobOutcome::Succeeded);
        assert_eq!(job(json!({ "status": "completed" })), JobOutcome::Succeeded);
        assert_eq!(job(completed(3)), JobOutcome::CompletedWithFailures(3));
        assert_eq!(job(json!({ "status": "failed" })), JobOutcome::Failed);
        for status in ["cancelled", "canceled"] {
            assert_eq!(job(json!({ "status": status })), JobOutcome::Cancelled);
        }
        for status in ["queued", "enqueued", "scheduled", "running", "paused"] {
            assert_eq!(job(json!({ "status": status })), JobOutcome::Pending);
        }
        for unknown in [json!({}), json!({ "status": "unknown" })] {
            assert_eq!(job(unknown), JobOutcome::Unknown);
        }
    }

    #[test]
    fn a_device_that_answers_404_is_no_success() {
        let answered = |status| json!({ "status": "completed", "outcome": { "deviceMethodResponse": { "status": status, "payload": "no" } } });
        assert!(row(answered(200)).is_success());
        assert!(!row(answered(404)).is_success());
        assert_eq!(row(answered(404)).failure().unwrap(), "the device answered 404: \"no\"");
        let bare = row(json!({ "status": "completed", "outcome": { "status": 500, "payload": null } }));
        assert_eq!(bare.failure().unwrap(), "the device answered 500");
        for outcome in [json!({}), json!({ "deviceMethodResponse": null }), json!(null)] {
            assert!(row(json!({ "status": "completed", "outcome": outcome })).is_success());
        }
    }

    #[test]
    fn a_failed_row_tells_why() {
        let error = json!({ "code": "JobRunPreconditionFailed", "description": "offline" });
        let failed = row(json!({ "status": "failed", "outcome": {}, "error": error }));
        assert_eq!(failed.failure().unwrap(), "JobRunPreconditionFailed: offline");
        assert_eq!(row(json!({ "status": "failed" })).failure().unwrap(), "the hub gives no reason");
        assert_eq!(row(json!({ "status": "pending" })).failure(), None);
        assert!(
            row(json!({ "status": "canceled" })).is_cancelled()
                && row(json!({ "status": "Cancelled" })).is_cancelled()
        );
    }

    #[test]
    fn a_payload_of_a_type_is_written_as_json() {
        let method = CloudToDeviceMethod::new("m").with_payload_of(&[Some(1), None]).unwrap();
        assert_eq!(method.payload, Some(json!([1, null])));
        let unwritable = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert!(CloudToDeviceMethod::new("m").with_payload_of(&unwritable).is_err());
    }

    #[test]
    fn a_payload_is_read_as_a_type() {
        let response =
            row(json!({ "outcome": { "deviceMethodResponse": { "payload": [1, 2] } } })).method_response();
        let response = response.unwrap();
        assert_eq!(response.payload_as::<Vec<i32>>().unwrap(), [1, 2]);
        assert!(response.payload_as::<String>().is_err());
        assert_eq!(CloudToDeviceMethodResult::default().payload_as::<Option<i32>>().unwrap(), None);
    }
}
