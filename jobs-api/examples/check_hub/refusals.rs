//! Requests that a hub refuses.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use jobs_api::ErrorCode;
use jobs_api::types::{CloudToDeviceMethod, JobRequest, Twin};
use serde_json::{Value, json};

use crate::facts::{Findings, Verdict};
use crate::jobs::{Jobs, later};

/// Sends requests that break one rule each, for jobs in an hour or later. One that is accepted is cancelled.
pub(crate) async fn check_refusals(jobs: &Jobs, findings: &mut Findings) {
    let id = jobs.id("refused");
    let sound = || later(jobs.twin_update());
    let [invalid, failed] = [ErrorCode::ARGUMENT_INVALID, ErrorCode::PRECONDITION_FAILED].map(Some);
    for (fact, id, request, status, code) in [
        ("job-id-lower-case", &jobs.id("UPPER"), sound(), 400, invalid.clone()),
        (
            "start-latest",
            &id,
            sound().with_start_time(Utc::now() + TimeDelta::hours(169)),
            400,
            invalid.clone(),
        ),
        ("method-response-timeout", &id, method(jobs, 4, 0), 400, invalid.clone()),
        ("method-connect-above-response", &id, method(jobs, 10, 20), 400, invalid.clone()),
        ("twin-etag", &id, with_etag(sound(), None), 412, failed.clone()),
        ("twin-etag-other", &id, with_etag(sound(), Some("AAAAAAAAAAE=")), 412, None),
        ("twin-key", &id, with_tag(sound(), "a.b", json!(1)), 400, invalid.clone()),
        ("twin-string", &id, with_tag(sound(), "a", json!("x".repeat(4097))), 400, invalid.clone()),
        ("twin-integer", &id, with_tag(sound(), "a", json!(1_i64 << 52)), 400, invalid.clone()),
        ("twin-depth", &id, with_tag(sound(), "a", nested(12)), 400, invalid.clone()),
        ("twin-null-in-array", &id, with_tag(sound(), "a", json!([null])), 400, invalid.clone()),
        ("condition-length", &id, with_long_condition(sound()), 412, failed.clone()),
    ] {
        let result = jobs.create(id, &request).await;
        if result.is_ok() {
            // A job that cannot be cancelled stays open, and is reported.
            let _ = jobs.cancel(id).await;
        }
        findings.record(fact, Verdict::of_refusal(&result, status, code.as_ref()));
    }
}

fn method(jobs: &Jobs, response_timeout: u64, connect_timeout: u64) -> JobRequest {
    let [response_timeout, connect_timeout] = [response_timeout, connect_timeout].map(Duration::from_secs);
    let method = CloudToDeviceMethod::new("check").with_response_timeout(response_timeout);
    jobs.method_call(method.with_connect_timeout(connect_timeout))
}

fn with_etag(mut request: JobRequest, etag: Option<&str>) -> JobRequest {
    if let Some(twin) = &mut request.update_twin {
        twin.etag = etag.map(str::to_owned);
    }
    request
}

fn with_tag(mut request: JobRequest, name: &str, value: Value) -> JobRequest {
    request.update_twin = Some(Twin::patch().with_tags([(name, value)]));
    request
}

fn with_long_condition(mut request: JobRequest) -> JobRequest {
    if let Some(condition) = &mut request.query_condition {
        *condition += &" ".repeat(8193);
    }
    request
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |value, _| json!({ "a": value }))
}
