//! The span of a wait, around its polls.

use std::collections::BTreeMap;

use tracing::Span;
use tracing::field::Empty;

use crate::error::Error;
use crate::error::telemetry::record_failure;
use crate::follow::span::internal_span;
use crate::generated::types::{JobResponse, JobStatus};
use crate::limits::is_job_id;
use crate::targets::WAIT;

/// Makes the span of a wait for so many jobs: a child of the current one.
pub(super) fn wait_span(hub: &str, name: &'static str, job_id: Option<&str>, jobs: usize) -> Span {
    internal_span!(
        WAIT,
        "iothub_wait",
        name,
        iothub.hub = hub,
        // An invalid id may be anything, such as a key by mistake.
        iothub.job_id = job_id.filter(|id| is_job_id(id)),
        iothub.job_status = Empty,
        iothub.jobs = jobs,
        iothub.jobs_ended = Empty,
        iothub.jobs_failed = Empty,
    )
}

/// Records the state of the job at the end of the wait.
pub(super) fn record_state(span: &Span, job: Option<&JobResponse>) {
    span.record("iothub.job_status", job.and_then(|job| job.status.as_ref()).map(JobStatus::as_str));
}

/// Records how many jobs had ended at the end of the wait, and how many waits failed. The first failure sets
/// the status.
pub(super) fn record_results(span: &Span, results: &BTreeMap<String, Result<JobResponse, Error>>) {
    if span.is_disabled() {
        return;
    }
    let has_ended = |job: &&JobResponse| job.outcome().is_final();
    span.record("iothub.jobs_ended", results.values().flatten().filter(has_ended).count());
    let mut errors = results.values().filter_map(|result| result.as_ref().err()).peekable();
    if let Some(first) = errors.peek() {
        record_failure(span, first);
    }
    span.record("iothub.jobs_failed", errors.count());
}
