//! Changes of a job: it is created or cancelled, and read if a response is lost.

use tokio::time::Instant;

use super::answer::check_change;
use super::lost_response::{conclude_cancel, conclude_create};
use super::read::record_state;
use super::validate::{check_job_id, check_request, check_start, complete_request};
use crate::error::Error;
use crate::generated::Operations as Api;
use crate::generated::types::{JobRequest, JobResponse};
use crate::pipeline::{Pipeline, Scope};
use crate::runtime::Timestamp;

/// Creates a job.
pub(crate) async fn create_job(
    pipeline: &Pipeline,
    id: &str,
    request: &JobRequest,
) -> Result<JobResponse, Error> {
    let name = "create_scheduled_job";
    let checked = check_request(id, request).and_then(|()| check_start(request, pipeline.hub_time()));
    checked.map_err(|error| pipeline.refuse(name, Some(id), error))?;
    let body = &complete_request(id, request);
    let mut operation = pipeline.start(creation(pipeline, name, id, body));
    let create = |api: Api| async move { check_change(id, api.create_scheduled_job(id, body)).await };
    let read = |api: Api| async move { api.get_scheduled_job(id).await };
    let result = operation.change(create, read, |job, sent| conclude_create(id, body, job, sent)).await;
    operation.end(result).map(|job| *job)
}

/// Cancels a job.
pub(crate) async fn cancel_job(pipeline: &Pipeline, id: &str) -> Result<JobResponse, Error> {
    let name = "cancel_scheduled_job";
    check_job_id(id).map_err(|error| pipeline.refuse(name, Some(id), error))?;
    let scope = Scope { operation: Some(name), job_id: Some(id), ..Scope::default() };
    let mut operation = pipeline.start(scope);
    let cancel = |api: Api| async move { check_change(id, api.cancel_scheduled_job(id)).await };
    let read = |api: Api| async move { api.get_scheduled_job(id).await };
    let result = operation.change(cancel, read, |job, _| conclude_cancel(id, job)).await;
    let job = operation.end(result)?;
    record_state(pipeline, id, &job);
    Ok(*job)
}

/// Returns the scope of an operation that creates the job `id` as in `request`.
pub(super) fn creation<'a>(
    pipeline: &Pipeline,
    name: &'static str,
    id: &'a str,
    request: &JobRequest,
) -> Scope<'a> {
    let start = request.start_time.as_ref().and_then(Timestamp::to_utc);
    let wait = start.and_then(|start| (start - pipeline.hub_time()).to_std().ok()).unwrap_or_default();
    let job_start = Some(Instant::now() + wait);
    Scope { operation: Some(name), job_id: Some(id), job_start, ..Scope::default() }
}
