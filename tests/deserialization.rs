//! Reading of the hub's JSON, irregular forms included.

use std::path::Path;

use jobs_api::Timestamp;
use jobs_api::types::{DeviceJob, DeviceJobStatus, JobResponse, JobStatus, JobType, Twin};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Reads a fixture: a response body of the service and its type.
fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).with_extension("json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_value(fixture(name)["body"].clone()).unwrap()
}

/// Deserializes `body` and serializes the result.
fn round_trip<T: DeserializeOwned + Serialize>(body: Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(body).unwrap()).unwrap()
}

fn spec() -> Value {
    serde_json::from_str(include_str!("../spec/openapi.json")).unwrap()
}

/// Asserts that `kept` has every member of `sent` that the component `name` models.
fn assert_kept(spec: &Value, name: &str, sent: &Value, kept: &Value) {
    let properties = spec["components"]["schemas"][name]["properties"].as_object().unwrap();
    for (key, value) in sent.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()) {
        let is_alias = |property: &Value| {
            property["x-other-names"].as_array().is_some_and(|names| names.contains(&json!(key)))
        };
        let Some((own, property)) =
            properties.iter().find(|(own, property)| *own == key || is_alias(property))
        else {
            continue;
        };
        let component =
            property["allOf"][0]["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let is_object = |name: &&str| spec["components"]["schemas"][*name]["type"] == "object";
        match component.filter(is_object) {
            Some(component) => assert_kept(spec, component, value, &kept[own]),
            None if property["format"] == "date-time" => {
                assert_eq!(
                    Timestamp::from(value.as_str().unwrap()),
                    Timestamp::from(kept[own].as_str().unwrap())
                );
            }
            None => assert_eq!(kept[own], *value, "{name}.{key}"),
        }
    }
}

#[test]
fn row_names_its_module_and_may_have_a_number_as_its_error() {
    let row = |code: Value| json!({ "deviceId": "d", "moduleId": "m", "error": { "code": code } });
    let read: DeviceJob = serde_json::from_value(row(json!(404_103))).unwrap();
    assert_eq!(read.module_id.as_deref(), Some("m"));
    assert_eq!(read.error.unwrap().code.as_deref(), Some("404103"));
    assert_eq!(round_trip::<DeviceJob>(row(json!("DeviceNotOnline"))), row(json!("DeviceNotOnline")));
    for odd in [json!(null), json!(true), json!(1.5), json!({ "a": 1 })] {
        assert!(serde_json::from_value::<DeviceJob>(row(odd.clone())).is_ok(), "{odd}");
    }
    let absent: DeviceJob = serde_json::from_value(json!({ "error": {} })).unwrap();
    assert_eq!(absent.error.unwrap().code, None);
}

#[test]
fn dates_that_mean_never_are_written_as_they_came() {
    for never in ["0001-01-01T00:00:00", "9999-12-31T23:59:59.9999999Z", "9999-12-31T00:00:00+01:00"] {
        let body = json!({ "jobId": "job", "endTime": never });
        assert_eq!(round_trip::<JobResponse>(body.clone()), body);
    }
}

#[test]
fn fixtures_round_trip_without_loss() {
    let spec = spec();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(names.len() >= 14);
    for name in names {
        let fixture = fixture(&name);
        let component = fixture["type"].as_str().unwrap();
        let bodies = match &fixture["body"] {
            Value::Array(rows) => rows.clone(),
            body => vec![body.clone()],
        };
        for sent in bodies {
            let kept = match component {
                "JobResponse" => round_trip::<JobResponse>(sent.clone()),
                _ => round_trip::<DeviceJob>(sent.clone()),
            };
            assert_kept(&spec, component, &sent, &kept);
        }
    }
}

#[test]
fn placeholder_dates_have_no_instant() {
    let job: JobResponse = read("job_with_placeholder_dates");
    let dates = [job.created_time, job.start_time, job.end_time];
    assert!(dates.iter().all(|date| date.as_ref().unwrap().to_utc().is_none()));
}

#[test]
fn unreadable_dates_do_not_fail_the_response() {
    let job: JobResponse = read("job_with_unreadable_dates");
    assert_eq!(job.start_time.unwrap().to_utc(), None);
    assert_eq!(job.end_time.unwrap().to_string(), "2022-05-04T15:53:00.000Z", "a date without a zone is UTC");
    assert_eq!(job.status, Some(JobStatus::Completed));
}

#[test]
fn import_and_export_jobs_have_an_id_and_status_unknown() {
    let job: JobResponse = read("export_job_read_through_v2");
    assert_eq!((job.status, job.type_), (Some(JobStatus::Unknown), None));
    let record: JobResponse = read("export_job_read_through_v1");
    assert_eq!(record.type_, Some(JobType::Export));
    assert!(record.start_time.unwrap().to_utc().is_some());
}

#[test]
fn aliased_member_is_read_under_each_name() {
    let job: JobResponse = read("job_with_query_aliases");
    assert_eq!(job.type_, Some(JobType::ScheduleDeviceMethod));
    assert!(job.created_time.is_some() && job.start_time.is_some() && job.end_time.is_some());
    let row: DeviceJob =
        serde_json::from_value(json!({ "type": "scheduleUpdateTwin", "startTime": "" })).unwrap();
    assert!(row.job_type.is_some() && row.start_time_utc.is_some());
}

#[test]
fn both_spellings_of_cancelled_are_kept() {
    let rows: Vec<DeviceJob> = read("device_jobs_canceled_and_cancelled");
    assert_eq!(rows[0].status, Some(DeviceJobStatus::Canceled));
    assert_eq!(rows[1].status.as_ref().map(DeviceJobStatus::as_str), Some("cancelled"));
}

#[test]
fn null_member_is_absent() {
    let spec = spec();
    let nulls = |name: &str| {
        let properties = spec["components"]["schemas"][name]["properties"].as_object().unwrap();
        properties.keys().map(|name| (name.clone(), Value::Null)).collect::<Value>()
    };
    assert_eq!(round_trip::<JobResponse>(nulls("JobResponse")), json!({}));
    assert_eq!(round_trip::<DeviceJob>(nulls("DeviceJob")), json!({}));
    assert_eq!(round_trip::<Twin>(nulls("Twin")), json!({}));
    assert_eq!(
        round_trip::<Twin>(json!({ "properties": nulls("TwinProperties") })),
        json!({ "properties": {} })
    );
}

#[test]
fn unknown_members_are_ignored() {
    let job: JobResponse = serde_json::from_value(json!({
        "jobId": "a", "progress": 7, "useSecondaryStorageAsSource": null, "error": { "code": 1 }, "outcome": [],
    }))
    .unwrap();
    assert_eq!(job.job_id.as_deref(), Some("a"));
}

#[test]
fn tags_and_properties_hold_any_json() {
    let twin = json!({
        "tags": { "a": 1, "b": "x", "c": [1, null], "d": { "e": true }, "f": null },
        "properties": { "desired": { "$version": 7, "a": 1.5 }, "reported": {} },
    });
    assert_eq!(round_trip::<Twin>(twin.clone()), twin);
}
