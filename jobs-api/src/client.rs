//! The client: one short method per operation.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use progenitor_client::ResponseValue;
use reqwest::{StatusCode, Url};
use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, Span};

use crate::auth::Authorizer;
use crate::builder::ClientBuilder;
use crate::error::{Error, ServiceError};
use crate::exchange::{Answer, Extent};
use crate::generated;
use crate::hooks::Attempt;
use crate::outcome::JobOutcome;
use crate::pages::{JobFilter, Listing};
use crate::report::JobReport;
use crate::retry::{Decision, Progress, RetryPolicy};
use crate::rules;
use crate::settle;
use crate::telemetry;
use crate::types::{DeviceJob, JobRequest, JobResponse};
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

    /// The time by the hub's clock, as far as it is known.
    pub(crate) fn hub_time(&self) -> DateTime<Utc> {
        self.0.authorizer.hub_time()
    }

    fn span(&self, job_id: Option<&str>) -> Span {
        telemetry::operation_span(&self.0.endpoint, self.0.authorizer.host(), job_id)
    }

    /// Has an operation take place in its span, which is told of its failure.
    async fn watched<T>(
        &self,
        span: &Span,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let outcome = operation.instrument(span.clone()).await;
        outcome.inspect_err(|error| telemetry::failed(span, error))
    }

    /// Creates or cancels a job; when the answer is lost, the job itself tells whether that `is_done`.
    async fn settled<E, F, Fut>(
        &self,
        id: &str,
        operation: F,
        is_done: impl Fn(&JobResponse) -> bool,
    ) -> Result<JobResponse, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<JobResponse>, progenitor_client::Error<E>>>,
    {
        let span = self.span(Some(id));
        let work = async {
            let mut progress = Progress::start(&self.0.retry);
            let failed = match self.run(&mut progress, &span, operation).await {
                Ok(answer) => return Ok(answer.into_inner()),
                Err(failed) if !failed.may_have_succeeded => return Err(failed.error),
                Err(failed) => failed,
            };
            let looking = self.span(Some(id));
            let found = self
                .read(&mut progress.continue_with_another(), &looking, id)
                .instrument(looking.clone())
                .await;
            let done = found.ok().filter(is_done);
            telemetry::settled(&span, done.is_some());
            done.ok_or(failed.error)
        };
        self.watched(&span, work).await
    }

    /// Attempts an operation until it succeeds or is not to be attempted again.
    async fn run<T, E, F, Fut>(
        &self,
        progress: &mut Progress<'_>,
        span: &Span,
        operation: F,
    ) -> Result<ResponseValue<T>, Failed>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        loop {
            let number = progress.attempt();
            telemetry::attempt(span, number);
            let attempt = self.attempt(progress.remaining(), span)?;
            let error = match self.send(&attempt, &operation).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match progress.decide(&error) {
                Decision::Wait(wait) | Decision::WaitForSlot(wait) => {
                    telemetry::retrying(span, &error, number, wait);
                    sleep(wait).await;
                }
                Decision::Renew if self.0.authorizer.renew(attempt.token(), clock_skew(&error)) => {
                    telemetry::retrying(span, &error, number, Duration::ZERO);
                }
                decision => {
                    return Err(Failed { error, may_have_succeeded: decision == Decision::LookAtJob });
                }
            }
        }
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
        if matches!(record.answer, Some(Answer { extent: Extent::OverLimit(_), status: StatusCode::OK, .. }))
        {
            return Err(Error::over_limit(record, attempt.request_id()));
        }
        answer.map_err(|error| Error::from_attempt(error, record, attempt.request_id()))
    }

    async fn read(&self, progress: &mut Progress<'_>, span: &Span, id: &str) -> Result<JobResponse, Failed> {
        let read = |api: generated::Client| async move { api.get_scheduled_job(id).await };
        self.run(progress, span, read).await.map(ResponseValue::into_inner)
    }
}

/// An operation that is not attempted again.
struct Failed {
    error: Error,
    /// An attempt whose answer was lost may have done what was asked.
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

/// How far the hub's clock is ahead of ours: not at all, unless the refusal tells otherwise.
fn clock_skew(error: &Error) -> TimeDelta {
    error.service().and_then(ServiceError::clock_skew).unwrap_or_default()
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
