//! Jobs of a request: one, or as many as its list of devices needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::JobFailure;
use super::list::{Part, split_list};
use crate::client::Client;
use crate::error::Error;
use crate::follow::report::reader::Listed;
use crate::generated::types::JobRequest;
use crate::jobs::compare::{Likeness, compare};
use crate::jobs::validate::{check_request, complete_request};
use crate::limits::JOB_ID_LENGTH;

/// A job of a request.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) listed: Listed,
    condition: Option<String>,
    /// What the jobs of the request have in common.
    request: Arc<JobRequest>,
}

/// Returns the jobs of the request `id`, whose common parts are checked.
pub(super) fn split_request(
    id: &str,
    mut request: JobRequest,
    devices: Option<BTreeSet<String>>,
) -> Result<Vec<Job>, Error> {
    // Each job has its own id.
    let named = request.job_id.take();
    let jobs = match devices {
        Some(devices) => split_for_list(id, request, devices)?,
        None => vec![Job {
            id: id.to_owned(),
            listed: Listed::default(),
            condition: request.query_condition.take(),
            request: Arc::new(request),
        }],
    };
    let first = jobs.first().map(Job::to_request).unwrap_or_default();
    check_request(id, &JobRequest { job_id: named, ..first })?;
    check_length(id, &jobs)?;
    Ok(jobs)
}

/// The id of a job has the number of its part, but not how many there are: a list that changes would otherwise change
/// every id, and its devices would be called again.
fn split_for_list(id: &str, request: JobRequest, devices: BTreeSet<String>) -> Result<Vec<Job>, Error> {
    let condition = request.query_condition.as_deref().unwrap_or_default();
    let (parts, selects_all) = (split_list(condition, devices)?, condition.trim() == "*");
    let request = Arc::new(request);
    let to_job = |(number, Part { devices, condition })| Job {
        id: format!("{id}-part-{number}"),
        listed: Listed { devices, selects_all },
        condition: Some(condition),
        request: request.clone(),
    };
    Ok((1..).zip(parts).map(to_job).collect())
}

fn check_length(id: &str, jobs: &[Job]) -> Result<(), Error> {
    let longest = jobs.last().map(|job| JOB_ID_LENGTH.end().saturating_sub(job.id.len() - id.len()));
    if let Some(longest) = longest.filter(|longest| id.len() > *longest) {
        let count = jobs.len();
        let rule = format!("must have at most {longest} characters: the list of devices needs {count} jobs");
        return Err(Error::invalid_request("jobId", rule));
    }
    Ok(())
}

impl Job {
    /// Returns the request, which is as large as its payload.
    pub(super) fn to_request(&self) -> JobRequest {
        JobRequest { query_condition: self.condition.clone(), ..JobRequest::clone(&self.request) }
    }

    /// Compares the job with the job of its id in the hub; `None` if the hub does not show one.
    pub(super) async fn compare(&self, client: &Client) -> Result<Option<Likeness>, JobFailure> {
        let found = client.find_scheduled_job(&self.id).await.map_err(|error| self.failure(error))?;
        Ok(found.map(|job| compare(&job, &complete_request(&self.id, &self.to_request()))))
    }

    /// Returns the reason why the job has no report.
    pub(super) fn failure(&self, error: Error) -> JobFailure {
        JobFailure { job_id: self.id.clone(), devices: self.listed.devices.clone(), error }
    }
}
