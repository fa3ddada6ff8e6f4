//! The observation of a job over several polls.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::error::Error;
use crate::generated::types::{JobResponse, JobStatus};
use crate::jobs::outcome::JobOutcome;
use crate::runtime::Timestamp;

/// Consecutive polls that may fail, each after all of its retries.
pub(super) const FAILED_POLLS: u32 = 5;
/// How long the hub may not know a job by default: one that was just created is not shown at once.
pub(in crate::jobs) const NOT_FOUND_AFTER: Duration = Duration::from_secs(30);

/// A callback that receives each state of a job that differs from the previous one.
pub(super) type OnProgress<'a> = Box<dyn FnMut(&JobResponse) + Send + 'a>;

/// The states of a job, as far as polls have shown them.
pub(super) struct Observation {
    current: Option<JobResponse>,
    /// The error of the last poll.
    error: Option<Error>,
    failed_polls: u32,
    /// How long the hub may not know the job.
    not_found_after: Duration,
    /// The first of the latest polls in a row that did not show the job.
    unknown_since: Option<Instant>,
    is_final: bool,
    /// The first poll that showed devices, and how many of them were done.
    first: Option<(Instant, u32)>,
}

impl Observation {
    pub(super) fn new(not_found_after: Duration) -> Self {
        Self {
            current: None,
            error: None,
            failed_polls: 0,
            not_found_after,
            unknown_since: None,
            is_final: false,
            first: None,
        }
    }

    /// Adds the result of a poll. Returns true if the state of the job has changed.
    pub(super) fn add(&mut self, result: Result<JobResponse, Error>) -> bool {
        match result {
            Ok(job) if job.outcome() != JobOutcome::Unknown => return self.add_state(job),
            Ok(_) => self.add_unknown(None),
            Err(error) if error.is_not_found() => self.add_unknown(Some(error)),
            Err(error) => {
                self.add_failed_poll();
                self.is_final = !error.is_retryable() || self.failed_polls >= FAILED_POLLS;
                self.error = Some(error);
            }
        }
        false
    }

    /// Counts a failed poll, such as one of several jobs that has no error of this one.
    pub(super) fn add_failed_poll(&mut self) {
        self.failed_polls += 1;
    }

    fn add_state(&mut self, job: JobResponse) -> bool {
        (self.error, self.failed_polls, self.unknown_since) = (None, 0, None);
        self.is_final = job.outcome().is_final();
        let counts = job.counts();
        if counts.total > 0 {
            self.first.get_or_insert((Instant::now(), counts.succeeded.saturating_add(counts.failed)));
        }
        let has_changed = self.current.as_ref() != Some(&job);
        self.current = Some(job);
        has_changed
    }

    /// Adds a poll that did not show the job: it may not be shown yet, so that this is an error later only.
    fn add_unknown(&mut self, error: Option<Error>) {
        let since = *self.unknown_since.get_or_insert_with(Instant::now);
        self.is_final = since.elapsed() >= self.not_found_after;
        (self.error, self.failed_polls) = (error.filter(|_| self.is_final), 0);
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
        let mut observation = Observation::new(NOT_FOUND_AFTER);
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
        let mut observation = Observation::new(NOT_FOUND_AFTER);
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
            let mut observation = Observation::new(NOT_FOUND_AFTER);
            let json = format!(r#"{{"status":"{status}","startTime":"1970-01-01T00:01:00Z"}}"#);
            observation.add(Ok(serde_json::from_str(&json).unwrap()));
            assert_eq!(observation.time_to_start(now), Duration::from_secs(time_to_start), "{status}");
        }
    }

    /// Returns the forms in which the hub does not show a job.
    fn unknown() -> [Result<JobResponse, Error>; 2] {
        [Ok(JobResponse::default()), Err(Error::from_status(404, ""))]
    }

    #[tokio::test(start_paused = true)]
    async fn job_is_not_found_when_it_stays_unknown() {
        for is_seen in [false, true] {
            let mut observation = Observation::new(NOT_FOUND_AFTER);
            if is_seen {
                observation.add(running());
            }
            for _ in 0..2 {
                for result in unknown() {
                    assert!(!observation.add(result) && !observation.is_final());
                    tokio::time::advance(NOT_FOUND_AFTER / 4).await;
                }
            }
            observation.add(Err(Error::from_status(404, "")));
            assert!(observation.is_final() && observation.into_result("job".to_owned()).is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn job_that_is_shown_again_is_followed() {
        let mut observation = Observation::new(NOT_FOUND_AFTER);
        for _ in 0..3 {
            for result in unknown() {
                observation.add(result);
                tokio::time::advance(NOT_FOUND_AFTER / 2).await;
            }
            observation.add(running());
            assert!(!observation.is_final());
        }
    }

    #[test]
    fn job_that_may_still_be_shown_is_no_error_at_the_timeout() {
        for result in unknown() {
            let mut observation = Observation::new(NOT_FOUND_AFTER);
            observation.add(result);
            assert_eq!(observation.into_result("job".to_owned()).unwrap().outcome(), JobOutcome::Unknown);
        }
    }

    #[test]
    fn job_that_was_never_polled_has_its_id() {
        let job = Observation::new(NOT_FOUND_AFTER).into_result("reboot-43".to_owned()).unwrap();
        assert_eq!(job.job_id.as_deref(), Some("reboot-43"));
    }

    #[test]
    fn permanent_failure_ends_the_wait_at_once() {
        let mut observation = Observation::new(NOT_FOUND_AFTER);
        observation.add(Err(Error::from_status(403, "")));
        assert!(observation.is_final());
    }
}
