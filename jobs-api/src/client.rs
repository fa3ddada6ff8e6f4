//! The client: one short method per operation.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use progenitor_client::ResponseValue;
use reqwest::Url;
use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, Span};

use crate::auth::Authorizer;
use crate::builder::ClientBuilder;
use crate::error::{Error, ServiceError};
use crate::generated;
use crate::hooks::Attempt;
use crate::pages::{JobFilter, Listing};
use crate::report::JobReport;
use crate::retry::{Decision, Progress, RetryPolicy};
use crate::rules;
use crate::settle;
use crate::telemetry;
use crate::types::{DeviceJob, JobRequest, JobResponse, JobStatus};
use crate::wait::WaitForJob;
use crate::wait_many::WaitForJobs;

/// A client of the scheduled jobs of one hub.
///
/// Cloning is cheap; clones share their connections and their token.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

/// What all clones of a client share.
pub(crate) struct Shared {
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
        let mut progress = Progress::start(&self.0.retry);
        let create = |api: generated::Client| async move { api.create_scheduled_job(id, body).await };
        match self.run(&mut progress, Some(id), create).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(failed) => self.settle(failed, &progress, id, |job| settle::is_of_request(job, body)).await,
        }
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
        Ok(self.read(&mut Progress::start(&self.0.retry), id).await?)
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
        let mut progress = Progress::start(&self.0.retry);
        let cancel = |api: generated::Client| async move { api.cancel_scheduled_job(id).await };
        match self.run(&mut progress, Some(id), cancel).await {
            Ok(answer) => Ok(answer.into_inner()),
            Err(failed) => {
                let is_cancelled = |job: &JobResponse| job.status == Some(JobStatus::Cancelled);
                self.settle(failed, &progress, id, is_cancelled).await
            }
        }
    }

    /// Waits for a job to end, in whatever way: await it, with a timeout or a callback if you like.
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

    /// Waits for many jobs to end, at the price of pages rather than of jobs.
    pub fn wait_for_jobs<'a, I: IntoIterator<Item: Into<String>>>(&self, ids: I) -> WaitForJobs<'a> {
        WaitForJobs::new(self.clone(), ids.into_iter().map(Into::into).collect())
    }

    /// Lists the hub's jobs, which it keeps for 30 days, in an order it does not promise:
    /// [Query Scheduled Jobs][page].
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/query-scheduled-jobs
    pub fn query_scheduled_jobs(&self, filter: JobFilter) -> Listing<JobResponse> {
        Listing::of_jobs(self.clone(), filter)
    }

    /// Lists what a job did on each device: [Query jobs][page].
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/query-jobs
    pub fn query_device_jobs(&self, job_id: &str) -> Listing<DeviceJob> {
        Listing::of_device_jobs(self.clone(), job_id)
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
        Ok(self.run(&mut Progress::start(&self.0.retry), None, operation).await?)
    }

    /// Attempts an operation until it succeeds or is not to be attempted again.
    async fn run<T, E, F, Fut>(
        &self,
        progress: &mut Progress<'_>,
        job_id: Option<&str>,
        operation: F,
    ) -> Result<ResponseValue<T>, Failed>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let span = telemetry::operation_span(&self.0.endpoint, self.0.authorizer.host(), job_id);
        let attempts = async {
            loop {
                telemetry::attempt(&span, progress.attempt());
                let attempt = self.attempt(progress.remaining(), &span)?;
                let error = match self.send(&attempt, &operation).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                let number = progress.attempt();
                match progress.decide(&error) {
                    Decision::Wait(wait) | Decision::WaitForSlot(wait) => {
                        telemetry::retrying(&span, &error, number, wait);
                        sleep(wait).await;
                    }
                    Decision::Renew if self.0.authorizer.renew(attempt.token(), clock_skew(&error)) => {
                        telemetry::retrying(&span, &error, number, Duration::ZERO);
                    }
                    decision => {
                        telemetry::failed(&span, &error);
                        return Err(Failed { error, may_have_succeeded: decision == Decision::LookAtJob });
                    }
                }
            }
        };
        attempts.instrument(span.clone()).await
    }

    /// What one attempt sends along, and may take at most.
    fn attempt(&self, remaining: Duration, span: &Span) -> Result<Attempt, Error> {
        let Shared { authorizer, timeout, body_limit, .. } = &*self.0;
        let token = authorizer.authorization(Utc::now())?;
        Ok(Attempt::new(token, remaining.min(*timeout), *body_limit, span.clone())?)
    }

    /// Attempts an operation once.
    async fn send<T, E, F, Fut>(&self, attempt: &Attempt, operation: &F) -> Result<ResponseValue<T>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let Shared { endpoint, http, .. } = &*self.0;
        let endpoint = endpoint.as_str().trim_end_matches('/');
        let start = Instant::now();
        let api = generated::Client::new_with_client(endpoint, http.clone(), attempt.clone());
        let answer = operation(api).await;
        let record = std::mem::take(&mut *attempt.record());
        telemetry::answered(attempt.span(), record.answer.as_ref(), start.elapsed());
        if let Some(host) = record.answer.as_ref().and_then(|answer| answer.redirected_to.as_deref()) {
            return Err(Error::redirected(host));
        }
        answer.map_err(|error| Error::from_attempt(error, record, attempt.request_id()))
    }

    async fn read(&self, progress: &mut Progress<'_>, id: &str) -> Result<JobResponse, Failed> {
        let read = |api: generated::Client| async move { api.get_scheduled_job(id).await };
        self.run(progress, Some(id), read).await.map(ResponseValue::into_inner)
    }

    /// Reads the job when an attempt whose answer was lost may have done what the failed one was to do.
    async fn settle(
        &self,
        failed: Failed,
        progress: &Progress<'_>,
        id: &str,
        is_done: impl Fn(&JobResponse) -> bool,
    ) -> Result<JobResponse, Error> {
        if failed.may_have_succeeded
            && let Ok(job) = self.read(&mut progress.continue_with_another(), id).await
            && is_done(&job)
        {
            telemetry::settled(id);
            return Ok(job);
        }
        Err(failed.error)
    }
}

/// An operation that is not attempted again.
struct Failed {
    error: Error,
    /// The hub refuses what an attempt whose answer was lost may have done.
    may_have_succeeded: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, may_have_succeeded: false }
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}

fn clock_skew(error: &Error) -> Option<TimeDelta> {
    error.service().and_then(ServiceError::clock_skew)
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
