//! The trace of a batch: its span, that of each job below it, and an event as each job ends.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Empty, display};
use tracing::{Span, info, warn};

use super::error::BatchError;
use crate::error::Error;
use crate::error::telemetry::{Description, ErrorType, FailureStatus, record_failure};
use crate::follow::report::JobReport;
use crate::follow::span::internal_span;
use crate::jobs::outcome::JobOutcome;
use crate::targets::BATCH;

/// The trace of a batch under way.
#[derive(Debug)]
pub(super) struct BatchTrace {
    span: Span,
    sums: Mutex<Sums>,
}

/// The sums over a batch so far.
#[derive(Debug, Default)]
struct Sums {
    requests: Progress,
    jobs: Progress,
    devices: u64,
    devices_failed: u64,
    first_failure: Option<FailureStatus>,
    has_ended: bool,
}

/// How many requests or jobs there are so far, and how many of them have ended and failed.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    count: usize,
    ended: usize,
    failed: usize,
}

impl Progress {
    fn add_end<T, E>(&mut self, result: &Result<T, E>) {
        self.ended += 1;
        self.failed += usize::from(result.is_err());
    }
}

impl BatchTrace {
    /// Starts the trace of a batch. Its span is a child of the current one.
    pub(super) fn start(hub: &str) -> Self {
        let span = internal_span!(
            BATCH,
            "iothub_batch",
            "run_jobs",
            iothub.hub = hub,
            iothub.requests = Empty,
            iothub.requests_ended = Empty,
            iothub.requests_failed = Empty,
            iothub.jobs = Empty,
            iothub.jobs_ended = Empty,
            iothub.jobs_failed = Empty,
            iothub.devices = Empty,
            iothub.devices_failed = Empty,
            iothub.dropped = Empty,
        );
        Self { span, sums: Mutex::default() }
    }

    /// Returns the span of the batch.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// Makes the span of a job: a child of that of the batch.
    pub(super) fn job_span(&self, job_id: &str) -> Span {
        self.span.in_scope(|| {
            internal_span!(
                BATCH,
                "iothub_job",
                "run_job",
                iothub.job_id = job_id,
                iothub.job_outcome = Empty,
                iothub.devices = Empty,
                iothub.devices_failed = Empty,
            )
        })
    }

    /// Records a request that was taken from the program, and its number of jobs.
    pub(super) fn record_request(&self, jobs: usize) {
        let mut sums = self.sums();
        sums.requests.count += 1;
        sums.jobs.count += jobs;
    }

    /// Records the end of a job, and reports it with the progress of the batch.
    pub(super) fn record_job(&self, job_id: &str, result: Result<&JobReport, &Error>) {
        let jobs = self.sums().add_job(result);
        let (report, error) = (result.ok(), result.err());
        let outcome = report.map(JobReport::outcome);
        let has_ended = outcome.is_none_or(JobOutcome::is_final);
        self.span.in_scope(|| {
            info!(
                target: BATCH,
                job_id,
                outcome = %outcome.map_or_else(|| "no report".to_owned(), |outcome| outcome.to_string()),
                devices = report.map(|report| report.devices),
                devices_failed = report.map(|report| report.failed),
                devices_without_result = report.map(|report| report.without_result),
                // The error itself has been reported.
                "error.type" = error.map(|error| display(ErrorType(error))),
                jobs = jobs.count,
                jobs_ended = jobs.ended,
                jobs_failed = jobs.failed,
                "{}",
                if has_ended { "a job ended" } else { "stopped waiting for a job" }
            );
        });
    }

    /// Records the result of a request. The first failure sets the status of the span, at its end: until then a
    /// log would show it in the lines of the other jobs.
    pub(super) fn record_result(&self, result: &Result<JobReport, BatchError>) {
        let mut sums = self.sums();
        sums.requests.add_end(result);
        if let (Err(error), false) = (result, self.span.is_disabled()) {
            sums.first_failure.get_or_insert_with(|| FailureStatus::of(error.first_error()));
        }
    }

    /// Ends the trace of a batch that yielded every result.
    pub(super) fn end(&self) {
        self.sums().has_ended = true;
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sums {
    /// Adds the end of a job. Returns the progress of the jobs.
    fn add_job(&mut self, result: Result<&JobReport, &Error>) -> Progress {
        self.jobs.add_end(&result);
        if let Ok(report) = result {
            self.devices += report.devices;
            self.devices_failed += report.failed;
        }
        self.jobs
    }
}

impl Drop for BatchTrace {
    /// Records the sums, of a batch that was dropped before its end too.
    fn drop(&mut self) {
        if self.span.is_disabled() {
            return;
        }
        let sums = self.sums();
        self.span.record("iothub.requests", sums.requests.count);
        self.span.record("iothub.requests_ended", sums.requests.ended);
        self.span.record("iothub.requests_failed", sums.requests.failed);
        self.span.record("iothub.jobs", sums.jobs.count);
        self.span.record("iothub.jobs_ended", sums.jobs.ended);
        self.span.record("iothub.jobs_failed", sums.jobs.failed);
        self.span.record("iothub.devices", sums.devices);
        self.span.record("iothub.devices_failed", sums.devices_failed);
        if !sums.has_ended {
            self.span.record("iothub.dropped", true);
        }
        if let Some(failure) = &sums.first_failure {
            failure.record(&self.span);
        }
    }
}

/// Reports an error that comes from no operation, in the current span.
pub(super) fn report_refusal(error: &Error) {
    // Not as an error, which would set the status of the span before its end.
    warn!(target: BATCH, reason = %Description(error), "error.type" = %ErrorType(error), "a job was refused");
}

/// Records the outcome of a job, or the status of the failure, on its span.
pub(super) fn record_job_end(span: &Span, result: Result<&JobReport, &Error>) {
    if span.is_disabled() {
        return;
    }
    match result {
        Ok(report) => {
            span.record("iothub.job_outcome", display(report.outcome()));
            span.record("iothub.devices", report.devices);
            span.record("iothub.devices_failed", report.failed);
        }
        Err(error) => record_failure(span, error),
    }
}
