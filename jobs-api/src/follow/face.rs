//! The methods of the client that follow jobs.

use futures_util::stream::{Stream, StreamExt as _};

use super::batch::{BatchRequest, RunJobs};
use super::report::JobReport;
use super::report::reader::ReportReader;
use super::wait::{WaitForJob, WaitForJobs};
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Waits for a job to end: see [`WaitForJob`].
    pub fn wait_for_job<'a>(&self, id: &str) -> WaitForJob<'a> {
        WaitForJob::new(self.clone(), id)
    }

    /// Waits for many jobs to end, a hundred to a request where that is cheaper: see [`WaitForJobs`].
    pub fn wait_for_jobs<'a, I: IntoIterator<Item: Into<String>>>(&self, ids: I) -> WaitForJobs<'a> {
        WaitForJobs::new(self.clone(), ids.into_iter().map(Into::into).collect())
    }

    /// Reads a job and counts its rows by status, by error and by the devices' answers: see [`JobReport`].
    ///
    /// # Errors
    ///
    /// Those of [`get_scheduled_job`](Self::get_scheduled_job) and
    /// [`query_device_jobs`](Self::query_device_jobs).
    pub async fn job_report(&self, id: &str) -> Result<JobReport, Error> {
        let job = self.get_scheduled_job(id).await?;
        ReportReader::new(self.clone(), id).read(&job).await
    }

    /// Runs a batch of jobs to their ends, as many at a time as the hub has slots: see [`RunJobs`].
    ///
    /// Takes any stream of ids and requests, or [requests for lists of devices](BatchRequest);
    /// `futures_util::stream::iter` makes one of any iterator. Repeat the call with the same requests to resume
    /// the batch after a crash.
    pub fn run_jobs<'a, S, I, R>(&self, requests: S) -> RunJobs<'a>
    where
        S: Stream<Item = (I, R)> + Send + 'a,
        I: Into<String>,
        R: Into<BatchRequest>,
    {
        RunJobs::new(self.clone(), requests.map(|(id, request)| (id.into(), request.into())).boxed())
    }
}
