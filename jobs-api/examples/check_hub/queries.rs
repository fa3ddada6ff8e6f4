//! Queries that find nothing.

use jobs_api::types::QuerySpecification;
use jobs_api::{Error, Operations};

use crate::facts::{Findings, Untested, Verdict};
use crate::jobs::Jobs;

pub(crate) async fn check_queries(jobs: &Jobs, findings: &mut Findings) -> Result<(), Untested> {
    let text = format!("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '{}'", jobs.id("now"));
    let query = &QuerySpecification::default().with_query(text);
    let rows = async |api: Operations| api.query_device_jobs(None, None, query).await;
    let rows = jobs.client.call(rows).await?;
    findings.record("rows-query", Verdict::new(rows.is_empty(), format!("{} rows", rows.len())));

    let text = format!("SELECT COUNT() AS numberOfDevices FROM devices WHERE {}", jobs.condition());
    let query = &QuerySpecification::default().with_query(text);
    let count =
        jobs.client.call(|api: Operations| async move { api.query_devices(None, None, query).await }).await?;
    let counts: Vec<_> = count.iter().map(|row| row.number_of_devices).collect();
    findings.record("query-count-empty", Verdict::new(counts == [Some(0)], format!("{counts:?}")));
    let item_types = [rows.headers(), count.headers()].map(|headers| headers.get("x-ms-item-type"));
    let item_types = item_types.map(|value| value.and_then(|value| value.to_str().ok()).unwrap_or("absent"));
    findings.record("item-type", Verdict::new(item_types == ["DeviceJob", "Raw"], item_types.join(", ")));

    let query = &QuerySpecification::default().with_query("SELECT * FROM devices WHERE");
    let result =
        jobs.client.call(|api: Operations| async move { api.query_devices(None, None, query).await }).await;
    let is_bare = result
        .as_ref()
        .err()
        .and_then(Error::service)
        .map(|service| service.body() == "ArgumentInvalid;BadRequest");
    let verdict = match Verdict::of_refusal(&result, 400, None) {
        Verdict::Holds(seen) if is_bare == Some(false) => {
            Verdict::Differs(format!("{seen} with another body"))
        }
        verdict => verdict,
    };
    findings.record("query-unreadable", verdict);
    Ok(())
}
