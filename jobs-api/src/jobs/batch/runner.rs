//! Running each job of a batch.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument as _;

use super::comparison::Found;
use super::error::JobFailure;
use super::job::Job;
use super::results::Origin;
use super::trace::{BatchTrace, record_job_end};
use crate::error::Error;
use crate::jobs::ensure::{First, ensure_job};
use crate::jobs::report::JobReport;
use crate::jobs::report::reader::Listed;
use crate::jobs::wait::WaitForJob;
use crate::limits::is_job_id;
use crate::pipeline::Pipeline;

/// The way of each job of a batch.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) concurrency: usize,
    pub(super) intervals: RangeInclusive<Duration>,
    pub(super) wait_timeout: Option<Duration>,
    pub(super) not_found_after: Duration,
    pub(super) rows_timeout: Duration,
}

impl Runner {
    /// Returns the jobs of a request with their indices; the failure of an invalid request as its only job.
    pub(super) fn enumerate(
        &self,
        number: usize,
        id: String,
        jobs: Result<Vec<Job>, Error>,
    ) -> Vec<(Origin, usize, Result<Job, JobFailure>)> {
        let jobs: Vec<_> = match jobs {
            Ok(jobs) => jobs.into_iter().map(Ok).collect(),
            Err(error) => {
                // An invalid id may be anything, such as a key by mistake: the number of the request names it.
                let (job_id, error) = match is_job_id(&id) {
                    true => (id.clone(), error),
                    false => {
                        (String::new(), error.with_target(format!("request {} of run_jobs", number + 1)))
                    }
                };
                let error = self.pipeline.refuse("run_jobs", Some(&id), error);
                vec![Err(JobFailure { job_id, devices: Vec::new(), error })]
            }
        };
        let origin = Origin { number, id, jobs: jobs.len() };
        jobs.into_iter().enumerate().map(|(index, job)| (origin.clone(), index, job)).collect()
    }

    /// Runs a job to its end, in a span of its own.
    pub(super) async fn run(
        self,
        trace: &BatchTrace,
        job: Result<Job, JobFailure>,
    ) -> Result<JobReport, JobFailure> {
        let job = job.inspect_err(|failure| trace.record_job(&failure.job_id, Err(&failure.error)))?;
        let id = job.id();
        let span = trace.job_span(&id);
        let result = self.run_job(&job, &id).instrument(span.clone()).await;
        record_job_end(&span, result.as_ref());
        trace.record_job(&id, result.as_ref());
        result.map_err(|error| JobFailure { job_id: id, devices: job.devices().to_vec(), error })
    }

    /// Creates the job unless it exists, waits for its end, and reads its report.
    async fn run_job(&self, job: &Job, id: &str) -> Result<JobReport, Error> {
        let first = match job.find(&self.pipeline, self.concurrency).await? {
            None => Some(First::Read),
            Some(Found::Missing) => Some(First::Create),
            Some(Found::Same) => None,
        };
        if let Some(first) = first {
            ensure_job(&self.pipeline, id, &job.to_request(), first).await?;
        }
        let listed = Listed { devices: job.devices().to_vec(), selects_all: job.selects_all() };
        let wait = WaitForJob::new(self.pipeline.clone(), id)
            .poll_intervals(self.intervals.clone())
            .not_found_after(self.not_found_after)
            .rows_timeout(self.rows_timeout)
            .listed(listed);
        match self.wait_timeout {
            Some(timeout) => wait.timeout(timeout).report().await,
            None => wait.report().await,
        }
    }
}
