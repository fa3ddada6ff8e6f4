//! `GET /jobs/v2/query`

use serde_json::json;

use super::page::{Page, PageRequest, invalid_token};
use crate::hub::Hub;
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
    let (schedule, behavior, now) = (hub.schedule(), &hub.settings.behavior, hub.now());
    let mut jobs = schedule.jobs_from(start).filter_map(|(key, job)| {
        let seen = job.seen(behavior, now)?;
        let is_wanted = is_wanted(job_type, job.request.work.type_name()) && is_wanted(status, seen.as_str());
        is_wanted.then_some((key, job, seen))
    });
    let items = jobs.by_ref().take(request.size).map(|(_, job, seen)| job.to_json(seen, behavior)).collect();
    Ok(Page { item_type: "JobResponse", items, next: jobs.next().map(|(key, ..)| json!(key)) })
}
