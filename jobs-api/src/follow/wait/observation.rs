//! The observation of a job over several polls.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::client::Client;
use crate::error::Error;
use crate::generated::types::{JobResponse, JobStatus};
use crate::jobs::outcome::JobOutcome;
use crate::runtime::Timestamp;

/// Consecutive polls that may fail, each after all of its retries.
pub(super) const FAILED_POLLS: u32 = 5;

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

    /// Adds the result of a poll: `None` if the hub does not show the job. Returns true if the state of the job has
    /// changed.
    pub(super) fn add(&mut self, result: Result<Option<JobResponse>, Error>) -> bool {
        match result {
            Ok(Some(job)) if job.outcome() != JobOutcome::Unknown => return self.add_state(job),
            Err(error) if !error.is_not_found() => {
                self.add_failed_poll();
                self.is_final = !error.is_retryable() || self.failed_polls >= FAILED_POLLS;
                self.error = Some(error);
            }
            result => self.add_unknown(result),
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

    /// Returns the time until the job is expected to end: by how fast devices were done, or by what the client knows.
    pub(super) fn time_to_end(&self, client: &Client) -> Option<Duration> {
        let job = self.current()?;
        self.time_by_devices(job).or_else(|| client.estimate_time_to_end(job))
    }

    /// Returns the time until the last device is done, by how fast the others were.
    fn time_by_devices(&self, job: &JobResponse) -> Option<Duration> {
        let (start, done_then) = self.first?;
        let counts = job.counts();
        let done = counts.succeeded.saturating_add(counts.failed);
        let rate = f64::from(done.checked_sub(done_then)?) / start.elapsed().as_secs_f64().max(1e-3);
        let left = f64::from(counts.total.saturating_sub(done));
        (rate > 0.0).then(|| Duration::try_from_secs_f64(left / rate).ok())?
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
            assert!(!observation.is_final());
            observation.add(running());
        }
        for _ in 0..FAILED_POLLS {
            observation.add(Err(Error::from_status(503, "")));
        }
        assert!(observation.is_final() && observation.take_error().is_some());
    }

    /// Returns a running job of 100 devices, so many of which are done.
    fn with_done(done: u32) -> JobResponse {
        let json = format!(
            r#"{{"status":"running","deviceJobStatistics":{{"deviceCount":100,"succeededCount":{done}}}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn end_is_expected_by_how_fast_devices_are_done() {
        let mut observation = observation();
        for (done, time_to_end) in [(10, None), (30, Some(70)), (50, Some(50))] {
            observation.add(Ok(Some(with_done(done))));
            assert_eq!(
                observation.time_by_devices(&with_done(done)),
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
                assert!(!observation.add(result) && !observation.is_final());
                tokio::time::advance(NOT_FOUND_AFTER / 4).await;
            }
            assert!(observation.ends_if_unknown());
            observation.add(not_found());
            assert!(observation.is_final() && observation.into_result("job".to_owned()).is_err());
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
            assert!(!observation.is_final() && !observation.ends_if_unknown());
        }
    }

    #[test]
    fn job_that_may_still_be_shown_is_no_error_at_the_timeout() {
        for result in [Ok(None), not_found()] {
            let mut observation = observation();
            observation.add(result);
            let job = observation.into_result("job".to_owned()).unwrap();
            assert_eq!((job.id(), job.status.as_ref()), ("job", None));
        }
    }

    #[test]
    fn permanent_failure_ends_the_wait_at_once() {
        let mut observation = observation();
        observation.add(Err(Error::from_status(403, "")));
        assert!(observation.is_final());
    }
}
