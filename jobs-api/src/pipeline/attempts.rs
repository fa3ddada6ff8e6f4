//! The attempts at an operation: each waits until it may be sent, gets a token, is sent, and may be followed by
//! another.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use progenitor_client::ResponseValue;
use reqwest::header::DATE;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::retry::Decision;
use super::retry_state::{Paced, RetryState};
use super::telemetry::attempt;
use super::telemetry::trace::Trace;
use super::{Pipeline, Response, Scope};
use crate::auth::{AccessToken, CredentialError, TokenError};
use crate::error::{DeadlineExceeded, Error};
use crate::generated;
use crate::pace::{Answer, Call, Class, Reason, Subject};
use crate::runtime::attempt::Settings;
use crate::runtime::{Attempt, RequestId};

impl Pipeline {
    /// Makes attempts at an operation until one succeeds or none may follow.
    pub(super) async fn run<'a, T, E, F, Fut>(
        &'a self,
        scope: Scope<'a>,
        state: &mut RetryState,
        trace: &mut Trace<'_>,
        operation: F,
    ) -> Result<Response<T>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let unsent = |error: Error, operation: Option<&'static str>| match operation {
            Some(operation) => error.in_operation(operation, scope.job_id),
            None => error,
        };
        // Timers and sockets panic without a runtime.
        Handle::try_current().map_err(|_| unsent(CredentialError::NoRuntime.into(), trace.operation()))?;
        let (mut previous, mut rejected, mut sent) = (None, None, None::<AccessToken>);
        let mut call = self.pace.as_ref().map(|pace| {
            // A step of an operation that has begun waits behind no read, nor behind other operations.
            let class = if scope.is_read && !state.goes_first { Class::Read } else { Class::Change };
            let creates = scope.job_id.zip(scope.job_start);
            let (is_query, goes_first, breaker) = (scope.is_query, state.goes_first, state.breaker());
            pace.call(Subject { class, is_query, creates, goes_first, breaker })
        });
        loop {
            let number = state.next_attempt();
            if let Err(error) = self.admit(call.as_mut(), state, trace).await {
                return Err(previous.unwrap_or_else(|| unsent(error, trace.operation())));
            }
            let token = match self.token(state, rejected.as_ref()).await {
                Ok(token) => token,
                Err(no_token) => {
                    if let Some(call) = call.as_mut().filter(|_| state.is_patient()) {
                        call.record(Answer::Failed);
                    }
                    if let Some(wait) =
                        state.outlast(self.pace.as_ref().is_some_and(|pace| pace.snapshot().is_outage))
                    {
                        sleep(wait).await;
                        continue;
                    }
                    return Err(match previous {
                        Some(earlier) => {
                            Error::MissingToken { credential: no_token, earlier: Box::new(earlier) }
                        }
                        None => unsent(no_token.into(), trace.operation()),
                    });
                }
            };
            let token = match sent.take() {
                Some(previous) => token.after(previous),
                None => token,
            };
            sent = Some(token.clone());
            let result = pin!(self.attempt(scope, state, trace, &token, &operation)).await;
            if let Some(call) = &mut call {
                call.record(answer(&result));
            }
            let error = match result {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            trace.record_failed_attempt(&error);
            // The authorizer learns of a rejected token even if this call is not repeated.
            let can_refresh = error.is_unauthorized() && self.authorizer.reject(&token);
            let (calls, slots) = (call.is_some(), call.is_some() && scope.job_start.is_some());
            let is_outage = self.pace.as_ref().is_none_or(|pace| pace.snapshot().is_outage);
            match state.record_failure(&error, scope.is_read, Paced { calls, slots, is_outage }) {
                // The pace reports a wait for a slot, once for all tries.
                Decision::AwaitPace if error.is_job_slot_busy() => trace.count_retry(),
                Decision::AwaitPace => trace.record_retry(&error, number, None),
                // The pace reports an outage, once for all calls.
                Decision::Outlast(wait) => {
                    trace.count_retry();
                    sleep(wait).await;
                }
                Decision::WaitForSlot(wait) => {
                    trace.record_slot_wait(&error, number, wait);
                    sleep(wait).await;
                }
                Decision::Wait(wait) => {
                    trace.record_retry(&error, number, Some(wait));
                    sleep(wait).await;
                }
                Decision::RefreshToken if can_refresh => {
                    trace.record_retry(&error, number, Some(Duration::ZERO));
                    rejected = Some(token);
                }
                Decision::RefreshToken | Decision::GiveUp => {
                    // An error without a request cannot report that an earlier one may have taken effect.
                    return Err(match previous {
                        Some(previous) if state.is_outcome_unknown() && error.request().is_none() => previous,
                        _ => error,
                    });
                }
            }
            if state.is_interrupted() {
                return Err(error);
            }
            previous = Some(error);
        }
    }

    /// Waits until the next attempt may be sent.
    async fn admit(
        &self,
        call: Option<&mut Call<'_>>,
        state: &mut RetryState,
        trace: &mut Trace<'_>,
    ) -> Result<(), Error> {
        let Some(call) = call else { return Ok(()) };
        let hold = trace.start_hold();
        let admitted = call.admit(state.deadlines(self.attempt_timeout)).await;
        trace.end_hold(hold);
        state.goes_first = true;
        admitted.map_err(|late| {
            let reason = match late.reason {
                Reason::RateLimit => DeadlineExceeded::RateLimit { wait: late.wait, rate: late.rate },
                Reason::Slot => DeadlineExceeded::Slot,
                Reason::Outage => DeadlineExceeded::Outage,
            };
            Error::DeadlineExceeded { reason, target: None }
        })
    }

    /// Returns the token for the next attempt, waiting no longer than the remaining attempts may take.
    async fn token(
        &self,
        state: &RetryState,
        rejected: Option<&AccessToken>,
    ) -> Result<AccessToken, CredentialError> {
        let mut token = pin!(self.authorizer.token(rejected));
        if let Some(token) = token.as_mut().now_or_never() {
            // A key signs at once: no timer is needed.
            return token;
        }
        let limit = state.token_timeout(self.attempt_timeout);
        let token = timeout(limit, token).await;
        token.unwrap_or_else(|_| Err(CredentialError::NoToken(TokenError::timeout(limit))))
    }

    /// Makes one attempt at an operation.
    async fn attempt<T, E, F, Fut>(
        &self,
        scope: Scope<'_>,
        state: &mut RetryState,
        trace: &mut Trace<'_>,
        token: &AccessToken,
        operation: &F,
    ) -> Result<Response<T>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let start = Instant::now();
        let request_id = RequestId::random();
        let number = state.next_attempt();
        let attempt = Attempt::new(Settings {
            authorization: token.header().clone(),
            redactor: token.redactor(),
            request_id,
            number,
            timeout: state.attempt_timeout(start, self.attempt_timeout),
            exposes_headers: scope.exposes_headers,
            body_limit: scope.body_limit.map_or(self.body_limit, |limit| limit.min(self.body_limit)),
            headers: self.headers.clone(),
            on_request: self.on_request.clone(),
        });
        let endpoint = self.endpoint.as_str().trim_end_matches('/');
        let api = generated::Client::new_with_client(endpoint, self.http.clone(), attempt.clone());
        state.record_start(start);
        let result = pin!(operation(api)).await;
        let end = Instant::now();
        let elapsed = end - start;
        let mut exchange = std::mem::take(&mut *attempt.exchange());
        let span = exchange.span.take();
        trace.record_attempt(exchange.request.as_ref().map(|request| request.operation));
        if let Some(date) = exchange.response.as_ref().and_then(|response| response.headers.get(DATE)) {
            self.authorizer.clock().observe_header(date, elapsed);
        }
        let result = match result {
            Ok(response) if !exchange.is_unusable() => {
                Ok(Response::new(response, exchange, request_id, number, state.elapsed(end)))
            }
            result => Err(Error::from_attempt(result.err(), exchange, token)),
        };
        attempt::record_end(span.as_ref(), result.as_ref().err(), elapsed);
        result
    }
}

/// Returns the hub's answer, as far as it concerns the pace.
fn answer<T>(result: &Result<T, Error>) -> Answer {
    let Err(error) = result else { return Answer::Success };
    let retry_after = error.service().and_then(|service| service.retry_after());
    match error {
        _ if error.is_job_slot_busy() => Answer::SlotBusy(retry_after),
        _ if error.is_throttled() => Answer::Throttled(retry_after),
        _ if error.is_retryable() => Answer::Failed,
        _ => Answer::Refused,
    }
}
