//! What the hub sends is read, however odd.

use jobs_api::types::{DeviceJob, JobResponse, JobStatus, Twin};
use serde_json::{Value, json};

/// Reads `body` and writes it again.
fn round<T: serde::de::DeserializeOwned + serde::Serialize>(body: Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(body).unwrap()).unwrap()
}

#[test]
fn null_is_absent_for_every_member() {
    let names = |sample: &str| {
        let spec: Value = serde_json::from_str(include_str!("../spec/openapi.json")).unwrap();
        spec["components"]["schemas"][sample]["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let nulls = |sample: &str| names(sample).into_iter().map(|name| (name, Value::Null)).collect::<Value>();
    assert_eq!(round::<JobResponse>(nulls("JobResponse")), json!({}));
    assert_eq!(round::<DeviceJob>(nulls("DeviceJob")), json!({}));
    assert_eq!(round::<Twin>(nulls("Twin")), json!({}));
    assert_eq!(round::<Twin>(json!({ "properties": nulls("TwinProperties") })), json!({ "properties": {} }));
}

#[test]
fn unknown_members_and_values_are_survived() {
    let job: JobResponse = serde_json::from_value(json!({
        "jobId": "a", "status": "paused", "progress": 7, "useSecondaryStorageAsSource": null, "error": { "code": 1 },
    }))
    .unwrap();
    assert_eq!(job.status, Some(JobStatus::UnknownValue("paused".into())));
}

#[test]
fn tags_and_properties_hold_any_json() {
    let twin = json!({
        "tags": { "a": 1, "b": "x", "c": [1, null], "d": { "e": true }, "f": null },
        "properties": { "desired": { "$version": 7, "a": 1.5 }, "reported": {} },
    });
    assert_eq!(round::<Twin>(twin.clone()), twin);
}
