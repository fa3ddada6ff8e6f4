use serde_json::json;

use super::*;
use crate::generated::types::CloudToDeviceMethod;

fn job(body: Value) -> JobOutcome {
    serde_json::from_value::<JobResponse>(body).unwrap().outcome()
}

fn row(body: Value) -> DeviceJob {
    serde_json::from_value(body).unwrap()
}

#[test]
fn outcome_follows_from_status_and_statistics() {
    assert_eq!(job(json!({ "status": "failed" })), JobOutcome::Failed);
    for status in ["cancelled", "canceled"] {
        assert_eq!(job(json!({ "status": status })), JobOutcome::Cancelled);
    }
    for status in ["queued", "enqueued", "scheduled", "running", "notListed"] {
        assert_eq!(job(json!({ "status": status })), JobOutcome::Pending);
    }
    for unknown in [json!({}), json!({ "status": "unknown" })] {
        assert_eq!(job(unknown), JobOutcome::Unknown);
    }
}

#[test]
fn completed_job_succeeded_only_by_a_count_of_devices_that_all_succeeded() {
    for (statistics, outcome) in [
        (json!({ "deviceCount": 3, "succeededCount": 3 }), JobOutcome::Succeeded),
        (
            json!({ "deviceCount": 3, "succeededCount": 1, "failedCount": 2 }),
            JobOutcome::CompletedWithFailures(2),
        ),
        (json!({ "failedCount": 2 }), JobOutcome::CompletedWithFailures(2)),
        (
            json!({ "deviceCount": 3, "succeededCount": 2, "pendingCount": 1 }),
            JobOutcome::Incomplete(Some(1)),
        ),
        (json!({ "deviceCount": 3 }), JobOutcome::Incomplete(Some(3))),
        (json!({ "deviceCount": 0 }), JobOutcome::NoDevices),
        (json!({ "deviceCount": -1 }), JobOutcome::Incomplete(None)),
        (json!({ "succeededCount": 3, "failedCount": 0 }), JobOutcome::Incomplete(None)),
        (json!(null), JobOutcome::Incomplete(None)),
    ] {
        let body = json!({ "status": "completed", "deviceJobStatistics": statistics });
        assert_eq!(job(body), outcome, "{statistics}");
        assert!(outcome.is_final());
    }
    assert_eq!(job(json!({ "status": "completed" })), JobOutcome::Incomplete(None));
}

#[test]
fn method_row_without_an_answer_is_neither_success_nor_failure() {
    for outcome in [
        json!({}),
        json!({ "deviceMethodResponse": null }),
        json!({ "deviceMethodResponse": { "payload": 1 } }),
    ] {
        let row =
            row(json!({ "status": "completed", "jobType": "scheduleDeviceMethod", "outcome": outcome }));
        assert!(!row.is_success() && row.failure().is_none() && row.is_final(), "{outcome}");
    }
}

#[test]
fn device_that_answers_404_is_no_success() {
    let answered = |status| json!({ "status": "completed", "outcome": { "deviceMethodResponse": { "status": status, "payload": "no" } } });
    assert!(row(answered(200)).is_success());
    assert!(!row(answered(404)).is_success());
    assert_eq!(row(answered(404)).failure().unwrap(), "the device answered 404: \"no\"");
    let bare = row(json!({ "status": "completed", "outcome": { "status": 500, "payload": null } }));
    assert_eq!(bare.failure().unwrap(), "the device answered 500");
    for outcome in [json!({}), json!({ "deviceMethodResponse": null }), json!(null)] {
        assert!(row(json!({ "status": "completed", "outcome": outcome })).is_success());
    }
}

#[test]
fn failed_row_has_a_reason() {
    let error = json!({ "code": "JobRunPreconditionFailed", "description": "offline" });
    let failed = row(json!({ "status": "failed", "outcome": {}, "error": error }));
    assert_eq!(failed.failure().unwrap(), "JobRunPreconditionFailed: offline");
    for error in [json!(null), json!({}), json!({ "code": "", "description": "" })] {
        let row = row(json!({ "status": "failed", "error": error }));
        assert_eq!(row.failure().unwrap(), "the hub gives no reason");
    }
    assert_eq!(row(json!({ "status": "pending" })).failure(), None);
    assert!(
        row(json!({ "status": "canceled" })).is_cancelled()
            && row(json!({ "status": "Cancelled" })).is_cancelled()
    );
    for status in [json!("completed"), json!("failed"), json!("notListed"), json!(null)] {
        assert!(!row(json!({ "status": status })).is_cancelled(), "{status}");
    }
}

#[test]
fn payload_is_written_as_json() {
    let method = CloudToDeviceMethod::new("m").with_payload_of(&[Some(1), None]).unwrap();
    assert_eq!(method.payload, Some(json!([1, null])));
    let unwritable = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert!(CloudToDeviceMethod::new("m").with_payload_of(&unwritable).is_err());
}

#[test]
fn payload_is_read_as_a_type() {
    let response =
        row(json!({ "outcome": { "deviceMethodResponse": { "payload": [1, 2] } } })).method_response();
    let response = response.unwrap();
    assert_eq!(response.payload_as::<Vec<i32>>().unwrap(), [1, 2]);
    assert!(response.payload_as::<String>().is_err());
    assert_eq!(CloudToDeviceMethodResult::default().payload_as::<Option<i32>>().unwrap(), None);
}
