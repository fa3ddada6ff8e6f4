//! The methods of the client that follow jobs.

use std::time::Duration;

use futures_util::stream::{Stream, StreamExt as _};

use super::batch::{BatchRequest, RunJobs};
use super::report::JobReport;
use super::report::failure::{DeviceFailure, list_failures};
use super::wait::WaitForJob;
use crate::client::Client;
use crate::error::Error;

impl Client {
    /// Waits for a job to end: see [`WaitForJob`].
    pub fn wait_for_job<'a>(&self, id: &str) -> WaitForJob<'a> {
        WaitForJob::new(self.clone(), id)
    }

    /// Reads a job and counts its rows by status, by error and by the devices' answers: see [`JobReport`].
    ///
    /// # Errors
    ///
    /// Those of [`get_scheduled_job`](Self::get_scheduled_job) and
    /// [`query_device_jobs`](Self::query_device_jobs).
    pub async fn job_report(&self, id: &str) -> Result<JobReport, Error> {
        self.wait_for_job(id).timeout(Duration::ZERO).not_found_after(Duration::ZERO).report().await
    }

    /// Lists the devices on which a job failed: those that the hub did not reach, those that answered with a failure,
    /// and those whose rows cannot be read.
    ///
    /// The hub cannot select them, so every row of the job is read, page by page in constant memory. The rows of a
    /// job that has just ended may lag behind it: a [report](crate::WaitForJob::report) waits for them.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut failed = client.failed_devices("reboot-43");
    /// while let Some(failure) = failed.try_next().await? {
    ///     println!("{failure} ({:?})", failure.kind);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`get_scheduled_job`](Self::get_scheduled_job), as for an unknown job, and of
    /// [`query_device_jobs`](Self::query_device_jobs).
    pub fn failed_devices(
        &self,
        job_id: &str,
    ) -> impl Stream<Item = Result<DeviceFailure, Error>> + Send + Unpin + use<> {
        list_failures(self.clone(), job_id.to_owned())
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
