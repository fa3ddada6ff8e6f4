//! Creating a job unless it exists, and comparing it with the one requested.

use super::validate::{check_request, check_start, complete_request};
use crate::error::Error;
use crate::generated::Client as Api;
use crate::generated::types::{JobRequest, JobResponse};
use crate::pipeline::Pipeline;
use crate::pipeline::change::First;

/// Creates a job, or returns the job of this id if it is the one requested.
pub(crate) async fn ensure_job(
    pipeline: &Pipeline,
    id: &str,
    request: &JobRequest,
    first: First,
) -> Result<JobResponse, Error> {
    let name = "ensure_scheduled_job";
    let checked = check_request(id, request).and_then(|()| check_start(request, pipeline.hub_time()));
    checked.map_err(|error| pipeline.refuse(name, Some(id), error))?;
    let body = &complete_request(id, request);
    let create = |api: Api| async move { api.create_scheduled_job(id, body).await };
    pipeline.execute_ensure(name, id, body, first, create).await.map(|job| *job)
}

/// Reads a job and returns the members in which it differs from the request. Returns `None` if the hub has no such
/// job, or does not show it.
pub(crate) async fn compare_job(
    pipeline: &Pipeline,
    id: &str,
    request: &JobRequest,
) -> Result<Option<Vec<&'static str>>, Error> {
    let name = "get_scheduled_job";
    check_request(id, request).map_err(|error| pipeline.refuse(name, Some(id), error))?;
    let body = &complete_request(id, request);
    pipeline.execute_compare(name, id, body).await
}
