//! The attempts at an operation: each waits for its turn, gets a token, is sent, and may be followed by
//! another.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use progenitor_client::ResponseValue;
use reqwest::header::DATE;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::pacer::queue::Class;
use super::pacer::{Answer, Call, Permit};
use super::retry::Decision;
use super::retry_state::{Paced, RetryState};
use super::telemetry::attempt;
use super::telemetry::trace::Trace;
use super::{Pipeline, Response, Scope};
use crate::auth::{AccessToken, CredentialError, TokenError, redact_header};
use crate::error::{Error, NotInTime};
use crate::generated;
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
        let unsent = |error, operation: Option<&'static str>| match operation {
            Some(operation) => Error::from(error).in_operation(operation, scope.job_id),
            None => Error::from(error),
        };
        // Timers and sockets panic without a runtime.
        Handle::try_current().map_err(|_| unsent(CredentialError::NoRuntime, trace.operation()))?;
        let (mut previous, mut rejected) = (None, None);
        let class = if scope.is_read { Class::Read } else { Class::Change };
        let calls = self.pacer.is_some();
        let paced = Paced { calls, slots: calls && scope.starts_job };
        let mut call = Call::new(class, scope.is_query, scope.job_id.filter(|_| scope.starts_job));
        call.place = state.place;
        loop {
            let number = state.next_attempt();
            let permit = match self.turn(&mut call, state, trace).await {
                Ok(permit) => permit,
                Err(error) => return Err(previous.unwrap_or(error)),
            };
            state.place = call.place;
            let token = match self.token(state, rejected.as_ref()).await {
                Ok(token) => token,
                // A missing token now says nothing about earlier attempts.
                Err(no_token) => match previous {
                    Some(error) => {
                        trace.record_missing_token(&no_token);
                        return Err(error);
                    }
                    None => return Err(unsent(no_token, trace.operation())),
                },
            };
            let result = pin!(self.attempt(scope, state, trace, &token, &operation)).await;
            if let Some(permit) = permit {
                permit.record(answer(&result));
            }
            let error = match result {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            trace.record_failed_attempt(&error);
            // The authorizer learns of a rejected token even if this call is not repeated.
            let can_refresh = error.is_unauthorized() && self.authorizer.reject(&token);
            match state.record_failure(&error, scope.is_read, paced) {
                // The pacer reports a wait for a slot, once for all tries.
                Decision::AwaitTurn if error.is_job_slot_busy() => trace.count_retry(),
                Decision::AwaitTurn => trace.record_retry(&error, number, None),
                Decision::Wait(_) if self.pacer.as_ref().is_some_and(|pacer| !pacer.take_retry()) => {
                    return Err(error);
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
                        Some(previous) if state.is_outcome_unknown() && !error.has_outcome() => previous,
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

    /// Waits for the turn of the next attempt.
    async fn turn<'a>(
        &'a self,
        call: &mut Call<'a>,
        state: &RetryState,
        trace: &mut Trace<'_>,
    ) -> Result<Option<Permit<'a>>, Error> {
        let Some(pacer) = &self.pacer else { return Ok(None) };
        let hold = trace.start_hold();
        let turn = pacer.turn(call, state.deadlines(self.attempt_timeout)).await;
        trace.end_hold(hold);
        let permit = turn.map_err(|missed| {
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
            redact: redact_header,
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
            _ if exchange.is_unusable() => Err(Error::from_unusable(exchange, token)),
            Ok(response) => Ok(Response::new(response, exchange, request_id, number, state.elapsed(end))),
            Err(error) => Err(Error::from_attempt(error, exchange, token)),
        };
        attempt::record_end(span.as_ref(), result.as_ref().err(), elapsed);
        result
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
