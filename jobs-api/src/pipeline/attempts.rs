//! The attempts at an operation: each waits until it may be sent, gets a token, is sent, and may be followed by
//! another.
//!
//! The order matters. The pace comes before the token, which may expire while a call waits. The token comes before the
//! request, so that its error stays typed. Each answer goes to the pace before anything else waits, since other calls
//! depend on it. An error that only says that the next attempt could not be made never replaces that of an attempt
//! which was sent: it would hide that the hub may have acted.

use std::pin::pin;
use std::time::Duration;

use reqwest::header::DATE;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::decision::{Decision, Paced};
use super::retry::RetryState;
use super::telemetry::{Trace, record_attempt_end};
use super::{GeneratedCall, Pipeline, Response, Scope};
use crate::auth::{AccessToken, CredentialError};
use crate::error::{DeadlineExceeded, Error};
use crate::generated::{Client, Operations};
use crate::pace::{Call, Class, Failure, Reason, Subject};
use crate::runtime::attempt::Settings;
use crate::runtime::{Attempt, Reply, RequestId};

/// The attempts at an operation, or at a step of one.
pub(super) struct Attempts<'a, 't> {
    pub(super) pipeline: &'a Pipeline,
    pub(super) scope: Scope<'a>,
    /// The attempts so far, of this step alone.
    pub(super) state: &'a mut RetryState,
    /// The trace of the whole operation.
    pub(super) trace: &'a mut Trace<'t>,
}

impl Attempts<'_, '_> {
    /// Makes attempts until one succeeds or none may follow.
    ///
    /// `previous` is the error of the last attempt that was sent, `rejected` the token that the hub rejected, and
    /// `sent` the token of the last attempt: an answer may still repeat it, so that errors are redacted of both.
    pub(super) async fn run<T>(mut self, operation: impl GeneratedCall<T>) -> Result<Response<T>, Error> {
        // Timers and sockets panic without a runtime.
        Handle::try_current().map_err(|_| self.trace.name(CredentialError::NoRuntime.into()))?;
        let (pace, scope) = (self.pipeline.pace.as_ref(), self.scope);
        let mut call = pace.map(|pace| pace.call(subject(scope, self.state)));
        let paced = Paced { calls: call.is_some(), slots: call.is_some() && scope.job_start.is_some() };
        let (mut previous, mut rejected, mut sent) = (None, None, None::<AccessToken>);
        loop {
            let number = self.state.next_attempt();
            if let Err(error) = self.admit(call.as_mut()).await {
                return Err(previous.unwrap_or_else(|| self.trace.name(error)));
            }
            let token = match self.token(rejected.as_ref()).await {
                Ok(token) => token,
                Err(no_token) => {
                    if let Some(wait) = self.outlast_missing_token(call.as_mut()) {
                        sleep(wait).await;
                        continue;
                    }
                    return Err(match previous {
                        None => self.trace.name(no_token.into()),
                        Some(earlier) => {
                            Error::MissingToken { credential: no_token, earlier: Box::new(earlier) }
                        }
                    });
                }
            };
            let token = match sent.take() {
                Some(previous) => token.after(previous),
                None => token,
            };
            sent = Some(token.clone());
            let result = pin!(self.attempt(&token, &operation)).await;
            if let Some(call) = &mut call {
                call.record(result.as_ref().map(drop).map_err(Failure::from));
            }
            let error = match result {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            // The authorizer learns of a rejected token even if this call is not repeated.
            let can_refresh = error.is_unauthorized() && self.pipeline.authorizer.reject(&token);
            let is_outage = pace.is_none_or(|pace| pace.snapshot().is_outage);
            let decision = self.state.record_failure(&error, can_refresh, paced, is_outage);
            self.trace.record_failure(&error, number, decision);
            match decision {
                Decision::Wait(wait) | Decision::WaitForSlot(wait) | Decision::Outlast(wait) => {
                    sleep(wait).await;
                }
                Decision::AwaitPace => {}
                Decision::RefreshToken => rejected = Some(token),
                Decision::GiveUp => {
                    // An error without a request cannot report that an earlier one may have taken effect.
                    let is_known = !self.state.is_outcome_unknown || error.request().is_some();
                    return Err(previous.filter(|_| !is_known).unwrap_or(error));
                }
            }
            if self.state.is_interrupted {
                return Err(error);
            }
            previous = Some(error);
        }
    }

    /// Returns the wait before a missing token is requested again, if the operation outlasts that.
    fn outlast_missing_token(&mut self, call: Option<&mut Call<'_>>) -> Option<Duration> {
        if let Some(call) = call.filter(|_| !self.state.policy.patience.is_zero()) {
            call.record(Err(Failure::Transient(None)));
        }
        let now = Instant::now();
        self.state.record_outage(now);
        let is_probed = self.pipeline.pace.as_ref().is_some_and(|pace| pace.snapshot().is_outage);
        self.state.outlast(is_probed, now, fastrand::f64())
    }

    /// Waits until the next attempt may be sent.
    async fn admit(&mut self, call: Option<&mut Call<'_>>) -> Result<(), Error> {
        let Some(call) = call else { return Ok(()) };
        let deadlines = self.state.deadlines(self.pipeline.attempt_timeout);
        let admitted = self.trace.hold(pin!(call.admit(deadlines))).await;
        self.state.goes_first = true;
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
    async fn token(&self, rejected: Option<&AccessToken>) -> Result<AccessToken, CredentialError> {
        let limit = self.state.token_timeout(self.pipeline.attempt_timeout);
        let token = timeout(limit, self.pipeline.authorizer.token(rejected));
        token.await.unwrap_or_else(|_| Err(CredentialError::no_token_within(limit)))
    }

    /// Makes one attempt.
    async fn attempt<T>(
        &mut self,
        token: &AccessToken,
        operation: impl GeneratedCall<T>,
    ) -> Result<Response<T>, Error> {
        let (pipeline, start, request_id) = (self.pipeline, Instant::now(), RequestId::random());
        let number = self.state.next_attempt();
        let body_limit = self.scope.body_limit.unwrap_or(pipeline.body_limit);
        let attempt = Attempt::new(Settings {
            authorization: token.header().clone(),
            redact: token.redactor(),
            request_id,
            number,
            timeout: self.state.attempt_timeout(start, pipeline.attempt_timeout),
            body_limit: body_limit.min(pipeline.body_limit),
            headers: pipeline.headers.clone(),
            on_request: pipeline.on_request.clone(),
        });
        let endpoint = pipeline.endpoint.as_str().trim_end_matches('/');
        let client = Client::new_with_client(endpoint, pipeline.http.clone(), attempt.clone());
        self.state.record_start(start);
        let result = pin!(operation(Operations(client))).await;
        let end = Instant::now();
        let elapsed = end - start;
        let mut exchange = std::mem::take(&mut *attempt.exchange());
        let span = exchange.span.take();
        self.trace.record_attempt(exchange.request.as_ref());
        if let Some(date) = exchange.response.as_ref().and_then(|response| response.headers.get(DATE)) {
            pipeline.authorizer.clock.observe_header(date, elapsed);
        }
        let result = match result {
            Ok(Reply(response)) if !exchange.is_unusable() => Ok(Response {
                status: response.status(),
                value: Box::new(response.into_inner()),
                headers: exchange.response.map(|received| received.headers).unwrap_or_default(),
                request_id,
                attempts: number,
                elapsed: self.state.elapsed(end),
            }),
            result => Err(Error::from_attempt(result.err(), exchange, token)),
        };
        record_attempt_end(span.as_ref(), result.as_ref().err(), elapsed);
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
