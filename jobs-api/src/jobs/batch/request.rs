//! Requests of a batch, and the jobs that each takes.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::Error;
use crate::generated::types::JobRequest;
use crate::jobs::condition::{Condition, names_collection};
use crate::jobs::validate::{check_condition, prepare};
use crate::limits::{CONDITION_LENGTH, JOB_ID_LENGTH};

/// A request of a batch: a [`JobRequest`], or one for a list of devices, which may take several jobs.
///
/// [`JobRequest::for_devices`] makes one of a list; [`Client::run_jobs`](crate::Client::run_jobs) takes both.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a request does nothing until it is run in a batch"]
pub struct BatchRequest {
    request: JobRequest,
    devices: Option<BTreeSet<String>>,
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
    /// A condition has at most 8,192 characters, some 500 ids of 12 characters. A longer list is split into the
    /// fewest jobs, with ids such as `reboot-1-of-20`, and one report sums up all of them. Order and duplicates
    /// do not matter: the same devices give the same jobs, so that the batch can be resumed.
    ///
    /// An empty list, and an id that does not fit into a condition, make the request invalid: no job is created.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client, ids: Vec<String>) -> Result<(), jobs_api::Error> {
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
    pub fn for_devices<I: IntoIterator<Item: Into<String>>>(self, ids: I) -> BatchRequest {
        let devices = ids.into_iter().map(Into::into).collect();
        BatchRequest { request: self, devices: Some(devices) }
    }
}

/// A job of a request.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    request: Arc<JobRequest>,
    condition: String,
}

impl BatchRequest {
    /// Returns the jobs of the request `id`, checked as far as they do not differ.
    pub(super) fn into_jobs(self, id: &str) -> Result<Vec<Job>, Error> {
        let Self { mut request, devices } = self;
        let condition = request.query_condition.take().unwrap_or_default();
        let conditions = match devices {
            None => vec![condition],
            Some(devices) => split(&condition, &devices)?,
        };
        if let Some(condition) = conditions.first() {
            prepare(id, &JobRequest { query_condition: Some(condition.clone()), ..request.clone() })?;
        }
        let count = conditions.len();
        check_id_of_parts(id, count)?;
        request.job_id = None;
        let request = Arc::new(request);
        let jobs = (1..).zip(conditions).map(|(number, condition)| {
            let id = format!("{id}{}", suffix(number, count));
            Job { id, request: request.clone(), condition }
        });
        Ok(jobs.collect())
    }
}

/// Returns the part of a job's id that tells it from the others of its request.
fn suffix(number: usize, count: usize) -> String {
    if count == 1 { String::new() } else { format!("-{number}-of-{count}") }
}

fn check_id_of_parts(id: &str, count: usize) -> Result<(), Error> {
    let longest = JOB_ID_LENGTH.end().saturating_sub(suffix(count, count).len());
    if id.len() > longest {
        let rule = format!("must have at most {longest} characters: the list of devices takes {count} jobs");
        return Err(Error::invalid_request("jobId", rule));
    }
    Ok(())
}

/// Returns the conditions that select the devices which `condition` does, each for a part of the list.
fn split(condition: &str, devices: &BTreeSet<String>) -> Result<Vec<String>, Error> {
    check_condition(Some(condition))?;
    if devices.is_empty() {
        let rule = "must not be for an empty list of devices; `*` without a list selects every device";
        return Err(Error::invalid_request("queryCondition", rule));
    }
    let (before, after) = around_list(condition.trim());
    let overhead = before.chars().count() + after.chars().count();
    let parts = Condition::split_device_ids_within(devices, CONDITION_LENGTH.saturating_sub(overhead));
    let conditions: Vec<String> = parts.iter().map(|part| format!("{before}{part}{after}")).collect();
    if conditions.iter().any(|condition| condition.chars().count() > CONDITION_LENGTH) {
        let rule = format!("has no room for one of the device ids in its {CONDITION_LENGTH} characters");
        return Err(Error::invalid_request("queryCondition", rule));
    }
    Ok(conditions)
}

/// Returns the texts that come before and after the list of devices in a condition.
fn around_list(condition: &str) -> (String, String) {
    if condition == "*" {
        return Default::default();
    }
    if !names_collection(condition) {
        return (String::new(), format!(" AND ({condition})"));
    }
    // The collection of modules, and their condition.
    match condition.to_ascii_uppercase().find(" WHERE ") {
        Some(end) => {
            let (source, condition) = condition.split_at(end);
            (format!("{source} WHERE "), format!(" AND ({})", condition[" WHERE ".len()..].trim()))
        }
        None => (format!("{condition} WHERE "), String::new()),
    }
}

impl Job {
    /// Returns the request, which is as large as its payload.
    pub(super) fn to_request(&self) -> JobRequest {
        JobRequest { query_condition: Some(self.condition.clone()), ..(*self.request).clone() }
    }
}

#[cfg(test)]
mod tests;
