//! Requests of a batch, and the jobs that each takes.

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

/// A request of a batch: a [`JobRequest`], or one for a list of devices, which may take several jobs.
///
/// [`JobRequest::for_devices`] makes one of a list; [`Client::run_jobs`](crate::Client::run_jobs) takes both. In a
/// batch of both, convert each [`JobRequest`]:
///
/// ```
/// # fn example(client: jobs_api::Client, ids: Vec<String>) {
/// use futures_util::stream;
/// use jobs_api::BatchRequest;
/// use jobs_api::types::{JobRequest, Twin};
///
/// let patch = |interval: u32| Twin::patch().with_desired([("interval", interval)]);
/// let building = JobRequest::twin_update(patch(60), "tags.building = '43'");
/// let listed = JobRequest::twin_update(patch(30), "*").for_devices(ids);
/// let requests: [(&str, BatchRequest); 2] =
///     [("interval-60", building.into()), ("interval-30", listed)];
/// let batch = client.run_jobs(stream::iter(requests));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a request does nothing until it is run in a batch"]
pub struct BatchRequest {
    pub(super) request: JobRequest,
    pub(super) devices: Option<BTreeSet<String>>,
}

impl From<JobRequest> for BatchRequest {
    fn from(request: JobRequest) -> Self {
        Self { request, devices: None }
    }
}

impl JobRequest {
    /// Restricts the request to the devices of a list of any length, for
    /// [`Client::run_jobs`](crate::Client::run_jobs): those that its condition selects, all with `*`.
    ///
    /// A condition has at most 8,192 characters, some 500 ids of 12 characters. The list is split into the
    /// fewest jobs, in the order of the ids: `reboot-part-1`, `reboot-part-2` and so on, also if there is only one.
    /// [`BatchRequest::job_ids`] returns their ids; no job has the id of the list. One report sums
    /// up all of them; if a job has none, the result is a [`BatchError`](crate::BatchError), which names the job and
    /// its devices and keeps what the others reported.
    ///
    /// The condition may have comparisons, lists of constants, strings without escaped quotes, and parentheses in
    /// pairs; any other could be read so that it extends the job beyond the list. A [`Condition`](crate::Condition)
    /// whose names have no brackets, quotes, parentheses or backslashes has this form.
    ///
    /// Any other condition, an empty list, an id that no device can have, and one that does not fit into a condition
    /// make the request invalid: no job is created.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client, ids: Vec<String>) -> Result<(), jobs_api::BatchError> {
    /// use futures_util::{StreamExt, stream};
    /// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
    ///
    /// let reboot = CloudToDeviceMethod::new("reboot");
    /// let request = JobRequest::device_method(reboot, "*").for_devices(ids);
    /// let mut batch = client.run_jobs(stream::iter([("reboot-2026-11-25", request)]));
    /// while let Some((id, result)) = batch.next().await {
    ///     let report = result?;
    ///     println!("{id}: {} of {} devices rebooted", report.succeeded, report.devices);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Resuming
    ///
    /// Repeat the batch with the same devices; order and duplicates do not matter. Save the list if it comes from a
    /// query: the next answer may differ.
    ///
    /// A list with other devices needs another id, since the same id would distribute the devices over its jobs
    /// in another way. Before the first job is created, all jobs of the list are therefore compared with those of
    /// the hub. If one exists and differs, as after a change of the devices or of the work, none is created: each
    /// job that differs or is missing ends with an [`Error::JobConflict`], and those that exist as requested are
    /// followed. If one cannot be read, none is created or followed: the others end with an
    /// [`Error::ListNotCompared`]. Devices that only fill further jobs at the end are no conflict. Of two lists under
    /// one id in the same batch the second is invalid.
    pub fn for_devices<I: IntoIterator<Item: Into<String>>>(self, ids: I) -> BatchRequest {
        let devices = ids.into_iter().map(Into::into).collect();
        BatchRequest { request: self, devices: Some(devices) }
    }
}

impl BatchRequest {
    /// Returns the ids of the jobs that the request takes in a batch under this id: `id` itself, or those of the
    /// parts of the list.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if the id or the request breaks a rule of the service.
    pub fn job_ids(&self, id: &str) -> Result<Vec<String>, Error> {
        Ok(self.clone().into_jobs(id)?.into_iter().map(|job| job.id).collect())
    }

    /// Returns the jobs of the request `id`, whose common parts are checked.
    pub(super) fn into_jobs(self, id: &str) -> Result<Vec<Job>, Error> {
        let Self { mut request, devices } = self;
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
}

/// A job of a request.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) listed: Listed,
    condition: Option<String>,
    /// What the jobs of the request have in common.
    request: Arc<JobRequest>,
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

#[cfg(test)]
mod tests;
