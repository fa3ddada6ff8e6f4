//! The client: one short method per operation.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use progenitor_client::ResponseValue;
use reqwest::Url;

use crate::auth::Authorizer;
use crate::builder::ClientBuilder;
use crate::error::Error;
use crate::generated;
use crate::outcome::JobOutcome;
use crate::pages::{DeviceJobFilter, JobFilter, Listing};
use crate::report::JobReport;
use crate::retry::{Progress, RetryPolicy};
use crate::rules;
use crate::settle;
use crate::types::{DeviceJob, JobRequest, JobResponse};
use crate::wait::{WaitForJob, WaitForJobs};

/// A client of the scheduled jobs of one hub.
///
/// Cloning is cheap; clones share their connections and their token.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

/// What all clones of a client share.
pub(crate) struct Shared {
    /// The hub's name, whichever way its requests go.
    pub(crate) host_name: String,
    /// Scheme, host and what stands before the paths of the operations.
    pub(crate) endpoint: Url,
    pub(crate) http: reqwest::Client,
    pub(crate) authorizer: Authorizer,
    pub(crate) retry: RetryPolicy,
    /// How long one attempt may take.
    pub(crate) timeout: Duration,
    /// How large the body of an answer may be, in bytes.
    pub(crate) body_limit: usize,
}

impl Client {
    /// Makes a client from a hub's connection string, as the portal shows it for a shared access policy.
    ///
    /// # Errors
    ///
    /// The connection string cannot be used; the error names the key that is at fault.
    pub fn from_connection_string(connection_string: &str) -> Result<Self, Error> {
        ClientBuilder::from_connection_string(connection_string)?.build()
    }

    /// Starts a client for the hub of this host name, such as `contoso.azure-devices.net`, which is
    /// taken verbatim.
    pub fn builder(host_name: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(host_name.into())
    }

    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Creates a job that starts now or later: [Create Scheduled Job][page].
    ///
    /// The answer is short: the id, the type and the status `queued`.
    /// [`get_scheduled_job`](Self::get_scheduled_job) reads the whole job.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] when the id or the request breaks a rule of the service, before
    /// anything is sent. [`Error::is_already_exists`] when the id is taken;
    /// [`Error::is_job_slot_busy`] when the hub runs as many jobs as its tier allows.
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/create-scheduled-job
    pub async fn create_scheduled_job(&self, id: &str, request: &JobRequest) -> Result<JobResponse, Error> {
        let body = &rules::prepare(id, request)?;
        let sent = self.hub_time();
        let create = |api: generated::Client| async move { api.create_scheduled_job(id, body).await };
        self.settled(id, create, |job| settle::is_of_request(job, body, sent)).await
    }

    /// Reads a job: its definition, its status and how many devices are in which state.
    ///
    /// An import or export job, which belongs to older operations, is answered with the status
    /// `unknown` and little else.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] when the hub does not know the id: [Get Scheduled Job][page].
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/get-scheduled-job
    pub async fn get_scheduled_job(&self, id: &str) -> Result<JobResponse, Error> {
        rules::check_job_id(id)?;
        let span = self.span(Some(id));
        let mut progress = Progress::start(&self.0.retry);
        self.watched(&span, async { Ok(self.read(&mut progress, &span, id).await?) }).await
    }

    /// Cancels a job that is not running yet.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_cancellable`] when the job is running, by design; most likely also when it has
    /// ended, which is not documented. [`Error::is_not_found`]
    /// when the hub does not know the id: [Cancel Scheduled Job][page].
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/cancel-scheduled-job
    pub async fn cancel_scheduled_job(&self, id: &str) -> Result<JobResponse, Error> {
        rules::check_job_id(id)?;
        let cancel = |api: generated::Client| async move { api.cancel_scheduled_job(id).await };
        self.settled(id, cancel, |job| job.outcome() == JobOutcome::Cancelled).await
    }

    /// Waits for a job to end, in whatever way: await it, with a timeout or a callback if you like.
    /// [`WaitForJob`] tells how often the job is read, and which errors end the wait.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// use jobs_api::JobOutcome;
    ///
    /// let job = client.wait_for_job("reboot-43").on_progress(|job| println!("{:?}", job.status)).await?;
    /// if job.outcome() != JobOutcome::Succeeded {
    ///     println!("{:?}", client.job_report("reboot-43").await?.failures);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for_job<'a>(&self, id: &str) -> WaitForJob<'a> {
        WaitForJob::new(self.clone(), id)
    }

    /// Waits for many jobs to end, reading them a hundred to a request where that is cheaper: see
    /// [`WaitForJobs`].
    pub fn wait_for_jobs<'a, I: IntoIterator<Item: Into<String>>>(&self, ids: I) -> WaitForJobs<'a> {
        WaitForJobs::new(self.clone(), ids.into_iter().map(Into::into).collect())
    }

    /// Lists the hub's jobs, which it keeps for 30 days, in an order it does not promise:
    /// [Query Scheduled Jobs][page].
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/query-scheduled-jobs
    pub fn query_scheduled_jobs(&self, filter: JobFilter) -> Listing<JobResponse> {
        Listing::new(self.clone(), filter)
    }

    /// Lists what a job did on each device: [Query jobs][page].
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/query-jobs
    pub fn query_device_jobs(&self, job_id: &str) -> Listing<DeviceJob> {
        Listing::new(self.clone(), DeviceJobFilter::of_job(job_id))
    }

    /// Reads a job and counts its rows, as they are now: by status, by error, by the devices' answers.
    ///
    /// # Errors
    ///
    /// Those of [`get_scheduled_job`](Self::get_scheduled_job) and
    /// [`query_device_jobs`](Self::query_device_jobs).
    pub async fn job_report(&self, id: &str) -> Result<JobReport, Error> {
        JobReport::read(self, id).await
    }

    /// Runs any operation of the [generated client](generated::Client) with this client's
    /// credential, retries and errors.
    ///
    /// The closure is given a generated client that is good for one attempt, and is called again for
    /// each further one: after a lost answer too, so an operation that must not be done twice wants a
    /// client with [`RetryPolicy::none`]. What it sends is not checked beforehand.
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
    pub async fn call<T, E, F, Fut>(&self, operation: F) -> Result<ResponseValue<T>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let span = self.span(None);
        let mut progress = Progress::start(&self.0.retry);
        self.watched(&span, async { Ok(self.run(&mut progress, &span, operation).await?) }).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { endpoint, authorizer, retry, timeout, .. } = &*self.0;
        f.debug_struct("Client")
            .field("endpoint", &endpoint.as_str())
            .field("authorizer", authorizer)
            .field("retry", retry)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}
