//! Changes of a job: after a lost response the job itself is read.

use std::future::Future;
use std::pin::pin;

use chrono::TimeDelta;
use progenitor_client::ResponseValue;
use tokio::time::sleep;
use tracing::Instrument as _;

use super::lost_response::{Change, Resolution, differences, resolve_missing};
use super::retry_state::RetryState;
use super::telemetry::trace::Trace;
use super::{Pipeline, Response, Scope};
use crate::error::Error;
use crate::generated;
use crate::generated::types::{JobRequest, JobResponse, JobStatus};

/// Attempts at reading the job after a lost response.
const LOOK_ATTEMPTS: u32 = 3;

/// The first step of creating a job that may exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum First {
    /// Create it: cheapest if it does not exist.
    Create,
    /// Read it: a job that exists needs no slot, for which its creation might wait.
    Read,
}

impl Pipeline {
    /// Runs an operation that changes the job `id`. After a lost response the job itself is read, before
    /// any failure is returned.
    pub(crate) async fn execute_change<E, F, Fut>(
        &self,
        name: &'static str,
        id: &str,
        change: Change<'_>,
        operation: F,
    ) -> Result<Box<JobResponse>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<JobResponse>, progenitor_client::Error<E>>>,
    {
        let mut trace = Trace::start(&self.host_name, Some(name), Some(id));
        let mut state = RetryState::start(&self.retry);
        let span = trace.span();
        let result = pin!(self.change(id, &change, &mut state, &mut trace, operation)).instrument(span).await;
        trace.end(result.as_ref().err());
        result
    }

    /// Runs an operation that creates the job `id` as in `request`, the one that is sent. If a job of this id
    /// exists, it is read and returned, or is a conflict if it is not the one requested.
    pub(crate) async fn execute_ensure<E, F, Fut>(
        &self,
        name: &'static str,
        id: &str,
        request: &JobRequest,
        first: First,
        create: F,
    ) -> Result<Box<JobResponse>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<JobResponse>, progenitor_client::Error<E>>>,
    {
        let mut trace = Trace::start(&self.host_name, Some(name), Some(id));
        let mut state = RetryState::start(&self.retry);
        let span = trace.span();
        let run = async {
            if first == First::Read {
                let mut look = RetryState::start(&self.retry);
                match Box::pin(self.look(id, &mut look, &mut trace)).await {
                    Ok(job) if is_shown(&job) => return self.found(id, job, request),
                    Err(error) if !error.is_not_found() => return Err(error),
                    _ => {}
                }
            }
            let change = Change::Create(request);
            match self.change(id, &change, &mut state, &mut trace, create).await {
                Err(error) if error.is_already_exists() => {}
                result => return result,
            }
            let mut look = RetryState::start(&self.retry);
            let job = Box::pin(self.look(id, &mut look, &mut trace)).await?;
            self.found(id, job, request)
        };
        let result = run.instrument(span).await;
        trace.end(result.as_ref().err());
        result
    }

    /// Runs an operation that reads the job `id`, and returns the members in which it differs from `request`, the
    /// one that would be sent. Returns `None` if the hub has no such job, or does not show it.
    pub(crate) async fn execute_compare(
        &self,
        name: &'static str,
        id: &str,
        request: &JobRequest,
    ) -> Result<Option<Vec<&'static str>>, Error> {
        let mut trace = Trace::start(&self.host_name, Some(name), Some(id));
        let mut state = RetryState::start(&self.retry);
        let span = trace.span();
        let result = match pin!(self.look(id, &mut state, &mut trace)).instrument(span).await {
            Ok(job) if is_shown(&job) => {
                self.record_state(id, &job);
                Ok(Some(differences(&job, request).collect()))
            }
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(None),
        };
        trace.end(result.as_ref().err());
        result
    }

    /// Returns the job `id`, which exists, if it is the one that `request` asks for.
    fn found(
        &self,
        id: &str,
        job: Box<JobResponse>,
        request: &JobRequest,
    ) -> Result<Box<JobResponse>, Error> {
        self.record_state(id, &job);
        let differences: Vec<_> = differences(&job, request).collect();
        if differences.is_empty() {
            return Ok(job);
        }
        Err(Error::JobConflict { job_id: id.to_owned(), differences })
    }

    async fn change<E, F, Fut>(
        &self,
        id: &str,
        change: &Change<'_>,
        state: &mut RetryState,
        trace: &mut Trace<'_>,
        operation: F,
    ) -> Result<Box<JobResponse>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<JobResponse>, progenitor_client::Error<E>>>,
    {
        let starts_job = change.starts_job(|| self.hub_time());
        let scope = Scope { job_id: Some(id), starts_job, ..Scope::default() };
        let result = pin!(self.run(scope, state, trace, operation)).await;
        let error = match result {
            Ok(response) => return Ok(response.into_boxed()),
            Err(error) if !state.is_outcome_unknown() => return Err(error),
            Err(error) => error,
        };
        // Boxed, since it is rare and as large as the operation itself.
        let resolution = Box::pin(self.resolve(id, change, state, trace, &error)).await;
        trace.record_resolution(resolution.as_str());
        match resolution {
            Resolution::Applied(job) => Ok(job),
            Resolution::NotApplied => Err(error),
            Resolution::Unknown => Err(error.with_outcome_unknown(true)),
        }
    }

    /// Reads the job after a lost response, within what is left of the deadline, and concludes from it.
    async fn resolve(
        &self,
        id: &str,
        change: &Change<'_>,
        state: &RetryState,
        trace: &mut Trace<'_>,
        error: &Error,
    ) -> Resolution {
        if !self.retry.allows_retries() {
            return Resolution::Unknown;
        }
        // The hub's request for a pause holds for this read too.
        let pause = error.service().and_then(|service| service.retry_after()).unwrap_or_default();
        if pause >= state.remaining() {
            return Resolution::Unknown;
        }
        sleep(pause).await;
        let found = self.look(id, &mut state.restart(LOOK_ATTEMPTS), trace).await;
        let earliest_sent = self.authorizer.clock().earliest_now().zip(state.since_first_attempt());
        let earliest_sent = earliest_sent
            .and_then(|(now, elapsed)| now.checked_sub_signed(TimeDelta::from_std(elapsed).ok()?));
        match found {
            Ok(job) => change.resolve(id, job, earliest_sent, state.may_be_pending()),
            Err(error) if error.is_coded_not_found() => resolve_missing(state.may_be_pending()),
            Err(_) => Resolution::Unknown,
        }
    }

    /// Reads a job as a part of another operation.
    async fn look(
        &self,
        id: &str,
        state: &mut RetryState,
        trace: &mut Trace<'_>,
    ) -> Result<Box<JobResponse>, Error> {
        let scope = Scope { job_id: Some(id), is_read: true, ..Scope::default() };
        let read = |api: generated::Client| async move { api.get_scheduled_job(id).await };
        self.run(scope, state, trace, read).await.map(Response::into_boxed)
    }
}

/// Returns true if the hub shows the state of the job: it does not of an import or export job, and may answer so
/// for an id that it does not know.
fn is_shown(job: &JobResponse) -> bool {
    !matches!(job.status, None | Some(JobStatus::Unknown))
}
