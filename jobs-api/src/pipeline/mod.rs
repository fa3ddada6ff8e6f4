//! One call: signed, sent, retried, resolved when its response is lost, and traced.
//!
//! [`Pipeline::execute`] runs any operation. `Pipeline::execute_change` runs one that creates or cancels a
//! job, and reads the job when a response was lost. Everything above needs no more than these.

mod change;
mod hooks;
pub(crate) mod lost_response;
pub(crate) mod pacer;
mod response;
pub(crate) mod retry;
mod retry_state;
mod telemetry;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use progenitor_client::ResponseValue;
use reqwest::Url;
use reqwest::header::HeaderMap;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};
use tracing::Span;

use self::pacer::queue::Class;
use self::pacer::{Answer, Call, Pacer, Permit};
pub use self::response::Response;
use self::retry::{Decision, RetryPolicy};
use self::retry_state::{Paced, RetryState};
use crate::auth::{AccessToken, Authorizer, CredentialError, TokenError};
use crate::error::{Error, NotInTime, date};
use crate::generated;
use crate::generated::types::{JobResponse, JobStatus};
use crate::runtime::Attempt;
use crate::runtime::RequestId;
use crate::runtime::attempt::Settings;

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
}

/// The subject of an operation, for traces and limits.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scope<'a> {
    pub(crate) job_id: Option<&'a str>,
    /// The operation changes nothing, whatever its HTTP method.
    pub(crate) is_read: bool,
    /// The operation is a query, which the hub meters separately.
    pub(crate) is_query: bool,
    /// The operation starts the job, which takes a slot at once.
    pub(crate) starts_job: bool,
    /// Bytes of a response body that are read, if fewer than the client's limit.
    pub(crate) body_limit: Option<usize>,
}

impl Pipeline {
    /// Runs an operation until it succeeds or is not to be repeated.
    ///
    /// `operation` is called once for each attempt, with a generated client for that attempt.
    pub(crate) async fn execute<T, E, F, Fut>(
        &self,
        scope: Scope<'_>,
        operation: F,
    ) -> Result<Response<T>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let span = self.span(scope.job_id);
        let run = async {
            let mut state = RetryState::start(&self.retry);
            let result = self.run(scope, &span, &mut state, operation).await;
            result.map_err(|error| error.with_outcome_unknown(state.is_outcome_unknown()))
        };
        telemetry::trace(&span, run).await
    }

    /// Reads a job.
    pub(crate) async fn read_job(&self, id: &str) -> Result<JobResponse, Error> {
        let scope = Scope { job_id: Some(id), is_read: true, ..Scope::default() };
        let read = |api: generated::Client| async move { api.get_scheduled_job(id).await };
        let job = self.execute(scope, read).await.map(Response::into_inner)?;
        self.record_state(id, &job);
        Ok(job)
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

    async fn run<'a, T, E, F, Fut>(
        &'a self,
        scope: Scope<'a>,
        span: &Span,
        state: &mut RetryState,
        operation: F,
    ) -> Result<Response<T>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let (mut previous, mut rejected) = (None, None);
        let class = if scope.is_read { Class::Read } else { Class::Change };
        let calls = self.pacer.is_some();
        let paced = Paced { calls, slots: calls && scope.starts_job };
        let mut call = Call::new(class, scope.is_query, scope.job_id.filter(|_| scope.starts_job));
        loop {
            let number = state.next_attempt();
            telemetry::record_attempt(span, number);
            let permit = match self.turn(&mut call, state).await {
                Ok(permit) => permit,
                Err(error) => return Err(previous.unwrap_or(error)),
            };
            let token = match self.token(state, rejected.as_ref()).await {
                Ok(token) => token,
                // A missing token now says nothing about earlier attempts.
                Err(no_token) => match previous {
                    Some(error) => {
                        telemetry::record_missing_token(span, &no_token);
                        return Err(error);
                    }
                    None => return Err(no_token.into()),
                },
            };
            let result = self.attempt(scope, span, state, &token, &operation).await;
            if let Some(permit) = permit {
                permit.record(answer(&result));
            }
            let error = match result {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            // The authorizer learns of a rejected token even if this call is not repeated.
            let can_refresh = error.is_unauthorized() && self.authorizer.reject(&token);
            match state.record_failure(&error, scope.is_read, paced) {
                Decision::AwaitTurn => telemetry::record_retry(span, &error, number, Duration::ZERO),
                Decision::Wait(_) if self.pacer.as_ref().is_some_and(|pacer| !pacer.take_retry()) => {
                    return Err(error);
                }
                Decision::Wait(wait) | Decision::WaitForSlot(wait) => {
                    telemetry::record_retry(span, &error, number, wait);
                    sleep(wait).await;
                }
                Decision::RefreshToken if can_refresh => {
                    telemetry::record_retry(span, &error, number, Duration::ZERO);
                    rejected = Some(token);
                }
                Decision::RefreshToken | Decision::GiveUp => {
                    // An error without a request cannot report that an earlier one may have taken effect.
                    return Err(match previous {
                        Some(previous) if state.is_outcome_unknown() && !error.has_outcome() => previous,
                        _ => error,
                    });
                }
            }
            previous = Some(error);
        }
    }

    /// Waits for the turn of the next attempt.
    async fn turn<'a>(
        &'a self,
        call: &mut Call<'a>,
        state: &RetryState,
    ) -> Result<Option<Permit<'a>>, Error> {
        let Some(pacer) = &self.pacer else { return Ok(None) };
        // A timer panics without a runtime.
        Handle::try_current().map_err(|_| CredentialError::NoRuntime)?;
        let permit = pacer.turn(call, state.deadlines(self.attempt_timeout)).await.map_err(|missed| {
            let (waiting, wait) = (missed.late.waiting, missed.late.wait);
            let error = NotInTime { waiting, rate: missed.rate, wait, is_slot: missed.is_slot };
            Error::NotInTime(Box::new(error))
        })?;
        Ok(Some(permit))
    }

    /// Returns the token for the next attempt, waiting no longer than the remaining attempts may take.
    async fn token(
        &self,
        state: &RetryState,
        rejected: Option<&AccessToken>,
    ) -> Result<AccessToken, CredentialError> {
        // Timers and sockets panic without a runtime.
        Handle::try_current().map_err(|_| CredentialError::NoRuntime)?;
        let limit = state.token_timeout(self.attempt_timeout);
        let token = timeout(limit, self.authorizer.token(rejected)).await;
        token.unwrap_or_else(|_| Err(CredentialError::NoToken(TokenError::timeout(limit))))
    }

    /// Makes one attempt at an operation.
    async fn attempt<T, E, F, Fut>(
        &self,
        scope: Scope<'_>,
        span: &Span,
        state: &mut RetryState,
        token: &AccessToken,
        operation: &F,
    ) -> Result<Response<T>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let request_id = RequestId::random();
        let number = state.next_attempt();
        let attempt = Attempt::new(Settings {
            authorization: token.header().clone(),
            request_id,
            number,
            timeout: state.remaining().min(self.attempt_timeout),
            body_limit: scope.body_limit.map_or(self.body_limit, |limit| limit.min(self.body_limit)),
            headers: self.headers.clone(),
            span: span.clone(),
        });
        let endpoint = self.endpoint.as_str().trim_end_matches('/');
        let api = generated::Client::new_with_client(endpoint, self.http.clone(), attempt.clone());
        state.record_start();
        let clock = self.authorizer.clock();
        let (start, sent) = (Instant::now(), clock.local_now());
        let result = operation(api).await;
        let exchange = std::mem::take(&mut *attempt.exchange());
        telemetry::record_response(span, exchange.response.as_ref(), start.elapsed());
        if let Some(date) = exchange.response.as_ref().and_then(|response| date(&response.headers)) {
            clock.observe(date, sent, clock.local_now());
        }
        if exchange.is_unusable() {
            return Err(Error::from_unusable(exchange, token));
        }
        result
            .map(|response| Response::new(response, request_id, number, state.elapsed()))
            .map_err(|error| Error::from_attempt(error, exchange, token))
    }

    fn span(&self, job_id: Option<&str>) -> Span {
        telemetry::operation_span(&self.endpoint, &self.host_name, job_id)
    }
}

/// Returns the hub's answer, as far as it concerns the pace; `None` if there is none, or the hub is in
/// trouble.
fn answer<T>(result: &Result<T, Error>) -> Option<Answer> {
    match result {
        Ok(_) => Some(Answer::Success),
        Err(error) if error.is_throttled() => {
            let retry_after = error.service().and_then(|service| service.retry_after());
            Some(match error.is_job_slot_busy() {
                true => Answer::SlotBusy { retry_after },
                false => Answer::Throttled { retry_after },
            })
        }
        Err(error) => error
            .status()
            .filter(|status| !error.is_retryable() || status.is_success())
            .map(|_| Answer::Refused),
    }
}
