//! Jobs that do not exist, that start at once, and a method.

use chrono::{TimeDelta, Utc};
use jobs_api::ErrorCode;
use jobs_api::types::{CloudToDeviceMethod, JobStatus};
use serde_json::json;

use crate::checks::{Checks, is_unknown, status};
use crate::facts::{Findings, Untested, Verdict};

type Step = Result<(), Untested>;

pub(crate) async fn check_unknown_job(hub: &Checks<'_>, findings: &mut Findings) -> Step {
    let id = hub.jobs.id("unknown");
    let cancel = hub.jobs.cancel(&id).await;
    findings.record("cancel-unknown-id", Verdict::of_refusal(&cancel, 404, Some(&ErrorCode::JOB_NOT_FOUND)));
    let job = hub.jobs.read(&id).await?.into_inner();
    findings.check("read-unknown-id", is_unknown(&job), status(&job));
    findings.check("read-unknown-id-bare", job.job_id.is_none(), "");
    Ok(())
}

pub(crate) async fn check_job_at_once(hub: &Checks<'_>, findings: &mut Findings) -> Step {
    let id = &hub.jobs.id("now");
    hub.create(id, &hub.jobs.twin_update()).await?;
    let job = hub.read_to_end(id).await?;
    let (created, start) = (json!(job.created_time), json!(job.start_time));
    findings.check(
        "start-omitted",
        created == start && !start.is_null(),
        format!("{start}, created {created}"),
    );
    let is_completed = job.status == Some(JobStatus::Completed) && job.counts().total == 0;
    findings.check("life-no-device", is_completed, status(&job));
    Ok(())
}

pub(crate) async fn check_past_start(hub: &Checks<'_>, findings: &mut Findings) -> Step {
    let id = &hub.jobs.id("past");
    let request = hub.jobs.twin_update().with_start_time(Utc::now() - TimeDelta::minutes(1));
    hub.create(id, &request).await?;
    let job = hub.read_to_end(id).await?;
    findings.check("start-past", job.status == Some(JobStatus::Completed), status(&job));
    Ok(())
}

pub(crate) async fn check_unreadable_condition(hub: &Checks<'_>, findings: &mut Findings) -> Step {
    let id = &hub.jobs.id("unreadable");
    let mut request = hub.jobs.twin_update();
    request.query_condition = Some("tags.checked =".to_owned());
    hub.create(id, &request).await?;
    let job = hub.read_to_end(id).await?;
    let fails = job.status == Some(JobStatus::Failed) && job.failure_reason.is_some();
    findings.check("condition-unreadable", fails, status(&job));
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
    findings.check("method-payload-echo", holds, json!(echo).to_string());
    Ok(())
}
