//! One operation: its attempts, and the reading that resolves a change whose response was lost.
//!
//! A change whose response was lost may have been made. Before the operation fails, or waits for the rate limit, it
//! reads what the change would have changed, and the caller concludes from that: the change was made, was not made
//! and never will be, or nothing yet. In the last case the hub may show it some seconds later, so that the reading is
//! repeated within the deadline. An operation whose outcome stays open says so in its error, and never guesses.

use std::mem;
use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

use super::attempts::Attempts;
use super::decision::{MIN_ATTEMPT, exponential};
use super::retry::{RetryState, Role};
use super::telemetry::Trace;
use super::{GeneratedCall, Pipeline, Response, Scope};
use crate::auth::CredentialError;
use crate::error::Error;

/// The first pause between two readings, and the longest: the hub shows a change some seconds later.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The longest time of all readings after a lost response, if the operation has no deadline.
const LONGEST_READINGS: Duration = Duration::from_secs(120);

/// An operation under way: its trace, its deadline, its attempts.
pub(crate) struct Operation<'a> {
    pipeline: &'a Pipeline,
    scope: Scope<'a>,
    trace: Trace<'a>,
    state: RetryState,
    /// The reason why the last reading was not sent, if that was a missing token.
    missing_token: Option<CredentialError>,
}

/// The conclusion from a reading about a change whose outcome is not known.
pub(crate) enum Conclusion<T> {
    /// The change was made; this is its result.
    Applied(Box<T>),
    /// The change was not made and never will be.
    NotApplied,
    /// The operation ends with this error, in place of that of its last attempt.
    Refused(Error),
    /// No later reading can show more.
    Unknown,
}

impl Pipeline {
    /// Starts an operation.
    pub(crate) fn start<'a>(&'a self, scope: Scope<'a>) -> Operation<'a> {
        let trace = Trace::start(&self.host_name, scope.operation, scope.job_id);
        Operation { pipeline: self, scope, trace, state: RetryState::start(self.retry), missing_token: None }
    }
}

impl Operation<'_> {
    /// Ends the operation, and reports its failure.
    pub(crate) fn end<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        self.trace.end(result.as_ref().err());
        result
    }

    /// Makes attempts until one succeeds or none may follow.
    pub(super) async fn run<T>(&mut self, operation: impl GeneratedCall<T>) -> Result<Response<T>, Error> {
        let span = self.trace.span.clone();
        // Pinned, as elsewhere in this folder: a future that is instrumented or awaited itself would be moved.
        let Self { pipeline, scope, trace, state, .. } = &mut *self;
        let attempts = Attempts { pipeline, scope: *scope, state, trace };
        let result = { pin!(attempts.run(operation)).instrument(span).await };
        result.map_err(|error| error.with_outcome_unknown(self.state.is_outcome_unknown))
    }

    /// Makes attempts at a change. If a response is lost, `read` and `conclude` are to settle the outcome: see
    /// [`resolve`](Self::resolve).
    ///
    /// A change whose outcome is unknown and that the hub then throttles is read before its next attempt: a pause may
    /// be long, and the change need not be sent again if it was made.
    pub(crate) async fn change<T>(
        &mut self,
        operation: impl GeneratedCall<T>,
        read: impl GeneratedCall<T>,
        conclude: impl Fn(Box<T>, Option<DateTime<Utc>>) -> Option<Conclusion<T>>,
    ) -> Result<Box<T>, Error> {
        self.state = self.state.restart(self.pipeline.retry, Role::Change);
        let mut previous: Option<Error> = None;
        loop {
            let result = { pin!(self.run(&operation)).await };
            let error = match result {
                Ok(response) => return Ok(response.value),
                Err(error) if !self.state.is_outcome_unknown => return Err(error),
                // An error without a request cannot report that an earlier one may have taken effect.
                Err(error) if error.request().is_some() => error,
                Err(error) => previous.unwrap_or(error),
            };
            if !mem::take(&mut self.state.is_interrupted) {
                if !self.pipeline.retry.allows_retries() {
                    return Err(error);
                }
                // Boxed, since it is rare and as large as the operation itself.
                return Box::pin(self.resolve(error, read, conclude)).await;
            }
            let pause = asked_pause(&error);
            if pause < self.state.remaining() {
                match Box::pin(self.look(pause, &read, &conclude)).await {
                    Ok(conclusion) => return self.close(error, Some(conclusion)),
                    Err(asked) if asked >= self.state.remaining() => return self.close(error, None),
                    Err(asked) => sleep(asked).await,
                }
            }
            previous = Some(error);
        }
    }

    /// Reads until something can be concluded, with pauses, while the deadline leaves time for it. The error is
    /// that of the change; if nothing can be concluded, it leaves the outcome unknown.
    ///
    /// `conclude` gets what was read, and the earliest time by the hub's clock at which the first attempt was sent,
    /// if that is known. It returns `None` if a later reading may tell more.
    pub(crate) async fn resolve<T>(
        &mut self,
        error: Error,
        read: impl GeneratedCall<T>,
        conclude: impl Fn(Box<T>, Option<DateTime<Utc>>) -> Option<Conclusion<T>>,
    ) -> Result<Box<T>, Error> {
        let (start, policy) = (Instant::now(), self.pipeline.retry);
        let (mut pause, mut longest) = (asked_pause(&error), FIRST_PAUSE);
        let longest_readings = policy.deadline.unwrap_or(LONGEST_READINGS);
        let is_in_time = |pause| start.elapsed().saturating_add(pause) < longest_readings;
        while pause < self.state.remaining() && is_in_time(pause) {
            let asked = match self.look(pause, &read, &conclude).await {
                Ok(conclusion) => return self.close(error, Some(conclusion)),
                Err(asked) => asked,
            };
            let remaining = self.state.remaining();
            if !policy.allows_retries() || remaining < MIN_ATTEMPT {
                break;
            }
            pause = longest.mul_f64(0.5 + fastrand::f64() / 2.0).min(remaining / 2).max(asked);
            longest = exponential(longest, LONGEST_PAUSE, 1);
        }
        self.close(error, None)
    }

    /// Reads once, after a pause. Returns the time that the hub asks to wait if nothing can be concluded yet.
    async fn look<T>(
        &mut self,
        pause: Duration,
        read: &impl GeneratedCall<T>,
        conclude: &impl Fn(Box<T>, Option<DateTime<Utc>>) -> Option<Conclusion<T>>,
    ) -> Result<Conclusion<T>, Duration> {
        sleep(pause).await;
        if self.state.remaining().is_zero() {
            // No credential could answer in no time: the error of an earlier reading says more.
            return Err(Duration::ZERO);
        }
        self.missing_token = None;
        // One attempt: whatever it meets, the next reading follows.
        let mut state = self.state.restart(self.pipeline.retry.single(), Role::Reading);
        let scope = Scope { job_id: self.scope.job_id, is_read: true, ..Scope::default() };
        let span = self.trace.span.clone();
        let attempts = Attempts { pipeline: self.pipeline, scope, state: &mut state, trace: &mut self.trace };
        let found = pin!(attempts.run(read)).instrument(span).await;
        match found {
            Ok(found) => conclude(found.value, self.earliest_sent()).ok_or(Duration::ZERO),
            Err(Error::Credential { error, .. }) => {
                self.missing_token = Some(error);
                Err(Duration::ZERO)
            }
            Err(error) => Err(asked_pause(&error)),
        }
    }

    /// Returns the earliest time by the hub's clock at which the first attempt was sent, if it is known.
    fn earliest_sent(&self) -> Option<DateTime<Utc>> {
        let now = self.pipeline.authorizer.clock.earliest_now()?;
        now.checked_sub_signed(TimeDelta::from_std(self.state.since_first_attempt()?).ok()?)
    }

    /// Adds to the error of a change that its outcome could not be read, if no token was available.
    fn without_token(&mut self, error: Error) -> Error {
        match self.missing_token.take().filter(|_| error.attempt().is_some()) {
            Some(credential) => Error::MissingToken { credential, earlier: Box::new(error) },
            None => error,
        }
    }

    /// Returns the result of a change by the conclusion from its readings, and reports it.
    fn close<T>(&mut self, error: Error, conclusion: Option<Conclusion<T>>) -> Result<Box<T>, Error> {
        let result = match conclusion {
            Some(Conclusion::Applied(found)) => Ok(found),
            Some(Conclusion::NotApplied) => Err(error.with_outcome_unknown(false)),
            Some(Conclusion::Refused(refusal)) => Err(refusal),
            Some(Conclusion::Unknown) | None => Err(self.without_token(error).with_outcome_unknown(true)),
        };
        if result.is_ok() {
            self.trace.record_found(self.state.is_outcome_unknown);
        }
        result
    }
}

/// Returns the pause that the hub asks for, if it does.
fn asked_pause(error: &Error) -> Duration {
    error.service().and_then(|service| service.retry_after()).unwrap_or_default()
}
