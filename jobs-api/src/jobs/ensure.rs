//! Creating a job unless it exists, and comparing it with the one requested.

use super::change::creation;
use super::compare::{Likeness, compare};
use super::lost_response::conclude_ensure;
use super::read::{find_job, record_state};
use super::validate::{check_request, complete_request};
use crate::error::Error;
use crate::generated::Client as Api;
use crate::generated::types::{JobRequest, JobResponse};
use crate::pipeline::Pipeline;
use crate::pipeline::operation::{Conclusion, Operation};

/// The first step of creating a job that may exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum First {
    /// Create it: cheapest if it does not exist.
    Create,
    /// Read it: a job that exists needs no slot, for which its creation might wait.
    Read,
}

/// Creates a job, or returns the job of this id if it is the one requested.
pub(crate) async fn ensure_job(
    pipeline: &Pipeline,
    id: &str,
    request: &JobRequest,
    first: First,
) -> Result<JobResponse, Error> {
    let name = "ensure_scheduled_job";
    check_request(id, request).map_err(|error| pipeline.refuse(name, Some(id), error))?;
    let body = &complete_request(id, request);
    let mut operation = pipeline.start(creation(pipeline, name, id, body));
    let result = ensure(&mut operation, id, body, first).await;
    let job = operation.end(result)?;
    record_state(pipeline, id, &job);
    Ok(*job)
}

async fn ensure(
    operation: &mut Operation<'_>,
    id: &str,
    body: &JobRequest,
    first: First,
) -> Result<Box<JobResponse>, Error> {
    let create = |api: Api| async move { api.create_scheduled_job(id, body).await };
    let read = |api: Api| async move { api.get_scheduled_job(id).await };
    let conclude = |job, _| conclude_ensure(id, body, job);
    if first == First::Read {
        match operation.read(read).await.map(|job| conclude(job, None)) {
            Ok(Some(Conclusion::Applied(job))) => return Ok(job),
            Ok(Some(Conclusion::Refused(conflict))) => return Err(conflict),
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
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

/// Reads a job and compares it with the request. Returns `None` if the hub does not show it.
pub(crate) async fn compare_job(
    pipeline: &Pipeline,
    id: &str,
    request: &JobRequest,
) -> Result<Option<Likeness>, Error> {
    check_request(id, request).map_err(|error| pipeline.refuse("get_scheduled_job", Some(id), error))?;
    let body = complete_request(id, request);
    Ok(find_job(pipeline, id).await?.map(|job| compare(&job, &body)))
}
