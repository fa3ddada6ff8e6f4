//! Running the requests of a batch.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use tracing::Instrument as _;

use super::comparison::{Start, compare_jobs};
use super::error::{BatchError, JobFailure};
use super::request::{BatchRequest, Job};
use super::trace::{BatchTrace, report_refusal};
use crate::client::Client;
use crate::error::Error;
use crate::follow::report::JobReport;
use crate::follow::settings::Settings;
use crate::jobs::outcome::DeviceCounts;
use crate::jobs::validate::check_start;
use crate::limits::is_job_id;

/// The operation that refusals name.
const OPERATION: &str = "run_jobs";

/// Runs the requests of a batch.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) client: Client,
    pub(super) settings: Settings,
    pub(super) concurrency: usize,
    pub(super) trace: BatchTrace,
}

impl Runner {
    /// Runs a request, by its number in the batch, to the end of its jobs.
    pub(super) async fn run(
        self,
        number: usize,
        id: String,
        request: Result<BatchRequest, Error>,
    ) -> (String, Result<JobReport, BatchError>) {
        self.trace.state.send_modify(|state| state.progress.requests += 1);
        let jobs = request.and_then(|request| {
            check_start(&request.request, self.client.hub_time())?;
            request.into_jobs(&id)
        });
        let result = match jobs {
            Ok(jobs) => self.run_all(&id, jobs).await,
            Err(error) => self.refuse(refusal(number, &id, error)),
        };
        self.trace.state.send_modify(|state| state.add_result(&result));
        (id, result)
    }

    /// Ends a request that is not valid, as one whose only job has no report.
    fn refuse(&self, failure: JobFailure) -> Result<JobReport, BatchError> {
        let span = self.trace.job_span(&failure.job_id);
        span.in_scope(|| report_refusal(&failure.error));
        self.trace.record_jobs(&failure.job_id, 1, 0);
        self.trace.record_job(&span, &failure.job_id, Err(&failure.error));
        BatchError::check(1, BTreeMap::from([(0, failure)]), JobReport::default())
    }

    async fn run_all(&self, id: &str, jobs: Vec<Job>) -> Result<JobReport, BatchError> {
        let (count, span) = (jobs.len(), self.trace.span.clone());
        let starts = compare_jobs(&self.client, &jobs, self.concurrency).instrument(span).await;
        let found = starts.iter().flatten().filter(|start| **start == Start::Follow).count();
        self.trace.record_jobs(id, count, found);
        let runs = jobs.into_iter().zip(starts).enumerate();
        let runs = runs.map(|(index, (job, start))| async move { (index, self.run_job(job, start).await) });
        let mut runs = stream::iter(runs).buffer_unordered(self.concurrency);
        let (mut report, mut failures) = (JobReport::default(), BTreeMap::new());
        while let Some((index, result)) = runs.next().await {
            match result {
                Ok(of_job) => report.merge(of_job),
                Err(failure) => drop(failures.insert(index, failure)),
            }
        }
        BatchError::check(count, failures, report)
    }

    /// Runs a job to its end, in a separate span.
    async fn run_job(&self, job: Job, start: Result<Start, Error>) -> Result<JobReport, JobFailure> {
        let span = self.trace.job_span(&job.id);
        let run = async { self.follow(&job, start.inspect_err(report_refusal)?).await };
        let result = run.instrument(span.clone()).await;
        self.trace.record_job(&span, &job.id, result.as_ref());
        result.map_err(|error| job.failure(error))
    }

    /// Creates the job if that is its start, waits for its end, and reads its report.
    ///
    /// From before its creation on the job counts as one that the hub may have, until it is known to have ended or not
    /// to have been created: `RunJobs::stop` would otherwise miss one whose creation is in flight or has an unknown
    /// outcome.
    async fn follow(&self, job: &Job, start: Start) -> Result<JobReport, Error> {
        let state = &self.trace.state;
        let record = |counts| state.send_modify(|state| _ = state.open_jobs.insert(job.id.clone(), counts));
        let close = || state.send_modify(|state| _ = state.open_jobs.remove(&job.id));
        record(DeviceCounts::default());
        if start == Start::Create {
            let created = self.client.ensure_scheduled_job(&job.id, &job.to_request()).await;
            if created.as_ref().is_err_and(|error| !error.is_outcome_unknown()) {
                close();
            }
            created?;
        }
        let mut wait = self.client.wait_for_job(&job.id).on_progress(|job| record(job.counts()));
        wait.settings = self.settings.clone();
        let report = wait.report_on(&job.devices).await?;
        if report.outcome().is_final() {
            close();
        }
        Ok(report)
    }
}

/// Returns the failure of a request that is not valid.
fn refusal(number: usize, id: &str, error: Error) -> JobFailure {
    // An invalid id may be anything, such as a key by mistake: the number of the request names it.
    let (job_id, error) = match Some(id).filter(|id| is_job_id(id)) {
        Some(id) => (id.to_owned(), error.in_operation(OPERATION, Some(id))),
        None => (String::new(), error.with_target(format!("request {} of {OPERATION}", number + 1))),
    };
    JobFailure { job_id, devices: Vec::new(), error }
}
