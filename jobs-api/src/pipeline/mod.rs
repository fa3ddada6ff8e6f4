//! One call: signed, sent, retried, resolved when its response is lost, and traced.
//!
//! [`Pipeline::execute`] runs any operation. [`Pipeline::execute_change`] runs one that creates or cancels a
//! job, and reads the job when a response was lost. [`Pipeline::execute_ensure`] runs one that creates a job
//! unless it exists, and [`Pipeline::execute_compare`] compares a job with the one requested.

mod attempts;
mod body;
pub(crate) mod change;
pub(crate) mod hooks;
pub(crate) mod lost_response;
pub(crate) mod pacer;
mod response;
pub(crate) mod retry;
mod retry_state;
pub(crate) mod telemetry;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use progenitor_client::ResponseValue;
use reqwest::Url;
use reqwest::header::HeaderMap;
use tracing::Instrument as _;

use self::pacer::Pacer;
pub use self::response::Response;
use self::retry::RetryPolicy;
use self::retry_state::RetryState;
use self::telemetry::trace::Trace;
use crate::auth::Authorizer;
use crate::error::Error;
use crate::generated;
use crate::generated::types::{JobResponse, JobStatus};
use crate::limits::is_job_id;
use crate::runtime::attempt::OnRequest;

/// The way of every call of a client to its hub. A clone shares connections, token and pace.
#[derive(Clone)]
pub(crate) struct Pipeline {
    /// The hub's name, whichever host its requests go to.
    pub(crate) host_name: String,
    /// Scheme, host and the path below which the operations lie.
    pub(crate) endpoint: Url,
    pub(crate) http: reqwest::Client,
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) retry: RetryPolicy,
    /// `None` if calls are not paced.
    pub(crate) pacer: Option<Arc<Pacer>>,
    /// How long one attempt may take.
    pub(crate) attempt_timeout: Duration,
    /// Bytes of a response body that are read.
    pub(crate) body_limit: usize,
    /// Headers of the user for every request.
    pub(crate) headers: Arc<HeaderMap>,
    /// Sets headers for each attempt.
    pub(crate) on_request: Option<OnRequest>,
}

/// The subject of an operation, for traces and limits.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scope<'a> {
    /// The name of the operation; `None` if only its first request tells.
    pub(crate) operation: Option<&'static str>,
    pub(crate) job_id: Option<&'a str>,
    /// The operation changes nothing, whatever its HTTP method.
    pub(crate) is_read: bool,
    /// The operation is a query, which the hub meters separately.
    pub(crate) is_query: bool,
    /// The operation starts the job, which takes a slot at once.
    pub(crate) starts_job: bool,
    /// The operation is a user's, which may read the headers of its response.
    pub(crate) exposes_headers: bool,
    /// Bytes of a response body that are read, if fewer than the client's limit.
    pub(crate) body_limit: Option<usize>,
}

impl Pipeline {
    /// Runs an operation until it succeeds or is not to be repeated, and reads its response.
    ///
    /// `operation` is called once for each attempt, with a generated client for that attempt.
    pub(crate) async fn execute<T, U, E, F, Fut>(
        &self,
        scope: Scope<'_>,
        operation: F,
        read: impl FnOnce(Response<T>) -> Result<U, Error>,
    ) -> Result<U, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let mut trace = Trace::start(&self.host_name, scope.operation, scope.job_id);
        let mut state = RetryState::start(&self.retry);
        let span = trace.span();
        // Pinned, as elsewhere in this folder: a future that is instrumented or awaited itself would be moved.
        let result = pin!(self.run(scope, &mut state, &mut trace, operation)).instrument(span).await;
        let result =
            result.and_then(read).map_err(|error| error.with_outcome_unknown(state.is_outcome_unknown()));
        trace.end(result.as_ref().err());
        result
    }

    /// Reads a job.
    pub(crate) async fn read_job(&self, id: &str) -> Result<JobResponse, Error> {
        let operation = Some("get_scheduled_job");
        let scope = Scope { operation, job_id: Some(id), is_read: true, ..Scope::default() };
        let read = |api: generated::Client| async move { api.get_scheduled_job(id).await };
        let job = self.execute(scope, read, |response| Ok(response.into_inner())).await?;
        self.record_state(id, &job);
        Ok(job)
    }

    /// Reports an operation that is refused before anything is sent. Returns the error with the operation and
    /// the job's id in it.
    pub(crate) fn refuse(&self, operation: &'static str, job_id: Option<&str>, error: Error) -> Error {
        // An invalid id may be anything, such as a key by mistake.
        let job_id = job_id.filter(|id| is_job_id(id));
        let error = error.in_operation(operation, job_id);
        Trace::start(&self.host_name, Some(operation), job_id).end(Some(&error));
        error
    }

    /// Notes the state of a job that was read: one that has ended frees a slot.
    pub(crate) fn record_state(&self, id: &str, job: &JobResponse) {
        let has_ended = matches!(job.status, Some(JobStatus::Completed | JobStatus::Failed))
            || lost_response::is_cancelled(job.status.as_ref());
        match &self.pacer {
            Some(pacer) if has_ended => pacer.record_job_end(id),
            Some(pacer) => pacer.record_running(id),
            None => {}
        }
    }

    /// Returns the time until a job is expected to end, with so many devices left.
    pub(crate) fn time_to_end(&self, id: &str, devices_left: u32) -> Option<Duration> {
        self.pacer.as_ref()?.time_to_end(id, devices_left)
    }

    /// Returns the hub's time, as far as it is known.
    pub(crate) fn hub_time(&self) -> DateTime<Utc> {
        self.authorizer.clock().now()
    }
}
