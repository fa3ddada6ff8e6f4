//! The client: one short method per operation.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use progenitor_client::ResponseValue;

use crate::auth::Authorizer;
use crate::builder::ClientBuilder;
use crate::error::Error;
use crate::generated;
use crate::hooks::Attempt;
use crate::request;
use crate::types::{JobRequest, JobResponse};

/// A client of the scheduled jobs of one hub.
///
/// Cloning is cheap; clones share their connections and their token.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

/// What all clones of a client share.
pub(crate) struct Shared {
    /// Scheme, host and what stands before the paths of the operations.
    pub(crate) endpoint: String,
    pub(crate) http: reqwest::Client,
    pub(crate) authorizer: Authorizer,
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
        let body = &request::prepare(id, request)?;
        let call = |api: generated::Client| async move { api.create_scheduled_job(id, body).await };
        self.call(call).await.map(ResponseValue::into_inner)
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
        request::check_job_id(id)?;
        let call = |api: generated::Client| async move { api.get_scheduled_job(id).await };
        self.call(call).await.map(ResponseValue::into_inner)
    }

    /// Cancels a job that is not running yet.
    ///
    /// # Errors
    ///
    /// [`Error::is_not_cancellable`] when the job is running or has ended; [`Error::is_not_found`]
    /// when the hub does not know the id: [Cancel Scheduled Job][page].
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/cancel-scheduled-job
    pub async fn cancel_scheduled_job(&self, id: &str) -> Result<JobResponse, Error> {
        request::check_job_id(id)?;
        let call = |api: generated::Client| async move { api.cancel_scheduled_job(id).await };
        self.call(call).await.map(ResponseValue::into_inner)
    }

    /// Runs any operation of the [generated client](generated::Client) with this client's credential
    /// and errors.
    ///
    /// The closure is given a generated client that is good for one attempt. What it sends is not
    /// checked beforehand.
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
        let Shared { endpoint, http, authorizer, timeout, body_limit } = &*self.0;
        let token = authorizer.authorization(SystemTime::now())?;
        let attempt = Attempt::new(&token, *timeout, *body_limit)?;
        let api = generated::Client::new_with_client(endpoint, http.clone(), attempt.clone());
        operation(api).await.map_err(|error| {
            let record = std::mem::take(&mut *attempt.record());
            Error::from_attempt(error, record, attempt.request_id())
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { endpoint, authorizer, timeout, .. } = &*self.0;
        f.debug_struct("Client")
            .field("endpoint", endpoint)
            .field("authorizer", authorizer)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}
