//! `GET /jobs/v2/query`

use serde_json::json;

use super::page::{Page, PageRequest, invalid_token};
use crate::hub::Hub;
use crate::jobs::Job;
use crate::service_error::ServiceError;

/// Lists the jobs of this type and status, both read without regard to case.
pub(super) fn list_jobs(
    hub: &Hub,
    request: &PageRequest,
    job_type: Option<&str>,
    status: Option<&str>,
) -> Result<Page, ServiceError> {
    let start = match &request.cursor {
        Some(cursor) => cursor.as_u64().ok_or_else(invalid_token)?,
        None => 0,
    };
    let is_wanted =
        |wanted: Option<&str>, found: &str| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(found));
    let schedule = hub.schedule();
    let mut jobs = schedule.jobs_from(start).filter(|(_, job): &(_, &Job)| {
        is_wanted(job_type, job.request.work.type_name()) && is_wanted(status, job.status.as_str())
    });
    let items = jobs.by_ref().take(request.size).map(|(_, job)| job.to_json()).collect();
    Ok(Page { item_type: "jobResponse", items, next: jobs.next().map(|(key, _)| json!(key)) })
}
