//! The jobs of the checks, on a hub that may take its time.

use std::time::{Duration, Instant};

use jobs_api::types::{JobRequest, JobResponse, JobStatus};
use jobs_api::{Error, Response};
use tokio::time::sleep;

use crate::facts::{Fact, Findings, Untested, Verdict};
use crate::jobs::Jobs;

/// How long to wait for the hub.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// The longest time for which reads may lag behind a change.
    pub(crate) lag: Duration,
    /// The longest time that a job may take to start and end.
    pub(crate) run: Duration,
    /// The time between two reads.
    pub(crate) poll: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let [lag, run, poll] = [30, 120, 1].map(Duration::from_secs);
        Self { lag, run, poll }
    }
}

/// The value that a repeated call returned last.
pub(crate) struct Seen<T> {
    pub(crate) value: T,
    pub(crate) time: Duration,
    /// False if the time ran out.
    pub(crate) is_as_wanted: bool,
}

impl<T> Seen<T> {
    /// Returns the value if it came in time.
    pub(crate) fn in_time(self) -> Result<T, Untested> {
        if self.is_as_wanted { Ok(self.value) } else { Err(Untested::new("the hub lags")) }
    }

    /// Returns whether a value came in time.
    pub(crate) fn verdict(&self) -> Verdict {
        let time = format!("{:.1} s", self.time.as_secs_f64());
        if self.is_as_wanted { Verdict::Holds(time) } else { Verdict::Differs(format!("not within {time}")) }
    }
}

/// The jobs of the checks on a hub that may take its time.
pub(crate) struct Checks<'a> {
    pub(crate) jobs: &'a Jobs,
    pub(crate) patience: Patience,
}

impl Checks<'_> {
    /// Creates a job as soon as a slot is free.
    pub(crate) async fn create(
        &self,
        id: &str,
        request: &JobRequest,
    ) -> Result<Response<JobResponse>, Untested> {
        let create = async || match self.jobs.create(id, request).await {
            Err(error) if error.is_job_slot_busy() => Ok(None),
            created => created.map(Some),
        };
        let created = self.repeat(self.patience.lag, create, Option::is_some).await?;
        created.value.ok_or_else(|| Untested::new("no job slot is free"))
    }

    /// Reads a job until it is as wanted.
    pub(crate) async fn read_until(
        &self,
        id: &str,
        limit: Duration,
        is_as_wanted: impl Fn(&JobResponse) -> bool,
    ) -> Result<Seen<JobResponse>, Error> {
        self.repeat(
            limit,
            async || self.jobs.read(id).await.map(Response::into_inner),
            |job| is_as_wanted(job),
        )
        .await
    }

    /// Reads a job until it is known.
    pub(crate) async fn read_known(&self, id: &str) -> Result<Seen<JobResponse>, Error> {
        self.read_until(id, self.patience.lag, |job| !is_unknown(job)).await
    }

    /// Reads a job that starts at once until it has ended.
    pub(crate) async fn read_to_end(&self, id: &str) -> Result<JobResponse, Untested> {
        self.read_known(id).await?.in_time()?;
        let job = self.read_until(id, self.patience.run, |job| job.outcome().is_final()).await?.in_time()?;
        self.jobs.close(id);
        Ok(job)
    }

    pub(crate) async fn repeat<T>(
        &self,
        limit: Duration,
        mut call: impl AsyncFnMut() -> Result<T, Error>,
        is_as_wanted: impl Fn(&T) -> bool,
    ) -> Result<Seen<T>, Error> {
        let start = Instant::now();
        loop {
            let value = call().await?;
            let (time, is_as_wanted) = (start.elapsed(), is_as_wanted(&value));
            if is_as_wanted || time >= limit {
                return Ok(Seen { value, time, is_as_wanted });
            }
            sleep(self.patience.poll).await;
        }
    }

    /// Ends a step: what it left open does not hold the slot of the next one.
    pub(crate) async fn end(&self, facts: &[Fact], step: Result<(), Untested>, findings: &mut Findings) {
        self.jobs.clean_up().await;
        findings.end(facts, step);
    }
}

/// Returns true if the hub does not know a job, or not yet.
pub(crate) fn is_unknown(job: &JobResponse) -> bool {
    job.status == Some(JobStatus::Unknown)
}

/// Returns the status of a job as the hub writes it.
pub(crate) fn status(job: &JobResponse) -> &str {
    job.status.as_ref().map_or("without a status", JobStatus::as_str)
}
