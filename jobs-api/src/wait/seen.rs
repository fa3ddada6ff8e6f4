//! What the polls of a job have shown.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::Timestamp;
use crate::error::Error;
use crate::outcome::JobOutcome;
use crate::types::{JobResponse, JobStatus};

/// How many polls in a row may fail, each after all of its retries.
const FAILED_POLLS: u32 = 5;
/// How many polls in a row may find a job that the hub does not tell of.
const UNKNOWN_POLLS: u32 = 3;

#[derive(Default)]
pub(super) struct Seen {
    last: Option<JobResponse>,
    /// The error of the last poll.
    error: Option<Error>,
    failed: u32,
    unknown: u32,
    is_over: bool,
}

impl Seen {
    /// Takes what a poll showed: true when the job is in another state than before.
    pub(super) fn take(&mut self, answer: Result<JobResponse, Error>) -> bool {
        match answer {
            Ok(job) => {
                (self.error, self.failed) = (None, 0);
                self.unknown = if job.outcome() == JobOutcome::Unknown { self.unknown + 1 } else { 0 };
                self.is_over = job.outcome().is_final() || self.unknown >= UNKNOWN_POLLS;
                let is_changed = self.last.as_ref().is_none_or(|last| differ(last, &job));
                self.last = Some(job);
                is_changed
            }
            Err(error) => {
                self.failed += 1;
                self.is_over = !error.is_retryable() || self.failed >= FAILED_POLLS;
                self.error = Some(error);
                false
            }
        }
    }

    /// The state that the job was seen in last.
    pub(super) fn last(&self) -> Option<&JobResponse> {
        self.last.as_ref()
    }

    /// Whether another poll would bring nothing.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// How long it is until the job starts by the hub's clock, if it is scheduled for later.
    pub(super) fn until_start(&self, now: DateTime<Utc>) -> Duration {
        let is_ahead = |job: &&JobResponse| {
            matches!(job.status, Some(JobStatus::Queued | JobStatus::Enqueued | JobStatus::Scheduled))
        };
        let job = self.last().filter(is_ahead);
        let start = job.and_then(|job| job.start_time.as_ref()).and_then(Timestamp::to_utc);
        start.and_then(|start| (start - now).to_std().ok()).unwrap_or_default()
    }

    /// The error that the wait ends with, if it does: that of the last poll, if it leaves nothing to
    /// wait for or the job was never seen.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        if self.is_over || self.last.is_none() { self.error.take() } else { None }
    }

    /// The job as it was seen last, or the error in its place; of a job that was never polled its id.
    pub(super) fn into_result(mut self, id: String) -> Result<JobResponse, Error> {
        match self.take_error() {
            Some(error) => Err(error),
            None => Ok(self.last.unwrap_or_else(|| JobResponse { job_id: Some(id), ..Default::default() })),
        }
    }
}

/// Whether two states of a job differ in anything that is modelled.
fn differ(before: &JobResponse, after: &JobResponse) -> bool {
    serde_json::to_value(before).ok() != serde_json::to_value(after).ok()
}
