//! A job for later, from its creation to its cancellation.

use futures_util::TryStreamExt as _;
use futures_util::future::ready;
use jobs_api::types::{JobResponse, JobStatus, JobType};
use jobs_api::{Error, ErrorCode, FailedAttempt, JobFilter, Response};
use serde_json::{Value, json};

use crate::checks::{Checks, status};
use crate::facts::{Findings, Untested, Verdict};
use crate::jobs::later;

pub(crate) async fn check_scheduled_job(
    hub: &Checks<'_>,
    slots: usize,
    findings: &mut Findings,
) -> Result<(), Untested> {
    let (jobs, id) = (hub.jobs, &hub.jobs.id("later"));
    let request = later(jobs.twin_update());
    let answer = hub.create(id, &request).await?;
    let job = answer.value();
    let is_minimal = job.status == Some(JobStatus::Queued) && job.created_time.is_none();
    findings.check("create-answer", is_minimal, status(job));
    check_headers(&answer, findings);
    let known = hub.read_known(id).await?;
    findings.record("read-lag", known.verdict());

    let again = jobs.create(id, &request).await;
    findings
        .record("create-reused-id", Verdict::of_refusal(&again, 409, Some(&ErrorCode::JOB_ALREADY_EXISTS)));
    let refused = again.err().filter(|error| error.service().is_some());
    check_error(refused.as_ref().and_then(Error::attempt), findings);
    check_slots(hub, slots, findings).await?;
    known.in_time()?;

    let is_scheduled = |job: &JobResponse| job.status == Some(JobStatus::Scheduled);
    let scheduled = hub.read_until(id, hub.patience.run, is_scheduled).await?;
    findings.record("life-scheduled", scheduled.verdict());
    check_record(&scheduled.value, findings);
    let is_listed = hub.repeat(hub.patience.lag, async || is_listed(hub, id).await, |found| *found).await?;
    findings.record("list-filter", is_listed.verdict());

    let is_cancelled = |job: &JobResponse| job.status == Some(JobStatus::Cancelled);
    let answer = jobs.cancel(id).await?.into_inner();
    findings.check("cancel-answer", is_cancelled(&answer), status(&answer));
    findings.record("cancel-lag", hub.read_until(id, hub.patience.lag, is_cancelled).await?.verdict());
    let code = Some(&ErrorCode::OPERATION_NOT_ALLOWED_IN_CURRENT_STATE);
    findings.record("cancel-running", Verdict::of_refusal(&jobs.cancel(id).await, 405, code));
    Ok(())
}

fn check_headers(answer: &Response<JobResponse>, findings: &mut Findings) {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = header("content-type");
    let holds = content_type == "application/json; charset=utf-8"
        && ["date", "x-ms-request-id"].iter().all(|name| !header(*name).is_empty());
    let names: Vec<&str> = answer.headers().keys().map(|name| name.as_str()).collect();
    findings.check("answer-headers", holds, format!("{content_type}; headers {}", names.join(", ")));
}

/// Checks the form of an error.
fn check_error(refused: Option<&FailedAttempt>, findings: &mut Findings) {
    let Some(refused) = refused else {
        let reason = || Verdict::NotTested("the hub reported no error".to_owned());
        findings.record("error-body", reason());
        return findings.record("error-tracking", reason());
    };
    let body: Value = serde_json::from_str(refused.body()).unwrap_or_default();
    let has_code = body["Message"].as_str().is_some_and(|message| message.starts_with("ErrorCode:"));
    let members: Vec<&str> = body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    findings.check("error-body", has_code, format!("members {}", members.join(", ")));
    let generation = ["-G2:", "-G:"].into_iter().find(|generation| refused.body().contains(generation));
    findings.check("error-tracking", generation == Some("-G:"), generation.unwrap_or("another form"));
}

/// Fills the other slots with scheduled jobs, and creates one more.
async fn check_slots(hub: &Checks<'_>, slots: usize, findings: &mut Findings) -> Result<(), Untested> {
    let request = later(hub.jobs.twin_update());
    for slot in 1..slots {
        hub.create(&hub.jobs.id(&format!("slot-{slot}")), &request).await?;
    }
    let full = hub.jobs.create(&hub.jobs.id("too-many"), &request).await;
    let code = Some(&ErrorCode::THROTTLING_MAX_ACTIVE_JOB_COUNT_EXCEEDED);
    findings.record("slots-scheduled", Verdict::of_refusal(&full, 429, code));
    match full.err().filter(Error::is_throttled).as_ref().and_then(Error::service) {
        Some(error) => {
            let wait = error.retry_after();
            findings.check(
                "rate-retry-after",
                wait.is_none(),
                wait.map_or_else(String::new, |wait| format!("{wait:?}")),
            );
        }
        None => {
            findings.record("rate-retry-after", Verdict::NotTested("no call was refused with 429".to_owned()))
        }
    }
    Ok(())
}

/// Checks what a job that waits for its start reads back as.
fn check_record(job: &JobResponse, findings: &mut Findings) {
    let end = job.end_time.as_ref().map_or_else(|| "absent".to_owned(), ToString::to_string);
    findings.check("read-end-time", end.starts_with("9999-12-31"), end);
    let limit = json!(job.max_execution_time_in_seconds);
    findings.check("limit-default", limit == 3600, limit.to_string());
    let echo = json!(job.update_twin);
    findings.check("twin-echo", echo == json!({ "etag": "*", "tags": { "checked": 1 } }), echo.to_string());
}

/// Lists the scheduled jobs in the way of the C# client, which writes names with a capital letter.
async fn is_listed(hub: &Checks<'_>, id: &str) -> Result<bool, Error> {
    let filter = JobFilter::default()
        .status(JobStatus::UnknownValue("Scheduled".to_owned()))
        .job_type(JobType::UnknownValue("ScheduleUpdateTwin".to_owned()));
    hub.jobs.client.query_scheduled_jobs(filter).try_any(|job| ready(job.id() == id)).await
}
