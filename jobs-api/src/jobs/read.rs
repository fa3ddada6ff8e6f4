//! Reading a job.
//!
//! A successful answer must not be believed if it is about another job: it is unreadable.

use progenitor_client::Error as Unread;

use super::outcome::JobOutcome;
use super::validate::check_job_id;
use crate::error::Error;
use crate::generated::Operations as Api;
use crate::generated::types::{JobResponse, JobStatus};
use crate::pipeline::call::GeneratedCall;
use crate::pipeline::{Pipeline, Response, Scope};
use crate::runtime::{Failure, Reply};

/// Reads the job of this id, which is checked before.
pub(crate) async fn read_job(pipeline: &Pipeline, id: &str) -> Result<JobResponse, Error> {
    execute(pipeline, id, |response| match response.value().status {
        Some(JobStatus::Unknown) => {
            Err(Error::JobNotFound { job_id: id.to_owned(), request_id: response.request_id() })
        }
        _ => Ok(response.into_inner()),
    })
    .await
}

/// Reads the job of this id, which is checked before; `None` if the hub does not show it.
pub(crate) async fn find_job(pipeline: &Pipeline, id: &str) -> Result<Option<JobResponse>, Error> {
    match execute(pipeline, id, |response| Ok(response.into_inner())).await {
        Ok(job) => Ok(Some(job).filter(is_shown)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

async fn execute(
    pipeline: &Pipeline,
    id: &str,
    read: impl FnOnce(Response<JobResponse>) -> Result<JobResponse, Error>,
) -> Result<JobResponse, Error> {
    let scope = Scope { is_read: true, ..Scope::of_job("get_scheduled_job", id) };
    pipeline.check(scope, check_job_id(id))?;
    pipeline.execute(scope, reading(id), read).await.inspect(|job| record_state(pipeline, id, job))
}

/// Returns the call that reads the job.
pub(super) fn reading(id: &str) -> impl GeneratedCall<JobResponse, Sending: Send> {
    move |api: Api| async move { check_reading(id, api.get_scheduled_job(id)).await }
}

/// Returns true if the hub shows the state of the job: it answers `unknown` for an id that it does not know, for a
/// job that was just created, and for an import or export job.
pub(super) fn is_shown(job: &JobResponse) -> bool {
    job.outcome() != JobOutcome::Unknown
}

/// Records the state of a job that was read: one that has ended frees a slot.
pub(super) fn record_state(pipeline: &Pipeline, id: &str, job: &JobResponse) {
    if let Some(pace) = pipeline.pace.as_ref().filter(|_| job.outcome().is_final()) {
        pace.record_job_end(id);
    }
}

/// The answer of the hub to a call about one job.
pub(super) type Answer = Result<Reply<JobResponse>, Failure>;

/// Returns the answer to a reading of the job `id`, unless it is about another job.
pub(super) async fn check_reading(id: &str, answer: impl IntoFuture<Output = Answer>) -> Answer {
    let answer = answer.await?;
    match &answer.value().job_id {
        // Older hubs accept upper case: whether they keep it is not known.
        Some(other) if !other.eq_ignore_ascii_case(id) => {
            Err(unusable(format!("it is about the job {other:?}")))
        }
        _ => Ok(answer),
    }
}

/// Returns the failure of an answer that must not be believed.
pub(super) fn unusable(reason: String) -> Failure {
    Failure(Box::new(Unread::Custom(reason)))
}
