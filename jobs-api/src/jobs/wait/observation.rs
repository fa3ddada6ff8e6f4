//! The observation of a job over several polls.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::error::Error;
use crate::generated::types::{JobResponse, JobStatus};
use crate::jobs::outcome::JobOutcome;
use crate::runtime::Timestamp;

/// Consecutive polls that may fail, each after all of its retries.
const FAILED_POLLS: u32 = 5;
/// Consecutive polls that may find the job in an unknown state.
const UNKNOWN_POLLS: u32 = 3;

/// A callback that receives each state of a job that differs from the previous one.
pub(super) type OnProgress<'a> = Box<dyn FnMut(&JobResponse) + Send + 'a>;

/// The states of a job, as far as polls have shown them.
#[derive(Default)]
pub(super) struct Observation {
    current: Option<JobResponse>,
    /// The error of the last poll.
    error: Option<Error>,
    failed_polls: u32,
    unknown_polls: u32,
    is_final: bool,
    /// The first poll that showed devices, and how many of them were done.
    first: Option<(Instant, u32)>,
}

impl Observation {
    /// Adds the result of a poll. Returns true if the state of the job has changed.
    pub(super) fn add(&mut self, result: Result<JobResponse, Error>) -> bool {
        match result {
            Ok(job) => {
                (self.error, self.failed_polls) = (None, 0);
                let is_unknown = job.outcome() == JobOutcome::Unknown;
                self.unknown_polls = if is_unknown { self.unknown_polls + 1 } else { 0 };
                self.is_final = job.outcome().is_final() || self.unknown_polls >= UNKNOWN_POLLS;
                let counts = job.counts();
                if counts.total > 0 {
                    self.first
                        .get_or_insert((Instant::now(), counts.succeeded.saturating_add(counts.failed)));
                }
                let has_changed = self.current.as_ref() != Some(&job);
                self.current = Some(job);
                has_changed
            }
            Err(error) => {
                self.failed_polls += 1;
                self.is_final = !error.is_retryable() || self.failed_polls >= FAILED_POLLS;
                self.error = Some(error);
                false
            }
        }
    }

    /// Returns the latest state of the job.
    pub(super) fn current(&self) -> Option<&JobResponse> {
        self.current.as_ref()
    }

    /// Returns true if further polls would change nothing.
    pub(super) fn is_final(&self) -> bool {
        self.is_final
    }

    /// Returns the time until the job starts by the hub's clock; zero if it is not scheduled for later.
    pub(super) fn time_to_start(&self, now: DateTime<Utc>) -> Duration {
        let is_waiting = |job: &&JobResponse| {
            matches!(job.status, Some(JobStatus::Queued | JobStatus::Enqueued | JobStatus::Scheduled))
        };
        let job = self.current().filter(is_waiting);
        let start = job.and_then(|job| job.start_time.as_ref()).and_then(Timestamp::to_utc);
        start.and_then(|start| (start - now).to_std().ok()).unwrap_or_default()
    }

    /// Returns how many devices of the job are left.
    pub(super) fn devices_left(&self) -> u32 {
        let counts = self.current.as_ref().map(JobResponse::counts).unwrap_or_default();
        counts.total.saturating_sub(counts.succeeded.saturating_add(counts.failed))
    }

    /// Returns the time until the last device is done, by how fast the others were.
    pub(super) fn time_to_end(&self) -> Option<Duration> {
        let (start, done_then) = self.first?;
        let counts = self.current.as_ref()?.counts();
        let done = counts.succeeded.saturating_add(counts.failed).checked_sub(done_then)?;
        let rate = f64::from(done) / start.elapsed().as_secs_f64().max(1e-3);
        (done > 0).then(|| Duration::try_from_secs_f64(f64::from(self.devices_left()) / rate).ok())?
    }

    /// Returns the error that ends the wait: that of the last poll, if it is final or the job was never
    /// seen.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        if self.is_final || self.current.is_none() { self.error.take() } else { None }
    }

    /// Returns the latest state of the job, or the error that ended the wait. A job that was never polled
    /// has its id alone.
    pub(super) fn into_result(mut self, id: String) -> Result<JobResponse, Error> {
        match self.take_error() {
            Some(error) => Err(error),
            None => {
                Ok(self.current.unwrap_or_else(|| JobResponse { job_id: Some(id), ..Default::default() }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Result<JobResponse, Error> {
        Ok(JobResponse { status: Some(JobStatus::Running), ..JobResponse::default() })
    }

    #[test]
    fn only_consecutive_failures_end_the_wait() {
        let mut observation = Observation::default();
        observation.add(running());
        for _ in 0..3 {
            for _ in 1..FAILED_POLLS {
                observation.add(Err(Error::from_status(503, "")));
            }
            assert!(!observation.is_final());
            observation.add(running());
        }
        for _ in 0..FAILED_POLLS {
            observation.add(Err(Error::from_status(503, "")));
        }
        assert!(observation.is_final() && observation.take_error().is_some());
    }

    /// Returns a running job of 100 devices, so many of which are done.
    fn with_done(done: u32) -> Result<JobResponse, Error> {
        let json = format!(
            r#"{{"status":"running","deviceJobStatistics":{{"deviceCount":100,"succeededCount":{done}}}}}"#
        );
        Ok(serde_json::from_str(&json).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn end_is_expected_by_how_fast_devices_are_done() {
        let mut observation = Observation::default();
        for (done, time_to_end) in [(10, None), (30, Some(70)), (50, Some(50))] {
            observation.add(with_done(done));
            assert_eq!(
                observation.time_to_end(),
                time_to_end.map(Duration::from_secs),
                "{done} devices done"
            );
            tokio::time::advance(Duration::from_secs(20)).await;
        }
    }

    #[test]
    fn start_that_is_ahead_is_waited_for_unless_the_job_runs() {
        let now = DateTime::UNIX_EPOCH;
        for (status, time_to_start) in [("scheduled", 60), ("queued", 60), ("running", 0)] {
            let mut observation = Observation::default();
            let json = format!(r#"{{"status":"{status}","startTime":"1970-01-01T00:01:00Z"}}"#);
            observation.add(Ok(serde_json::from_str(&json).unwrap()));
            assert_eq!(observation.time_to_start(now), Duration::from_secs(time_to_start), "{status}");
        }
    }

    #[test]
    fn only_unknown_states_in_a_row_end_the_wait() {
        let mut observation = Observation::default();
        for _ in 0..UNKNOWN_POLLS {
            observation.add(running());
        }
        assert!(!observation.is_final());
        for _ in 0..UNKNOWN_POLLS {
            observation.add(Ok(JobResponse::default()));
        }
        assert!(observation.is_final());
    }

    #[test]
    fn job_that_was_never_polled_has_its_id() {
        let job = Observation::default().into_result("reboot-43".to_owned()).unwrap();
        assert_eq!(job.job_id.as_deref(), Some("reboot-43"));
    }

    #[test]
    fn permanent_failure_ends_the_wait_at_once() {
        let mut observation = Observation::default();
        observation.add(Err(Error::from_status(404, "")));
        assert!(observation.is_final());
    }
}
