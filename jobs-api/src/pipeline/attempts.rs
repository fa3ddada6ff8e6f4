//! The attempts at an operation: each waits until it may be sent, gets a token, is sent, and may be followed by
//! another.

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use reqwest::header::DATE;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::decision::{Decision, Paced};
use super::generated_call::GeneratedCall;
use super::retry_state::RetryState;
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
    pub(super) async fn run<T, E>(
        &self,
        scope: Scope<'_>,
        state: &mut RetryState,
        trace: &mut Trace<'_>,
        operation: impl GeneratedCall<T, E>,
    ) -> Result<Response<T>, Error> {
        // Timers and sockets panic without a runtime.
        Handle::try_current().map_err(|_| trace.name(CredentialError::NoRuntime.into(), scope.job_id))?;
        let mut call = self.pace.as_ref().map(|pace| pace.call(subject(scope, state)));
        let paced = Paced { calls: call.is_some(), slots: call.is_some() && scope.job_start.is_some() };
        let (mut previous, mut rejected, mut sent) = (None, None, None::<AccessToken>);
        loop {
            let number = state.next_attempt();
            if let Err(error) = self.admit(call.as_mut(), state, trace).await {
                return Err(previous.unwrap_or_else(|| trace.name(error, scope.job_id)));
            }
            let token = match self.token(state, rejected.as_ref()).await {
                Ok(token) => token,
                Err(no_token) => {
                    if let Some(wait) = self.outlast_missing_token(call.as_mut(), state) {
                        sleep(wait).await;
                        continue;
                    }
                    return Err(match previous {
                        Some(earlier) => {
                            Error::MissingToken { credential: no_token, earlier: Box::new(earlier) }
                        }
                        None => trace.name(no_token.into(), scope.job_id),
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
            // The authorizer learns of a rejected token even if this call is not repeated.
            let can_refresh = error.is_unauthorized() && self.authorizer.reject(&token);
            let is_outage = self.pace.as_ref().is_none_or(|pace| pace.snapshot().is_outage);
            let decision = match state.record_failure(&error, scope.is_read, paced, is_outage) {
                Decision::RefreshToken if !can_refresh => Decision::GiveUp,
                decision => decision,
            };
            trace.record_failure(&error, number, decision);
            match decision {
                Decision::Wait(wait) | Decision::WaitForSlot(wait) | Decision::Outlast(wait) => {
                    sleep(wait).await;
                }
                Decision::AwaitPace => {}
                Decision::RefreshToken => rejected = Some(token),
                Decision::GiveUp => {
                    // An error without a request cannot report that an earlier one may have taken effect.
                    let is_known = !state.is_outcome_unknown || error.request().is_some();
                    return Err(previous.filter(|_| !is_known).unwrap_or(error));
                }
            }
            if state.is_interrupted {
                return Err(error);
            }
            previous = Some(error);
        }
    }

    /// Returns the wait before a missing token is requested again, if the operation outlasts that.
    fn outlast_missing_token(&self, call: Option<&mut Call<'_>>, state: &mut RetryState) -> Option<Duration> {
        if let Some(call) = call.filter(|_| !state.policy.patience.is_zero()) {
            call.record(Answer::Failed);
        }
        let now = Instant::now();
        state.record_outage(now);
        let is_probed = self.pace.as_ref().is_some_and(|pace| pace.snapshot().is_outage);
        state.outlast(is_probed, now, fastrand::f64())
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
            let is_rate = late.reason == Reason::RateLimit;
            let (rate, wait) = (late.rate.filter(|_| is_rate), is_rate.then_some(late.wait));
            let is_slot = late.reason == Reason::Slot;
            Error::DeadlineExceeded(Box::new(DeadlineExceeded { rate, wait, is_slot, target: None }))
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
    async fn attempt<T, E>(
        &self,
        scope: Scope<'_>,
        state: &mut RetryState,
        trace: &mut Trace<'_>,
        token: &AccessToken,
        operation: impl GeneratedCall<T, E>,
    ) -> Result<Response<T>, Error> {
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

/// Returns the facts that decide when an operation is sent.
fn subject<'a>(scope: Scope<'a>, state: &RetryState) -> Subject<'a> {
    // A step of an operation that has begun waits behind no read, nor behind other operations.
    let is_read = scope.is_read && !state.goes_first;
    Subject {
        class: if is_read { Class::Read } else { Class::Change },
        is_query: scope.is_query,
        creates: scope.job_id.zip(scope.job_start),
        goes_first: state.goes_first,
        breaker: state.policy.breaker,
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
