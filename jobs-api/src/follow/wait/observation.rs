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

/// The states of a job that polls have shown.
#[derive(Default)]
pub(super) struct Observation {
    /// How long the hub may not know the job.
    not_found_after: Duration,
    /// The latest state.
    pub(super) current: Option<JobResponse>,
    /// The error of the last poll.
    error: Option<Error>,
    failed_polls: u32,
    /// The first of the latest polls in a row that did not show the job.
    unknown_since: Option<Instant>,
    /// Further polls would change nothing.
    pub(super) is_final: bool,
}

impl Observation {
    pub(super) fn new(not_found_after: Duration) -> Self {
        Self { not_found_after, ..Self::default() }
    }

    /// Adds the result of a poll: `None` if the hub does not show the job. Returns true if the state of the job has
    /// changed.
    pub(super) fn add(&mut self, result: Result<Option<JobResponse>, Error>) -> bool {
        match result {
            Ok(Some(job)) if job.outcome() != JobOutcome::Unknown => return self.add_state(job),
            Err(error) if !error.is_not_found() => {
                self.failed_polls += 1;
                self.is_final = !error.is_retryable() || self.failed_polls >= FAILED_POLLS;
                self.error = Some(error);
            }
            result => self.add_unknown(result),
        }
        false
    }

    fn add_state(&mut self, job: JobResponse) -> bool {
        (self.error, self.failed_polls, self.unknown_since) = (None, 0, None);
        self.is_final = job.outcome().is_final();
        let has_changed = self.current.as_ref() != Some(&job);
        self.current = Some(job);
        has_changed
    }

    /// Adds a poll that did not show the job, or not its status: it may not be shown yet.
    fn add_unknown(&mut self, result: Result<Option<JobResponse>, Error>) {
        self.unknown_since.get_or_insert_with(Instant::now);
        self.failed_polls = 0;
        self.is_final = !matches!(result, Ok(None)) && self.ends_if_unknown();
        self.error = result.err().filter(|_| self.is_final);
    }

    /// Returns true if another poll that does not show the job ends the wait.
    pub(super) fn ends_if_unknown(&self) -> bool {
        let unknown = self.unknown_since.map(|since| since.elapsed()).unwrap_or_default();
        unknown >= self.not_found_after
    }

    /// Returns the time until the job starts by the hub's clock; zero if it is not scheduled for later.
    pub(super) fn time_to_start(&self, now: DateTime<Utc>) -> Duration {
        let is_waiting = |job: &&JobResponse| {
            matches!(job.status, Some(JobStatus::Queued | JobStatus::Enqueued | JobStatus::Scheduled))
        };
        let job = self.current.as_ref().filter(is_waiting);
        let start = job.and_then(|job| job.start_time.as_ref()).and_then(Timestamp::to_utc);
        start.and_then(|start| (start - now).to_std().ok()).unwrap_or_default()
    }

    /// Returns the error that ends the wait: that of the last poll, if it is final or the job was never
    /// seen.
    pub(super) fn take_error(&mut self) -> Option<Error> {
        if self.is_final || self.current.is_none() { self.error.take() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_FOUND_AFTER: Duration = Duration::from_secs(30);

    fn observation() -> Observation {
        Observation::new(NOT_FOUND_AFTER)
    }

    fn running() -> Result<Option<JobResponse>, Error> {
        Ok(Some(JobResponse { status: Some(JobStatus::Running), ..JobResponse::default() }))
    }

    fn not_found() -> Result<Option<JobResponse>, Error> {
        Err(Error::from_status(404, "ErrorCode:JobNotFound;"))
    }

    #[test]
    fn only_consecutive_failures_end_the_wait() {
        let mut observation = observation();
        observation.add(running());
        for _ in 0..3 {
            for _ in 1..FAILED_POLLS {
                observation.add(Err(Error::from_status(503, "")));
            }
            assert!(!observation.is_final);
            observation.add(running());
        }
        for _ in 0..FAILED_POLLS {
            observation.add(Err(Error::from_status(503, "")));
        }
        assert!(observation.is_final && observation.take_error().is_some());
    }

    #[test]
    fn start_that_is_ahead_is_waited_for_unless_the_job_runs() {
        let now = DateTime::UNIX_EPOCH;
        for (status, time_to_start) in [("scheduled", 60), ("queued", 60), ("running", 0)] {
            let mut observation = observation();
            let json = format!(r#"{{"status":"{status}","startTime":"1970-01-01T00:01:00Z"}}"#);
            observation.add(Ok(Some(serde_json::from_str(&json).unwrap())));
            assert_eq!(observation.time_to_start(now), Duration::from_secs(time_to_start), "{status}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn job_is_not_found_when_it_stays_unknown() {
        for is_seen in [false, true] {
            let mut observation = observation();
            if is_seen {
                observation.add(running());
            }
            for result in [Ok(None), not_found(), Ok(None), not_found()] {
                assert!(!observation.ends_if_unknown());
                assert!(!observation.add(result) && !observation.is_final);
                tokio::time::advance(NOT_FOUND_AFTER / 4).await;
            }
            assert!(observation.ends_if_unknown());
            observation.add(not_found());
            assert!(observation.is_final && observation.take_error().is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn job_that_is_shown_again_is_followed() {
        let mut observation = observation();
        for _ in 0..3 {
            for result in [Ok(None), not_found()] {
                observation.add(result);
                tokio::time::advance(NOT_FOUND_AFTER / 2).await;
            }
            observation.add(running());
            assert!(!observation.is_final && !observation.ends_if_unknown());
        }
    }

    #[test]
    fn job_that_may_still_be_shown_is_no_error_at_the_timeout() {
        for result in [Ok(None), not_found()] {
            let mut observation = observation();
            observation.add(result);
            assert!(observation.take_error().is_none() && observation.current.is_none());
        }
    }

    #[test]
    fn permanent_failure_ends_the_wait_at_once() {
        let mut observation = observation();
        observation.add(Err(Error::from_status(403, "")));
        assert!(observation.is_final);
    }
}
