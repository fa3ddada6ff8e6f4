//! Requests of a batch, and the jobs that each takes.

use std::collections::BTreeSet;

use super::jobs::{Job, split_request};
use crate::error::Error;
use crate::generated::types::JobRequest;

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
        split_request(id, self.request, self.devices)
    }
}

#[cfg(test)]
mod tests;
