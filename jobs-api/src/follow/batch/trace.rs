//! The trace of a batch: its span with a child for each job, and events at its start, at the end of each job and at its
//! own end.
//!
//! The calls of a job are spans within that of the job. The status of the batch is set at its end only: a log shows the
//! fields of a span in every line within it, and would repeat the first failure in the lines of all other jobs.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::field::{Empty, display};
use tracing::{Span, info, warn};

use super::progress::{BatchProgress, State};
use crate::error::Error;
use crate::error::telemetry::{description, error_type, record_failure};
use crate::follow::report::JobReport;
use crate::targets::{BATCH, otel_span};

/// The trace of a batch.
#[derive(Clone)]
pub(super) struct BatchTrace {
    pub(super) span: Span,
    pub(super) state: Arc<watch::Sender<State>>,
}

/// The end of a batch, which is recorded as it is dropped.
pub(super) struct BatchEnd(pub(super) BatchTrace);

impl BatchTrace {
    pub(super) fn new() -> Self {
        Self { span: Span::none(), state: Arc::default() }
    }

    /// Starts the span, which is a child of the current one.
    pub(super) fn start(&mut self, hub: &str) {
        self.span = otel_span!(
            BATCH,
            "iothub_batch",
            "run_jobs",
            "internal",
            iothub.hub = hub,
            iothub.requests = Empty,
            iothub.requests_ended = Empty,
            iothub.requests_failed = Empty,
            iothub.jobs = Empty,
            iothub.jobs_found = Empty,
            iothub.jobs_ended = Empty,
            iothub.jobs_failed = Empty,
            iothub.devices = Empty,
            iothub.devices_failed = Empty,
            iothub.dropped = Empty,
        );
        self.span.in_scope(|| info!(target: BATCH, "a batch started"));
    }

    /// Makes the span of a job, a child of the span of the batch.
    pub(super) fn job_span(&self, job_id: &str) -> Span {
        self.span.in_scope(|| {
            otel_span!(
                BATCH,
                "iothub_job",
                "run_job",
                "internal",
                iothub.job_id = job_id,
                iothub.job_outcome = Empty,
                iothub.devices = Empty,
                iothub.devices_failed = Empty,
                iothub.devices_without_result = Empty,
            )
        })
    }

    /// Records the jobs of a request, and how many of them the hub has already.
    pub(super) fn record_jobs(&self, request_id: &str, jobs: usize, found: usize) {
        self.state.send_modify(|state| {
            state.progress.jobs += jobs as u64;
            state.progress.jobs_found += found as u64;
        });
        if found > 0 {
            self.span.in_scope(|| {
                info!(target: BATCH, request_id, jobs, jobs_found = found, "jobs of a request exist");
            });
        }
    }

    /// Records the end of a job, and reports it in its span with the progress of the batch.
    pub(super) fn record_job(&self, span: &Span, job_id: &str, result: Result<&JobReport, &Error>) {
        self.state.send_modify(|state| state.add_job(result));
        let BatchProgress { jobs, jobs_ended, jobs_failed, .. } = self.state.borrow().progress;
        match result {
            Ok(report) => {
                record_report(span, report);
                let is_final = report.outcome().is_final();
                let message = if is_final { "a job ended" } else { "stopped waiting for a job" };
                let (outcome, devices, devices_failed) = (report.outcome(), report.devices, report.failed);
                span.in_scope(|| {
                    info!(target: BATCH, job_id, %outcome, devices, devices_failed, jobs, jobs_ended, jobs_failed, "{message}");
                });
            }
            Err(error) => {
                record_failure(span, error);
                let job_id = Some(job_id).filter(|id| !id.is_empty());
                span.in_scope(|| {
                    info!(target: BATCH, job_id, reason = %error_type(error), jobs, jobs_ended, jobs_failed, "a job has no report");
                });
            }
        }
    }
}

/// Records a report on the span of its job.
fn record_report(span: &Span, report: &JobReport) {
    span.record("iothub.job_outcome", display(report.outcome()));
    span.record("iothub.devices", report.devices);
    span.record("iothub.devices_failed", report.failed);
    span.record("iothub.devices_without_result", report.without_result);
}

impl Drop for BatchEnd {
    /// Records the sums, of a batch that was dropped before its end too, and shows them in the span of an event.
    fn drop(&mut self) {
        let BatchTrace { span, state } = &self.0;
        let State { progress, first_failure, has_ended, .. } = &*state.borrow();
        for (field, count) in [
            ("iothub.requests", progress.requests),
            ("iothub.requests_ended", progress.requests_ended),
            ("iothub.requests_failed", progress.requests_failed),
            ("iothub.jobs", progress.jobs),
            ("iothub.jobs_found", progress.jobs_found),
            ("iothub.jobs_ended", progress.jobs_ended),
            ("iothub.jobs_failed", progress.jobs_failed),
            ("iothub.devices", progress.devices),
            ("iothub.devices_failed", progress.devices_failed),
        ] {
            span.record(field, count);
        }
        if !has_ended {
            span.record("iothub.dropped", true);
        }
        let message = if *has_ended { "a batch ended" } else { "a batch was dropped" };
        let BatchProgress { requests, jobs, jobs_found, jobs_failed, devices, devices_failed, .. } =
            *progress;
        span.in_scope(|| {
            info!(target: BATCH, requests, jobs, jobs_found, jobs_failed, devices, devices_failed, "{message}");
        });
        if let Some(failure) = first_failure {
            failure.record(span);
        }
    }
}

/// Reports an error that comes from no operation, in the current span.
pub(super) fn report_refusal(error: &Error) {
    // Not as an error, which would set the status of the span before its end.
    warn!(target: BATCH, reason = %description(error), "error.type" = %error_type(error), "a job was refused");
}
