//! Running each job of a batch.

use std::time::Duration;

use tracing::Instrument as _;

use super::comparison::{Start, compare_jobs};
use super::error::JobFailure;
use super::job::Job;
use super::request::BatchRequest;
use super::results::Origin;
use super::trace::{BatchTrace, record_job_end, report_refusal};
use crate::client::Client;
use crate::error::Error;
use crate::follow::report::JobReport;
use crate::follow::wait::settings::Settings;
use crate::generated::types::JobRequest;
use crate::jobs::compare::Likeness;
use crate::jobs::validate::check_start;
use crate::limits::is_job_id;

/// The operation that refusals name.
const OPERATION: &str = "run_jobs";

/// Runs the jobs of a batch.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) client: Client,
    pub(super) concurrency: usize,
    pub(super) settings: Settings,
    pub(super) rows_timeout: Duration,
}

/// A job of a request, by its index, and how it begins; or why it does not.
pub(super) type Prepared = (Origin, usize, Result<(Job, Start), JobFailure>);

impl Runner {
    /// Returns the jobs of a request; the failure of an invalid request as its only job.
    pub(super) async fn prepare(
        self,
        number: usize,
        id: String,
        request: Result<BatchRequest, Error>,
    ) -> Vec<Prepared> {
        let jobs = match request.and_then(|request| request.into_jobs(&id)) {
            Ok(jobs) => compare_jobs(&self.client, jobs, self.concurrency).await,
            Err(error) => vec![Err(refuse(number, &id, error))],
        };
        jobs.iter().filter_map(|job| job.as_ref().err()).for_each(|failure| report_refusal(&failure.error));
        let origin = Origin { number, id, jobs: jobs.len() };
        jobs.into_iter().enumerate().map(|(index, job)| (origin.clone(), index, job)).collect()
    }

    /// Runs a job to its end, in a separate span.
    pub(super) async fn run(
        self,
        trace: &BatchTrace,
        job: Result<(Job, Start), JobFailure>,
    ) -> Result<JobReport, JobFailure> {
        let (job, start) =
            job.inspect_err(|failure| trace.record_job(&failure.job_id, Err(&failure.error)))?;
        let id = job.id();
        let span = trace.job_span(&id);
        let result = self.run_job(&job, start, &id).instrument(span.clone()).await;
        record_job_end(&span, result.as_ref());
        trace.record_job(&id, result.as_ref());
        result.map_err(|error| job.failure(error))
    }

    /// Creates the job unless it exists, waits for its end, and reads its report.
    async fn run_job(&self, job: &Job, start: Start, id: &str) -> Result<JobReport, Error> {
        if self.is_missing(job, start).await? {
            self.create(&job.to_request(), id).await?;
        }
        let mut wait = self.client.wait_for_job(id).rows_timeout(self.rows_timeout);
        wait.settings = self.settings.clone();
        wait.report_on(job.listed()).await
    }

    async fn create(&self, request: &JobRequest, id: &str) -> Result<(), Error> {
        check_start(request, self.client.hub_time())
            .map_err(|error| error.in_operation(OPERATION, Some(id)))
            .inspect_err(report_refusal)?;
        self.client.ensure_scheduled_job(id, request).await.map(drop)
    }

    /// Returns true if the job is to be created.
    async fn is_missing(&self, job: &Job, start: Start) -> Result<bool, Error> {
        match start {
            Start::Create => Ok(true),
            Start::Follow => Ok(false),
            Start::Read => match job.compare(&self.client).await? {
                None => Ok(true),
                Some(Likeness::Same) => Ok(false),
                Some(likeness) => Err(likeness.conflict(&job.id())).inspect_err(report_refusal),
            },
        }
    }
}

/// Returns the failure of a request that is not valid.
fn refuse(number: usize, id: &str, error: Error) -> JobFailure {
    // An invalid id may be anything, such as a key by mistake: the number of the request names it.
    let (job_id, error) = match is_job_id(id) {
        true => (id.to_owned(), error.in_operation(OPERATION, Some(id))),
        false => (String::new(), error.with_target(format!("request {} of {OPERATION}", number + 1))),
    };
    JobFailure { job_id, devices: Vec::new(), error }
}
