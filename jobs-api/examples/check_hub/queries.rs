//! Queries that find nothing.

use jobs_api::types::QuerySpecification;
use jobs_api::{Error, Operations};

use crate::facts::{Findings, Untested, Verdict};
use crate::jobs::Jobs;

pub(crate) async fn check_queries(jobs: &Jobs, findings: &mut Findings) -> Result<(), Untested> {
    let text = format!("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '{}'", jobs.id("now"));
    let query = &QuerySpecification::default().with_query(text);
    let query = |api: Operations| async move { api.query_device_jobs(query).await };
    let rows = jobs.client.call(query).await?;
    findings.check(
        "rows-query",
        rows.value().readable.is_empty(),
        format!("{} rows", rows.value().readable.len()),
    );

    let count = jobs.query_devices("COUNT() AS numberOfDevices").await?;
    let counts: Vec<_> = count.value().readable.iter().map(|row| row.number_of_devices).collect();
    findings.check("query-count-empty", counts == [Some(0)], format!("{counts:?}"));
    let item_types = [rows.headers(), count.headers()].map(|headers| headers.get("x-ms-item-type"));
    let item_types = item_types.map(|value| value.and_then(|value| value.to_str().ok()).unwrap_or("absent"));
    findings.check("item-type", item_types == ["DeviceJob", "Raw"], item_types.join(", "));

    let result = jobs.query_devices("deviceId,").await;
    let body = result.as_ref().err().and_then(Error::attempt).map(|attempt| attempt.body().to_owned());
    let verdict = match Verdict::of_refusal(&result, 400, None) {
        Verdict::Holds(_) if body.as_deref() != Some("ArgumentInvalid;BadRequest") => {
            Verdict::Differs("400 with another body".to_owned())
        }
        verdict => verdict,
    };
    findings.record("query-unreadable", verdict);
    Ok(())
}
