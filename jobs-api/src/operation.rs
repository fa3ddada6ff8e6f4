//! Running an operation: attempt after attempt, in a span of its own, until it has an outcome.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use progenitor_client::ResponseValue;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep};
use tracing::{Instrument as _, Span};

use crate::auth::{Authorization, CredentialError, TokenError};
use crate::client::{Client, Shared};
use crate::error::{Error, ServiceError};
use crate::exchange::{Answer, Extent};
use crate::generated;
use crate::hooks::Attempt;
use crate::retry::{Decision, Progress};
use crate::telemetry;
use crate::types::JobResponse;

impl Client {
    /// The time by the hub's clock, as far as it is known.
    pub(crate) fn hub_time(&self) -> DateTime<Utc> {
        self.shared().authorizer.hub_time()
    }

    pub(crate) fn span(&self, job_id: Option<&str>) -> Span {
        telemetry::operation_span(&self.shared().endpoint, &self.shared().host_name, job_id)
    }

    /// Has an operation take place in its span, which is told of its failure.
    pub(crate) async fn watched<T>(
        &self,
        span: &Span,
        operation: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let outcome = operation.instrument(span.clone()).await;
        outcome.inspect_err(|error| telemetry::failed(span, error))
    }

    /// Creates or cancels a job; when the answer is lost, the job itself tells whether that `is_done`.
    pub(crate) async fn settled<E, F, Fut>(
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
            let mut progress = Progress::start(&self.shared().retry);
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
    pub(crate) async fn run<T, E, F, Fut>(
        &self,
        progress: &mut Progress<'_>,
        span: &Span,
        operation: F,
    ) -> Result<ResponseValue<T>, Failed>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let (mut last, mut refused) = (None, None);
        loop {
            let number = progress.attempt();
            telemetry::attempt(span, number);
            let attempt = match (self.attempt(progress, refused.as_ref(), span).await, last) {
                (Ok(attempt), _) => attempt,
                // That there is no token now tells nothing of what was sent before.
                (Err(no_token), Some(error)) => {
                    telemetry::unsigned(span, &no_token);
                    return Err(Failed { error, may_have_succeeded: progress.is_outcome_unknown() });
                }
                (Err(error), None) => return Err(error.into()),
            };
            let error = match self.send(&attempt, &operation).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // The authorizer learns of it even if this call is not tried again: later ones do better.
            let can_renew = error.is_unauthorized()
                && self.shared().authorizer.refused(attempt.token(), clock_skew(&error));
            match progress.decide(&error) {
                Decision::Wait(wait) | Decision::WaitForSlot(wait) => {
                    telemetry::retrying(span, &error, number, wait);
                    sleep(wait).await;
                }
                Decision::Renew if can_renew => {
                    telemetry::retrying(span, &error, number, Duration::ZERO);
                    refused = Some(attempt.token().clone());
                }
                decision => {
                    return Err(Failed { error, may_have_succeeded: decision == Decision::LookAtJob });
                }
            }
            last = Some(error);
        }
    }

    /// What one attempt sends along, and may take at most.
    async fn attempt(
        &self,
        progress: &Progress<'_>,
        refused: Option<&Authorization>,
        span: &Span,
    ) -> Result<Attempt, CredentialError> {
        let Shared { authorizer, timeout, body_limit, .. } = self.shared();
        let patience = progress.patience(*timeout);
        let token = tokio::time::timeout(patience, authorizer.authorization(refused)).await;
        let token = token.unwrap_or_else(|_| Err(CredentialError::NoToken(TokenError::late(patience))))?;
        Attempt::new(token, progress.attempt(), progress.remaining().min(*timeout), *body_limit, span.clone())
    }

    /// Attempts an operation once.
    async fn send<T, E, F, Fut>(&self, attempt: &Attempt, operation: &F) -> Result<ResponseValue<T>, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<T>, progenitor_client::Error<E>>>,
    {
        let Shared { endpoint, http, .. } = self.shared();
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
            return Err(Error::over_limit(record));
        }
        answer.map_err(|error| Error::from_attempt(error, record))
    }

    pub(crate) async fn read(
        &self,
        progress: &mut Progress<'_>,
        span: &Span,
        id: &str,
    ) -> Result<JobResponse, Failed> {
        let read = |api: generated::Client| async move { api.get_scheduled_job(id).await };
        self.run(progress, span, read).await.map(ResponseValue::into_inner)
    }
}

/// An operation that is not attempted again.
pub(crate) struct Failed {
    error: Error,
    /// An attempt whose answer was lost may have done what was asked.
    may_have_succeeded: bool,
}

impl From<CredentialError> for Failed {
    fn from(error: CredentialError) -> Self {
        Self { error: error.into(), may_have_succeeded: false }
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
