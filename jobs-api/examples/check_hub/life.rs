//! Jobs from their creation to their end.

use chrono::{TimeDelta, Utc};
use futures_util::TryStreamExt as _;
use jobs_api::types::{CloudToDeviceMethod, JobResponse, JobStatus, JobType};
use jobs_api::{Error, ErrorCode, JobFilter, Response};
use serde_json::{Value, json};

use crate::checks::{Checks, is_unknown, status};
use crate::facts::{Findings, Untested, Verdict, words};
use crate::jobs::later;

type Step = Result<(), Untested>;

pub(crate) async fn check_unknown_job(hub: &Checks<'_>, findings: &mut Findings) -> Step {
    let id = hub.jobs.id("unknown");
    match hub.jobs.read(&id).await {
        Ok(job) => {
            findings.record("read-unknown-id", Verdict::new(is_unknown(&job), status(&job)));
            findings.record("read-unknown-id-bare", Verdict::new(job.job_id.is_none(), ""));
        }
        Err(error) if error.is_not_found() => {
            findings.record("read-unknown-id", Verdict::Differs(words(&error)));
        }
        Err(error) => return Err(error.into()),
    }
    let cancel = hub.jobs.cancel(&id).await;
    let verdict = Verdict::of_refusal(&cancel, 404, Some(&ErrorCode::JobNotFound));
    findings.record("cancel-unknown-id", verdict);
    Ok(())
}

pub(crate) async fn check_scheduled_job(hub: &Checks<'_>, slots: usize, findings: &mut Findings) -> Step {
    let (jobs, id) = (hub.jobs, &hub.jobs.id("later"));
    let request = later(jobs.twin_update());
    let answer = hub.create(id, &request).await?;
    let is_minimal = answer.status == Some(JobStatus::Queued) && answer.created_time.is_none();
    findings.record("create-answer", Verdict::new(is_minimal, status(&answer)));
    findings.record("answer-headers", check_headers(&answer));

    let known = hub.read_known(id).await?;
    findings.record("read-lag", known.verdict());
    let again = jobs.create(id, &request).await;
    findings.record("create-reused-id", Verdict::of_refusal(&again, 409, Some(&ErrorCode::JobAlreadyExists)));
    check_error(&again, findings);
    check_slots(hub, slots, findings).await?;
    known.in_time()?;

    let scheduled =
        hub.read_until(id, hub.patience.run, |job| job.status == Some(JobStatus::Scheduled)).await?;
    findings.record("life-scheduled", scheduled.verdict());
    check_record(&scheduled.value, findings);
    findings.record("list-filter", check_list(hub, id).await?);

    let answer = jobs.cancel(id).await?;
    let is_cancelled = |job: &JobResponse| job.status == Some(JobStatus::Cancelled);
    findings.record("cancel-answer", Verdict::new(is_cancelled(&answer), status(&answer)));
    let cancelled = hub.read_until(id, hub.patience.lag, is_cancelled).await?;
    findings.record("cancel-lag", cancelled.verdict());
    let again = jobs.cancel(id).await;
    let code = Some(&ErrorCode::OperationNotAllowedInCurrentState);
    findings.record("cancel-running", Verdict::of_refusal(&again, 405, code));
    Ok(())
}

fn check_headers(answer: &Response<JobResponse>) -> Verdict {
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = header("content-type");
    let holds = content_type == "application/json; charset=utf-8"
        && ["date", "x-ms-request-id"].iter().all(|name| !header(*name).is_empty());
    let names: Vec<&str> = answer.headers().keys().map(|name| name.as_str()).collect();
    Verdict::new(holds, format!("{content_type}; headers {}", names.join(", ")))
}

/// Checks the form of an error.
fn check_error(result: &Result<Response<JobResponse>, Error>, findings: &mut Findings) {
    let Some(service) = result.as_ref().err().and_then(Error::service) else { return };
    let body: Value = serde_json::from_str(service.body()).unwrap_or_default();
    let has_code = body["Message"].as_str().is_some_and(|message| message.starts_with("ErrorCode:"));
    let members = body.as_object().map(|body| body.keys().cloned().collect::<Vec<_>>().join(", "));
    findings
        .record("error-body", Verdict::new(has_code, members.unwrap_or_else(|| "no JSON object".to_owned())));
    let generation = ["-G2:", "-G:"].iter().find(|generation| service.body().contains(*generation));
    let seen = generation.map_or("neither -G: nor -G2:", |generation| generation);
    findings.record("error-tracking", Verdict::new(seen == "-G:", seen));
}

/// Fills the other slots with scheduled jobs, and creates one more.
async fn check_slots(hub: &Checks<'_>, slots: usize, findings: &mut Findings) -> Step {
    let request = later(hub.jobs.twin_update());
    for slot in 1..slots {
        hub.create(&hub.jobs.id(&format!("slot-{slot}")), &request).await?;
    }
    let full = hub.jobs.create(&hub.jobs.id("too-many"), &request).await;
    let code = Some(&ErrorCode::ThrottlingMaxActiveJobCountExceeded);
    findings.record("slots-scheduled", Verdict::of_refusal(&full, 429, code));
    if let Some(service) = full.as_ref().err().filter(|error| error.is_throttled()).and_then(Error::service) {
        let wait = service.retry_after();
        findings.record(
            "rate-retry-after",
            Verdict::new(wait.is_none(), wait.map_or_else(String::new, |wait| format!("{wait:?}"))),
        );
    }
    Ok(())
}

/// Checks what the hub adds to a job that waits for its start.
fn check_record(job: &JobResponse, findings: &mut Findings) {
    let end = job.end_time.as_ref().map_or_else(|| "absent".to_owned(), ToString::to_string);
    findings.record("read-end-time", Verdict::new(end.starts_with("9999-12-31"), end));
    let limit = job.max_execution_time_in_seconds;
    findings.record(
        "limit-default",
        Verdict::new(
            limit == Some(3600),
            limit.map_or_else(|| "absent".to_owned(), |limit| limit.to_string()),
        ),
    );
    let echo = json!(job.update_twin);
    findings.record(
        "twin-echo",
        Verdict::new(echo == json!({ "etag": "*", "tags": { "checked": 1 } }), echo.to_string()),
    );
}

/// Lists the scheduled jobs in the way of the C# client, which writes names with a capital letter.
async fn check_list(hub: &Checks<'_>, id: &str) -> Result<Verdict, Error> {
    let find = async || {
        let filter = JobFilter::default()
            .status(JobStatus::UnknownValue("Scheduled".to_owned()))
            .job_type(JobType::UnknownValue("ScheduleUpdateTwin".to_owned()));
        let listing = hub.jobs.client.query_scheduled_jobs(filter);
        listing
            .try_any(|job| {
                let found = job.id() == id;
                async move { found }
            })
            .await
    };
    Ok(hub.repeat(hub.patience.lag, find, |found| *found).await?.verdict())
}

pub(crate) async fn check_job_at_once(hub: &Checks<'_>, findings: &mut Findings) -> Step {
    let id = &hub.jobs.id("now");
    hub.create(id, &hub.jobs.twin_update()).await?;
    let job = hub.read_to_end(id).await?;
    let times = [&job.created_time, &job.start_time].map(|time| time.as_ref().map(ToString::to_string));
    let starts_at_once = times[0].is_some() && times[0] == times[1];
    findings.record("start-omitted", Verdict::new(starts_at_once, format!("{times:?}")));
    let is_completed = job.status == Some(JobStatus::Completed) && job.counts().total == 0;
    findings.record("life-no-device", Verdict::new(is_completed, status(&job)));
    Ok(())
}

pub(crate) async fn check_past_start(hub: &Checks<'_>, findings: &mut Findings) -> Step {
    let id = &hub.jobs.id("past");
    let request = hub.jobs.twin_update().starting_at(Utc::now() - TimeDelta::minutes(1));
    hub.create(id, &request).await?;
    let job = hub.read_to_end(id).await?;
    findings.record("start-past", Verdict::new(job.status == Some(JobStatus::Completed), status(&job)));
    Ok(())
}

pub(crate) async fn check_unreadable_condition(hub: &Checks<'_>, findings: &mut Findings) -> Step {
    let id = &hub.jobs.id("unreadable");
    let mut request = hub.jobs.twin_update();
    request.query_condition = Some("tags.checked =".to_owned());
    hub.create(id, &request).await?;
    let job = hub.read_to_end(id).await?;
    let fails = job.status == Some(JobStatus::Failed) && job.failure_reason.is_some();
    findings.record("condition-unreadable", Verdict::new(fails, status(&job)));
    Ok(())
}

pub(crate) async fn check_payload(hub: &Checks<'_>, findings: &mut Findings) -> Step {
    let id = &hub.jobs.id("payload");
    let payload = json!({ "checked": 1 });
    let method = CloudToDeviceMethod::new("check").with_payload(payload.clone());
    hub.create(id, &hub.jobs.method_call(method)).await?;
    let job = hub.read_known(id).await?.in_time()?;
    let echo = job.cloud_to_device_method.as_ref().and_then(|method| method.payload.as_ref());
    let holds = echo == Some(&json!(payload.to_string().as_bytes()));
    findings.record("method-payload-echo", Verdict::new(holds, json!(echo).to_string()));
    Ok(())
}
