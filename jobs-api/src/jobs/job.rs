//! The operations on one job: it is read, created or cancelled, and read again if a response is lost.
//!
//! Each function checks what it is given. One that changes the job hands three functions to its operation: the call,
//! the reading of the job, and the conclusion from that. A successful answer must not be believed if it is about another
//! job, or names neither the job nor its status: that of a reading is unreadable, that of a change counts as lost.

use progenitor_client::Error as Unread;
use tokio::time::Instant;

use super::lost_response::{conclude_cancel, conclude_create, conclude_ensure};
use super::validate::{check_job_id, check_request, check_start, complete_request};
use crate::error::Error;
use crate::generated::Operations as Api;
use crate::generated::types::{JobRequest, JobResponse, JobStatus};
use crate::pipeline::operation::Conclusion;
use crate::pipeline::{GeneratedCall, Pipeline, Response, Scope};
use crate::runtime::{Failure, Reply, Timestamp};

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
        Ok(job) => Ok(Some(job).filter(JobResponse::is_shown)),
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
fn reading(id: &str) -> impl GeneratedCall<JobResponse, Sending: Send> {
    move |api: Api| async move { check_reading(id, api.get_scheduled_job(id)).await }
}

/// Creates a job.
pub(crate) async fn create_job(
    pipeline: &Pipeline,
    id: &str,
    request: &JobRequest,
) -> Result<JobResponse, Error> {
    let (scope, body) = &prepare(pipeline, "create_scheduled_job", id, request)?;
    let mut operation = pipeline.start(*scope);
    let record = |conclusion: &_| record_holder(pipeline, scope, conclusion);
    let conclude = |job, sent| conclude_create(id, body, job, sent).inspect(record);
    let result = operation.change(creation(id, body), reading(id), conclude).await;
    operation.end(result).map(|job| *job)
}

/// Creates a job, or returns the job of this id if it is the one requested.
pub(crate) async fn ensure_job(
    pipeline: &Pipeline,
    id: &str,
    request: &JobRequest,
) -> Result<JobResponse, Error> {
    let (scope, body) = &prepare(pipeline, "ensure_scheduled_job", id, request)?;
    let mut operation = pipeline.start(*scope);
    let record = |conclusion: &_| record_holder(pipeline, scope, conclusion);
    let conclude = |job, _| conclude_ensure(id, body, job).inspect(record);
    let result = match operation.change(creation(id, body), reading(id), conclude).await {
        // The hub refused it: whether the job is the one requested is not known yet.
        Err(error)
            if error.service().is_some() && error.is_already_exists() && !error.is_outcome_unknown() =>
        {
            Box::pin(operation.resolve(error, reading(id), conclude)).await
        }
        result => result,
    };
    operation.end(result).map(|job| *job).inspect(|job| record_state(pipeline, id, job))
}

/// Cancels a job.
pub(crate) async fn cancel_job(pipeline: &Pipeline, id: &str) -> Result<JobResponse, Error> {
    let scope = Scope::of_job("cancel_scheduled_job", id);
    pipeline.check(scope, check_job_id(id))?;
    let mut operation = pipeline.start(scope);
    let cancel = |api: Api| async move { check_change(id, api.cancel_scheduled_job(id)).await };
    let result = operation.change(cancel, reading(id), |job, _| conclude_cancel(id, job)).await;
    operation.end(result).map(|job| *job).inspect(|job| record_state(pipeline, id, job))
}

/// Returns the scope of an operation that creates the job `id`, and the request as it is sent.
fn prepare<'a>(
    pipeline: &Pipeline,
    operation: &'static str,
    id: &'a str,
    request: &JobRequest,
) -> Result<(Scope<'a>, JobRequest), Error> {
    let (scope, hub_time) = (Scope::of_job(operation, id), pipeline.hub_time());
    pipeline.check(scope, check_request(id, request).and_then(|()| check_start(request, hub_time)))?;
    let body = complete_request(id, request);
    let start = body.start_time.as_ref().and_then(Timestamp::to_utc);
    let wait = start.and_then(|start| (start - hub_time).to_std().ok()).unwrap_or_default();
    Ok((Scope { job_start: Some(Instant::now() + wait), ..scope }, body))
}

fn creation<'a>(id: &'a str, body: &'a JobRequest) -> impl GeneratedCall<JobResponse, Sending: Send> {
    move |api: Api| async move { check_change(id, api.create_scheduled_job(id, body)).await }
}

/// Records that a created job holds a slot, although the response was lost, unless it has ended.
fn record_holder(pipeline: &Pipeline, scope: &Scope<'_>, conclusion: &Conclusion<JobResponse>) {
    if let (Conclusion::Applied(job), Some(pace)) = (conclusion, &pipeline.pace)
        && let Some(start) = scope.job_start.filter(|_| !job.outcome().is_final())
    {
        pace.record_job_start(job.id(), start);
    }
}

/// Records the state of a job that was read: one that has ended frees a slot.
pub(super) fn record_state(pipeline: &Pipeline, id: &str, job: &JobResponse) {
    if let Some(pace) = pipeline.pace.as_ref().filter(|_| job.outcome().is_final()) {
        pace.record_job_end(id);
    }
}

/// The answer of the hub to a call about one job.
type Answer = Result<Reply<JobResponse>, Failure>;

/// Returns the answer to a reading of the job `id`, unless it is about another job.
async fn check_reading(id: &str, answer: impl IntoFuture<Output = Answer>) -> Answer {
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
fn unusable(reason: String) -> Failure {
    Failure(Box::new(Unread::Custom(reason)))
}

/// Returns the answer to a change of the job `id`, unless it is about another job, or names neither the job nor its
/// state.
async fn check_change(id: &str, answer: impl IntoFuture<Output = Answer>) -> Answer {
    let answer = check_reading(id, answer).await?;
    match (&answer.value().job_id, &answer.value().status) {
        (_, Some(JobStatus::Unknown)) => {
            Err(unusable("it does not show the job: its status is `unknown`".into()))
        }
        (None, None) => Err(unusable("it names neither the job nor its status".into())),
        _ => Ok(answer),
    }
}
