//! Lost responses: conclusions from the job about a request whose outcome is unknown.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::generated::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus, Twin};
use crate::runtime::Timestamp;

/// How far the start of a job may lie from its creation when the request left the start to the hub.
const IMMEDIATE_START: TimeDelta = TimeDelta::minutes(1);
/// How far the clocks of a hub's machines may be apart: one dates the job, others the answers.
const CLOCK_SPREAD: TimeDelta = TimeDelta::seconds(5);
/// Seconds that the hub fills in for timeouts which the request leaves out.
const DEFAULT_RESPONSE_TIMEOUT: i32 = 30;
const DEFAULT_CONNECT_TIMEOUT: i32 = 0;

/// The change of a job that a request asks for.
pub(crate) enum Change<'a> {
    /// Creates the job as in this request, the one that was sent.
    Create(&'a JobRequest),
    Cancel,
}

/// The conclusion about a request whose response was lost.
pub(crate) enum Resolution {
    /// The job is as requested.
    Applied(Box<JobResponse>),
    /// The request changed nothing and never will.
    NotApplied,
    Unknown,
}

impl Resolution {
    /// Returns the conclusion in words.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::NotApplied => "not applied",
            Self::Unknown => "unknown",
        }
    }
}

impl Change<'_> {
    /// Returns true if the change creates a job that starts at once by the hub's clock.
    pub(super) fn starts_job(&self, now: impl FnOnce() -> DateTime<Utc>) -> bool {
        match self {
            Self::Create(request) => {
                let start = request.start_time.as_ref().and_then(Timestamp::to_utc);
                start.is_none_or(|start| start <= now() + TimeDelta::seconds(1))
            }
            Self::Cancel => false,
        }
    }

    /// Concludes from the job that was found for `id`.
    ///
    /// `earliest_sent` is the earliest time by the hub's clock at which the first attempt was sent;
    /// `may_be_pending` says that the hub may still be working on an attempt.
    pub(super) fn resolve(
        &self,
        id: &str,
        job: Box<JobResponse>,
        earliest_sent: Option<DateTime<Utc>>,
        may_be_pending: bool,
    ) -> Resolution {
        if job.job_id.as_deref() != Some(id) {
            // The answer is not about this job, whoever gave it.
            return Resolution::Unknown;
        }
        match self {
            // Another job occupies the id, so a pending attempt will be refused.
            Self::Create(request) if !is_as_requested(&job, request) => Resolution::NotApplied,
            Self::Create(_) => {
                let created = job.created_time.as_ref().and_then(Timestamp::to_utc);
                match created.zip(earliest_sent) {
                    Some((created, sent)) if created >= sent => Resolution::Applied(job),
                    Some((created, sent)) if sent - created > CLOCK_SPREAD => Resolution::NotApplied,
                    _ => Resolution::Unknown,
                }
            }
            Self::Cancel => match job.status {
                ref status if is_cancelled(status.as_ref()) => Resolution::Applied(job),
                // The hub refuses to cancel a job in these states, at any later time too.
                Some(JobStatus::Running | JobStatus::Completed | JobStatus::Failed) => Resolution::NotApplied,
                _ if may_be_pending => Resolution::Unknown,
                _ => Resolution::NotApplied,
            },
        }
    }
}

/// Concludes from the absence of the job. A pending attempt may still create it, or cancel one that another
/// client creates.
pub(super) fn resolve_missing(may_be_pending: bool) -> Resolution {
    if may_be_pending { Resolution::Unknown } else { Resolution::NotApplied }
}

/// Returns true for both spellings that the service uses.
pub(crate) fn is_cancelled(status: Option<&JobStatus>) -> bool {
    match status {
        Some(JobStatus::UnknownValue(text)) => text.eq_ignore_ascii_case("canceled"),
        status => status == Some(&JobStatus::Cancelled),
    }
}

/// Returns true if `job` is the one that `request` asks for, with the values that the hub fills in.
fn is_as_requested(job: &JobResponse, request: &JobRequest) -> bool {
    differences(job, request).next().is_none()
}

/// Returns the members in which `job` differs from the one that `request`, as it is sent, asks for.
pub(super) fn differences(job: &JobResponse, request: &JobRequest) -> impl Iterator<Item = &'static str> {
    let same_method =
        is_same_method(job.cloud_to_device_method.as_ref(), request.cloud_to_device_method.as_ref());
    let same_limit =
        is_sent_or_absent(&job.max_execution_time_in_seconds, &request.max_execution_time_in_seconds);
    let comparisons = [
        ("type", job.type_ == request.type_),
        ("queryCondition", job.query_condition == request.query_condition),
        ("cloudToDeviceMethod", same_method),
        ("updateTwin", is_same_patch(job.update_twin.as_ref(), request.update_twin.as_ref())),
        ("startTime", is_same_start(job, request)),
        ("maxExecutionTimeInSeconds", same_limit),
    ];
    comparisons.into_iter().filter(|(_, is_same)| !is_same).map(|(member, _)| member)
}

fn is_same_start(job: &JobResponse, request: &JobRequest) -> bool {
    match &request.start_time {
        Some(requested) => {
            job.start_time.as_ref().map(Timestamp::truncate_to_millis).as_ref() == Some(requested)
        }
        None => {
            let start = job.start_time.as_ref().and_then(Timestamp::to_utc);
            let created = job.created_time.as_ref().and_then(Timestamp::to_utc);
            start.zip(created).is_none_or(|(start, created)| (start - created).abs() <= IMMEDIATE_START)
        }
    }
}

/// Returns true if `found` equals `sent`, or nothing was sent.
fn is_sent_or_absent<T: PartialEq>(found: &Option<T>, sent: &Option<T>) -> bool {
    sent.is_none() || found == sent
}

fn is_same_method(found: Option<&CloudToDeviceMethod>, sent: Option<&CloudToDeviceMethod>) -> bool {
    let (Some(found), Some(sent)) = (found, sent) else { return found.is_none() && sent.is_none() };
    found.method_name == sent.method_name
        && found.payload.as_ref().unwrap_or(&Value::Null) == sent.payload.as_ref().unwrap_or(&Value::Null)
        && is_same_timeout(
            found.response_timeout_in_seconds,
            sent.response_timeout_in_seconds,
            DEFAULT_RESPONSE_TIMEOUT,
        )
        && is_same_timeout(
            found.connect_timeout_in_seconds,
            sent.connect_timeout_in_seconds,
            DEFAULT_CONNECT_TIMEOUT,
        )
}

fn is_same_timeout(found: Option<i32>, sent: Option<i32>, default: i32) -> bool {
    found.unwrap_or(default) == sent.unwrap_or(default)
}

fn is_same_patch(found: Option<&Twin>, sent: Option<&Twin>) -> bool {
    let (Some(found), Some(sent)) = (found, sent) else { return found.is_none() && sent.is_none() };
    is_same_collection(found.tags.as_ref(), sent.tags.as_ref())
        && is_same_collection(desired(found), desired(sent))
}

fn desired(twin: &Twin) -> Option<&Map<String, Value>> {
    twin.properties.as_ref()?.desired.as_ref()
}

/// Compares two collections of a patch: an absent one and an empty one change nothing alike.
fn is_same_collection(found: Option<&Map<String, Value>>, sent: Option<&Map<String, Value>>) -> bool {
    let members =
        |collection: Option<&Map<String, Value>>| collection.filter(|members| !members.is_empty()).cloned();
    members(found) == members(sent)
}

#[cfg(test)]
mod tests;
