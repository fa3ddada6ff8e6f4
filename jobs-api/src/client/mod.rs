//! The client: one short method for each operation.

pub(crate) mod builder;
mod env;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use progenitor_client::{Error as GeneratedError, ResponseValue};

use crate::error::Error;
use crate::generated::Client as Api;
use crate::generated::types::{DeviceJob, JobRequest, JobResponse};
use crate::jobs::pager::{JobFilter, Pager};
use crate::jobs::report::JobReport;
use crate::jobs::validate::{check_job_id, prepare};
use crate::jobs::wait::{WaitForJob, WaitForJobs};
use crate::pipeline::lost_response::Change;
use crate::pipeline::{Pipeline, Response, Scope};

/// A client for the scheduled jobs of one hub.
///
/// Clones are cheap and share connections and token. Futures and streams of a client are `Send` and may be
/// dropped at any point; a request that was sent by then may still take effect.
///
/// ```no_run
/// # async fn example() -> Result<(), jobs_api::Error> {
/// use jobs_api::Client;
/// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
///
/// let client = Client::from_env()?;
/// let request = JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "tags.building = '43'");
/// client.create_scheduled_job("reboot-43", &request).await?;
/// let job = client.wait_for_job("reboot-43").await?;
/// println!("{}: {}", job.id(), job.outcome());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Pipeline>);

impl Client {
    pub(crate) fn new(pipeline: Pipeline) -> Self {
        Self(Arc::new(pipeline))
    }

    /// Creates a job that starts now or later: [Create Scheduled Job][page].
    ///
    /// The response has the id, the type and the status `queued`;
    /// [`get_scheduled_job`](Self::get_scheduled_job) reads the whole job. After a lost response it has the
    /// whole job too, since the job is then read: see [`RetryPolicy`](crate::RetryPolicy).
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidRequest`] if the id or the request breaks a rule of the service; nothing is sent.
    /// - [`Error::is_already_exists`] if the id is taken.
    /// - [`Error::is_job_slot_busy`] if the hub runs as many jobs as its tier allows.
    /// - [`Error::is_outcome_unknown`] if the job may exist although the call failed.
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/create-scheduled-job
    pub async fn create_scheduled_job(&self, id: &str, request: &JobRequest) -> Result<JobResponse, Error> {
        let body = &prepare(id, request)?;
        let create = |api: Api| async move { api.create_scheduled_job(id, body).await };
        self.0.execute_change(id, Change::Create(body), create).await
    }

    /// Reads a job, with its status and how many devices are in which state: [Get Scheduled Job][page].
    ///
    /// An import or export job, which belongs to older operations, has the status `unknown` and little
    /// else.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if the hub does not know the id.
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/get-scheduled-job
    pub async fn get_scheduled_job(&self, id: &str) -> Result<JobResponse, Error> {
        check_job_id(id)?;
        self.0.read_job(id).await
    }

    /// Cancels a job that is not running yet: [Cancel Scheduled Job][page].
    ///
    /// # Errors
    ///
    /// - [`Error::is_not_cancellable`] if the job is running, by design; most likely also if it has ended,
    ///   which is not documented.
    /// - [`Error::is_not_found`] if the hub does not know the id.
    /// - [`Error::is_outcome_unknown`] if the job may have been cancelled although the call failed.
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/cancel-scheduled-job
    pub async fn cancel_scheduled_job(&self, id: &str) -> Result<JobResponse, Error> {
        check_job_id(id)?;
        let cancel = |api: Api| async move { api.cancel_scheduled_job(id).await };
        self.0.execute_change(id, Change::Cancel, cancel).await
    }

    /// Waits for a job to end: see [`WaitForJob`].
    pub fn wait_for_job<'a>(&self, id: &str) -> WaitForJob<'a> {
        WaitForJob::new(self.0.clone(), id)
    }

    /// Waits for many jobs to end, a hundred to a request where that is cheaper: see [`WaitForJobs`].
    pub fn wait_for_jobs<'a, I: IntoIterator<Item: Into<String>>>(&self, ids: I) -> WaitForJobs<'a> {
        WaitForJobs::new(self.0.clone(), ids.into_iter().map(Into::into).collect())
    }

    /// Lists the hub's jobs of the last 30 days, in an unspecified order: [Query Scheduled Jobs][page].
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/query-scheduled-jobs
    pub fn query_scheduled_jobs(&self, filter: JobFilter) -> Pager<JobResponse> {
        Pager::of_jobs(self.0.clone(), filter)
    }

    /// Lists the rows of a job, one for each device: [Query jobs][page].
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/query-jobs
    pub fn query_device_jobs(&self, job_id: &str) -> Pager<DeviceJob> {
        Pager::of_device_jobs(self.0.clone(), job_id)
    }

    /// Reads a job and counts its rows by status, by error and by the devices' answers.
    ///
    /// # Errors
    ///
    /// Those of [`get_scheduled_job`](Self::get_scheduled_job) and
    /// [`query_device_jobs`](Self::query_device_jobs).
    pub async fn job_report(&self, id: &str) -> Result<JobReport, Error> {
        check_job_id(id)?;
        JobReport::read(&self.0, id).await
    }

    /// Runs any [operation](crate::Operations) of the spec with this client's credential, retries and
    /// errors.
    ///
    /// The closure is called once for each attempt, with the operations for that attempt, also after a lost
    /// response: for an operation that must not run twice, use [`RetryPolicy::none`](crate::RetryPolicy::none).
    /// The request is not validated.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// use jobs_api::types::JobStatus;
    ///
    /// let running = Some(&JobStatus::Running);
    /// let page = client
    ///     .call(|api| async move { api.query_scheduled_jobs(running, None, None, Some("100")).await })
    ///     .await?;
    /// let next_page = page.headers().get("x-ms-continuation");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub async fn call<T, E, F, Fut>(&self, operation: F) -> Result<Response<T>, Error>
    where
        F: Fn(Api) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, GeneratedError<E>>>,
    {
        self.0.execute(Scope::default(), operation).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pipeline { endpoint, authorizer, retry, attempt_timeout, .. } = &*self.0;
        f.debug_struct("Client")
            .field("endpoint", &endpoint.as_str())
            .field("authorizer", authorizer)
            .field("retry", retry)
            .field("attempt_timeout", attempt_timeout)
            .finish_non_exhaustive()
    }
}
