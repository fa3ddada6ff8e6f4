//! Requests of a batch, and the jobs that each takes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::JobFailure;
use crate::client::Client;
use crate::error::Error;
use crate::generated::types::JobRequest;
use crate::jobs::compare::{Likeness, compare};
use crate::jobs::condition::{Condition, chunk_device_ids};
use crate::jobs::validate::{check_request, complete_request};
use crate::limits::{DEVICE_ID_LENGTH, DEVICE_ID_PUNCTUATION, JOB_ID_LENGTH, is_device_id};

/// Characters of an invalid device id that an error shows.
const SHOWN_ID: usize = 40;

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
    /// Makes a request for the devices of a list of any length, for [`Client::run_jobs`](crate::Client::run_jobs). Its
    /// own condition must be `*`: the list takes its place.
    ///
    /// A condition has at most 8,192 characters, some 500 ids of 12 characters. The list is split into the
    /// fewest jobs, in the order of the ids: `reboot-part-1`, `reboot-part-2` and so on, also if there is only one.
    /// [`BatchRequest::job_ids`] returns their ids; no job has the id of the list. One report sums
    /// up all of them; if a job has none, the result is a [`BatchError`](crate::BatchError), which names the job and
    /// its devices and keeps what the others reported.
    ///
    /// Another condition, an empty list, and an id that no device can have make the request invalid: no job is created.
    /// [`Client::devices`](crate::Client::devices) lists the devices that a condition selects.
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
        let request = Arc::new(request);
        let job = |id, devices| Job { id, devices, request: request.clone() };
        let jobs = match devices {
            Some(devices) => {
                check_list(&request, &devices)?;
                let devices = Vec::from_iter(devices);
                // An id has no count of the parts: a longer list would change them all, and call its devices again.
                let parts = (1..).zip(chunk_device_ids(&devices));
                parts.map(|(number, part)| job(format!("{id}-part-{number}"), part.to_vec())).collect()
            }
            None => vec![job(id.to_owned(), Vec::new())],
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
    /// The devices of a list that the job is for, in the order of their ids; empty if there is no list.
    pub(super) devices: Vec<String>,
    /// What the jobs of the request have in common.
    request: Arc<JobRequest>,
}

fn check_list(request: &JobRequest, devices: &BTreeSet<String>) -> Result<(), Error> {
    if request.query_condition.as_deref().is_none_or(|condition| condition.trim() != "*") {
        let rule = "must be `*` for a list of devices, which takes its place";
        return Err(Error::invalid_request("queryCondition", rule));
    }
    if devices.is_empty() {
        let rule = "must not be for an empty list of devices; `*` without a list selects every device";
        return Err(Error::invalid_request("queryCondition", rule));
    }
    let Some(id) = devices.iter().find(|id| !is_device_id(id)) else { return Ok(()) };
    let (shown, most) = (id.chars().take(SHOWN_ID).collect::<String>(), DEVICE_ID_LENGTH.end());
    let ellipsis = if shown.len() < id.len() { "…" } else { "" };
    let rule = format!(
        "must not be for the device {shown:?}{ellipsis}: an id has 1 to {most} ASCII letters, digits and \
         {DEVICE_ID_PUNCTUATION}"
    );
    Err(Error::invalid_request("queryCondition", rule))
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
        let mut request = JobRequest::clone(&self.request);
        if !self.devices.is_empty() {
            request.query_condition = Some(Condition::device_ids(&self.devices).to_string());
        }
        request
    }

    /// Compares the job with the job of its id in the hub; `None` if the hub does not show one.
    pub(super) async fn compare(&self, client: &Client) -> Result<Option<Likeness>, JobFailure> {
        let found = client.find_scheduled_job(&self.id).await.map_err(|error| self.failure(error))?;
        Ok(found.map(|job| compare(&job, &complete_request(&self.id, &self.to_request()))))
    }

    /// Returns the reason why the job has no report.
    pub(super) fn failure(&self, error: Error) -> JobFailure {
        JobFailure { job_id: self.id.clone(), devices: self.devices.clone(), error }
    }
}

#[cfg(test)]
mod tests;
