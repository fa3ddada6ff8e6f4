//! Requests that people write as JSON: a misspelt member is refused, as long as it is no response.

use jobs_api::types::{JobRequest, JobResponse, Twin};
use serde::Deserialize;
use serde_json::{Value, json};

/// Returns the reason why a request cannot be read, as a value and as text.
fn refusal(request: &Value) -> String {
    let error = JobRequest::deserialize(request).unwrap_err().to_string();
    let of_text = serde_json::from_str::<JobRequest>(&request.to_string()).unwrap_err().to_string();
    assert!(of_text.starts_with(&error) && of_text.contains(" at line 1 column "), "{of_text}");
    error
}

#[test]
fn unknown_member_is_refused_with_its_path() {
    for (request, path) in [
        (json!({ "startTimee": "2022-05-04T15:53:00Z" }), "startTimee"),
        (json!({ "\u{1b}[2J\n\u{202e}": 1 }), "\\u{1b}[2J\\n\\u{202e}"),
        (json!({ "updateTwin": { "tagz": { "a": 1 } } }), "updateTwin.tagz"),
        (json!({ "updateTwin": { "desired": null } }), "updateTwin.desired"),
        (json!({ "updateTwin": { "properties": { "desierd": {} } } }), "updateTwin.properties.desierd"),
        (json!({ "cloudToDeviceMethod": { "methodname": "m" } }), "cloudToDeviceMethod.methodname"),
        (json!({ "updateTwin": { "\u{1b}[2J\n": 1 } }), "updateTwin.\\u{1b}[2J\\n"),
    ] {
        let error = refusal(&request);
        assert!(error.starts_with(&format!("unknown field `{path}`")), "{error}");
    }
    let long = json!({ "updateTwin": { "x".repeat(1_000_000): 1 } });
    assert!(refusal(&long).len() < 200);
    let long = json!({ "x".repeat(1_000_000): 1 });
    assert!(JobRequest::deserialize(&long).unwrap_err().to_string().len() < 500);
}

#[test]
fn first_of_many_unknown_members_is_reported() {
    let many: serde_json::Map<String, Value> =
        (0..100_000).map(|n| (format!("m{n:06}"), json!([[]]))).collect();
    assert_eq!(refusal(&json!({ "updateTwin": many })), "unknown field `updateTwin.m000000`");
}

#[test]
fn request_within_a_type_of_the_user_is_read_strictly() {
    #[derive(Debug, Deserialize)]
    struct Plan {
        request: JobRequest,
    }

    let plan = |twin: Value| serde_json::from_value::<Plan>(json!({ "request": { "updateTwin": twin } }));
    assert_eq!(plan(json!({ "tagz": 1 })).unwrap_err().to_string(), "unknown field `updateTwin.tagz`");
    let plan = plan(json!({ "tags": { "a": 1 } })).unwrap();
    assert_eq!(plan.request.update_twin.unwrap().tags.unwrap()["a"], 1);
}

#[test]
fn values_of_any_json_have_members_of_any_name() {
    let request = json!({
        "type": "scheduleUpdateTwin",
        "updateTwin": {
            "tags": { "a": { "any": [{ "name": null }] } },
            "properties": { "desired": { "any": { "name": 1 } } },
        },
        "cloudToDeviceMethod": { "methodName": "m", "payload": { "any": { "name": 1 } } },
        "queryCondition": "*",
    });
    let read = JobRequest::deserialize(&request).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), request);
    let absent = JobRequest::deserialize(json!({ "updateTwin": null, "cloudToDeviceMethod": null })).unwrap();
    assert_eq!(absent, JobRequest::default());
}

#[test]
fn unknown_member_of_a_response_is_ignored() {
    let twin = json!({ "tagz": 1, "properties": { "desierd": 1 } });
    Twin::deserialize(&twin).unwrap();
    JobResponse::deserialize(json!({ "new": 1, "updateTwin": twin, "cloudToDeviceMethod": { "new": 1 } }))
        .unwrap();
}
