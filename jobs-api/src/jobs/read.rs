//! Reading a job.

use super::validate::check_job_id;
use crate::error::Error;
use crate::generated::types::JobResponse;
use crate::pipeline::Pipeline;

/// Reads the job of this id, which is checked before.
pub(crate) async fn read_job(pipeline: &Pipeline, id: &str) -> Result<JobResponse, Error> {
    check_job_id(id).map_err(|error| pipeline.refuse("get_scheduled_job", Some(id), error))?;
    pipeline.read_job(id).await
}
