//! Jobs of a request: one, or as many as its list of devices needs.

use std::sync::Arc;

use super::error::JobFailure;
use super::list::List;
use crate::client::Client;
use crate::error::Error;
use crate::follow::report::reader::Listed;
use crate::generated::types::JobRequest;
use crate::jobs::compare::{Likeness, compare};
use crate::jobs::validate::{check_request, complete_request};
use crate::limits::JOB_ID_LENGTH;

/// A job of a request.
#[derive(Clone, Debug)]
pub(super) struct Job {
    work: Arc<Work>,
    index: usize,
}

/// The common part of a request's jobs.
#[derive(Debug)]
struct Work {
    id: String,
    request: JobRequest,
    list: Option<List>,
}

impl Job {
    /// Returns the jobs of the request `id`, checked as far as they do not differ.
    pub(super) fn all_of(id: &str, mut request: JobRequest, list: Option<List>) -> Result<Vec<Self>, Error> {
        let count = list.as_ref().map_or(1, List::len);
        // From now on it is that of each job.
        let named = request.job_id.take();
        let work = Arc::new(Work { id: id.to_owned(), request, list });
        let jobs: Vec<Self> = (0..count).map(|index| Self { work: work.clone(), index }).collect();
        let first = jobs.first().map(Self::to_request).unwrap_or_default();
        check_request(id, &JobRequest { job_id: named, ..first })?;
        check_id_of_jobs(id, count)?;
        Ok(jobs)
    }

    /// Returns the id: that of the request, followed by the number of the job unless it is the first.
    ///
    /// The number of jobs is no part of it: a list that changes would otherwise change every id, and its devices
    /// would be called again.
    pub(super) fn id(&self) -> String {
        format!("{}{}", self.work.id, suffix(self.index))
    }

    /// Returns the devices of the job; empty for a request without a list.
    pub(super) fn devices(&self) -> &[String] {
        self.work.list.as_ref().map(|list| list.devices(self.index)).unwrap_or_default()
    }

    /// Returns the devices of the job for its report.
    pub(super) fn listed(&self) -> Listed {
        let selects_all = self.work.list.as_ref().is_some_and(List::selects_all);
        Listed { devices: self.devices().to_vec(), selects_all }
    }

    /// Returns the request, which is as large as its payload.
    pub(super) fn to_request(&self) -> JobRequest {
        let mut request = self.work.request.clone();
        if let Some(list) = &self.work.list {
            request.query_condition = Some(list.condition(self.index));
        }
        request
    }

    /// Compares the job with that of the hub; `None` if the hub does not show one.
    pub(super) async fn compare(&self, client: &Client) -> Result<Option<Likeness>, Error> {
        let id = self.id();
        let found = client.find_scheduled_job(&id).await?;
        Ok(found.map(|job| compare(&job, &complete_request(&id, &self.to_request()))))
    }

    /// Returns the reason why the job has no report.
    pub(super) fn failure(&self, error: Error) -> JobFailure {
        JobFailure { job_id: self.id(), devices: self.devices().to_vec(), error }
    }
}

/// Returns the part of a job's id that distinguishes it from the others of its request.
fn suffix(index: usize) -> String {
    if index == 0 { String::new() } else { format!("-part-{}", index + 1) }
}

fn check_id_of_jobs(id: &str, count: usize) -> Result<(), Error> {
    let longest = JOB_ID_LENGTH.end().saturating_sub(suffix(count.saturating_sub(1)).len());
    if id.len() > longest {
        let rule = format!("must have at most {longest} characters: the list of devices needs {count} jobs");
        return Err(Error::invalid_request("jobId", rule));
    }
    Ok(())
}
