//! Changes of a job: after a lost response the job itself is read.

use std::future::Future;

use chrono::TimeDelta;
use progenitor_client::ResponseValue;
use tokio::time::sleep;

use super::lost_response::{Change, Resolution, resolve_missing};
use super::retry_state::RetryState;
use super::{Pipeline, Scope, telemetry};
use crate::error::Error;
use crate::generated;
use crate::generated::types::JobResponse;

/// Attempts at reading the job after a lost response.
const LOOK_ATTEMPTS: u32 = 3;

impl Pipeline {
    /// Runs an operation that changes the job `id`. After a lost response the job itself is read, before
    /// any failure is returned.
    pub(crate) async fn execute_change<E, F, Fut>(
        &self,
        id: &str,
        change: Change<'_>,
        operation: F,
    ) -> Result<JobResponse, Error>
    where
        F: Fn(generated::Client) -> Fut,
        Fut: Future<Output = Result<ResponseValue<JobResponse>, progenitor_client::Error<E>>>,
    {
        let span = self.span(Some(id));
        let run = async {
            let mut state = RetryState::start(&self.retry);
            let starts_job = change.starts_job(self.hub_time());
            let scope = Scope { job_id: Some(id), starts_job, ..Scope::default() };
            let error = match self.run(scope, &span, &mut state, operation).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(error) if !state.is_outcome_unknown() => return Err(error),
                Err(error) => error,
            };
            let resolution = self.resolve(id, &change, &state, &error).await;
            telemetry::record_resolution(&span, &resolution);
            match resolution {
                Resolution::Applied(job) => Ok(*job),
                Resolution::NotApplied => Err(error),
                Resolution::Unknown => Err(error.with_outcome_unknown(true)),
            }
        };
        telemetry::trace(&span, run).await
    }

    /// Reads the job after a lost response, within what is left of the deadline, and concludes from it.
    async fn resolve(&self, id: &str, change: &Change<'_>, state: &RetryState, error: &Error) -> Resolution {
        if !self.retry.allows_retries() {
            return Resolution::Unknown;
        }
        // The hub's request for a pause holds for this read too.
        let pause = error.service().and_then(|service| service.retry_after()).unwrap_or_default();
        if pause >= state.remaining() {
            return Resolution::Unknown;
        }
        sleep(pause).await;
        let span = self.span(Some(id));
        let scope = Scope { job_id: Some(id), is_read: true, ..Scope::default() };
        let mut look = state.restart(LOOK_ATTEMPTS);
        let read = |api: generated::Client| async move { api.get_scheduled_job(id).await };
        let found = telemetry::trace(&span, self.run(scope, &span, &mut look, read)).await;
        let earliest_sent = self.authorizer.clock().earliest_now().zip(state.since_first_attempt());
        let earliest_sent = earliest_sent
            .and_then(|(now, elapsed)| now.checked_sub_signed(TimeDelta::from_std(elapsed).ok()?));
        match found {
            Ok(job) => change.resolve(id, job.into_inner(), earliest_sent, state.may_be_pending()),
            Err(error) if error.is_coded_not_found() => resolve_missing(state.may_be_pending()),
            Err(_) => Resolution::Unknown,
        }
    }
}
