//! Creating a job unless it exists.

use super::answer::check_change;
use super::change::creation;
use super::lost_response::conclude_ensure;
use super::read::record_state;
use super::validate::{check_request, check_start, complete_request};
use crate::error::Error;
use crate::generated::Operations as Api;
use crate::generated::types::{JobRequest, JobResponse};
use crate::pipeline::Pipeline;
use crate::pipeline::operation::Operation;

/// Creates a job, or returns the job of this id if it is the one requested.
pub(crate) async fn ensure_job(
    pipeline: &Pipeline,
    id: &str,
    request: &JobRequest,
) -> Result<JobResponse, Error> {
    let name = "ensure_scheduled_job";
    let checked = check_request(id, request).and_then(|()| check_start(request, pipeline.hub_time()));
    checked.map_err(|error| pipeline.refuse(name, Some(id), error))?;
    let body = &complete_request(id, request);
    let mut operation = pipeline.start(creation(pipeline, name, id, body));
    let result = ensure(&mut operation, id, body).await;
    let job = operation.end(result)?;
    record_state(pipeline, id, &job);
    Ok(*job)
}

async fn ensure(
    operation: &mut Operation<'_>,
    id: &str,
    body: &JobRequest,
) -> Result<Box<JobResponse>, Error> {
    let create = |api: Api| async move { check_change(id, api.create_scheduled_job(id, body)).await };
    let read = |api: Api| async move { api.get_scheduled_job(id).await };
    let conclude = |job, _| conclude_ensure(id, body, job);
    match operation.change(create, read, conclude).await {
        // The hub refused it: whether the job is the one requested is not known yet.
        Err(error)
            if error.service().is_some() && error.is_already_exists() && !error.is_outcome_unknown() =>
        {
            Box::pin(operation.resolve(error, read, conclude)).await
        }
        result => result,
    }
}
