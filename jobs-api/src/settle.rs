//! Whether a job is the one that an unanswered request was to create.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::Timestamp;
use crate::types::{CloudToDeviceMethod, JobRequest, JobResponse, Twin};

/// How far the hub's clock may seem to be behind the one that a request was sent by.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// Whether `job` is what `request`, as it was sent not before `sent`, asked for.
///
/// What the request leaves to the hub (start, limit, timeouts) may be anything; but a job that was
/// created before is another, however alike.
pub(crate) fn is_of_request(job: &JobResponse, request: &JobRequest, sent: DateTime<Utc>) -> bool {
    let created = job.created_time.as_ref().and_then(Timestamp::to_utc);
    created.is_none_or(|created| created >= sent - TOLERANCE)
        && job.type_ == request.type_
        && job.query_condition == request.query_condition
        && is_same_method(job.cloud_to_device_method.as_ref(), request.cloud_to_device_method.as_ref())
        && is_same_patch(job.update_twin.as_ref(), request.update_twin.as_ref())
        && is_as_sent(&job.start_time.as_ref().map(Timestamp::in_milliseconds), &request.start_time)
        && is_as_sent(&job.max_execution_time_in_seconds, &request.max_execution_time_in_seconds)
}

/// Whether `found` is what was sent, or nothing was sent.
fn is_as_sent<T: PartialEq>(found: &Option<T>, sent: &Option<T>) -> bool {
    sent.is_none() || found == sent
}

fn is_same_method(found: Option<&CloudToDeviceMethod>, sent: Option<&CloudToDeviceMethod>) -> bool {
    let (Some(found), Some(sent)) = (found, sent) else { return found.is_none() && sent.is_none() };
    found.method_name == sent.method_name
        && found.payload.as_ref().unwrap_or(&Value::Null) == sent.payload.as_ref().unwrap_or(&Value::Null)
        && is_as_sent(&found.response_timeout_in_seconds, &sent.response_timeout_in_seconds)
        && is_as_sent(&found.connect_timeout_in_seconds, &sent.connect_timeout_in_seconds)
}

fn is_same_patch(found: Option<&Twin>, sent: Option<&Twin>) -> bool {
    let (Some(found), Some(sent)) = (found, sent) else { return found.is_none() && sent.is_none() };
    is_same_collection(found.tags.as_ref(), sent.tags.as_ref())
        && is_same_collection(desired(found), desired(sent))
}

fn desired(twin: &Twin) -> Option<&Map<String, Value>> {
    twin.properties.as_ref()?.desired.as_ref()
}

/// An absent collection and an empty one change nothing alike.
fn is_same_collection(found: Option<&Map<String, Value>>, sent: Option<&Map<String, Value>>) -> bool {
    let members =
        |collection: Option<&Map<String, Value>>| collection.filter(|members| !members.is_empty()).cloned();
    members(found) == members(sent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> Value {
        json!({
            "jobId": "job",
            "type": "scheduleDeviceMethod",
            "cloudToDeviceMethod": { "methodName": "reboot", "payload": { "delay": 5 } },
            "queryCondition": "*",
            "startTime": "2022-05-04T15:53:00.077Z",
            "maxExecutionTimeInSeconds": 60,
        })
    }

    fn with(base: &Value, pointer: &str, value: Value) -> Value {
        let mut changed = base.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[name] = value;
        changed
    }

    fn is_of(job: &Value, request: &Value) -> bool {
        let job = serde_json::from_value(job.clone()).unwrap();
        let sent = Timestamp::from("2022-05-04T16:00:00Z").to_utc().unwrap();
        is_of_request(&job, &serde_json::from_value(request.clone()).unwrap(), sent)
    }

    #[test]
    fn a_job_that_the_hub_filled_in_is_the_one_that_was_sent() {
        let found = with(&request(), "/startTime", json!("2022-05-04T15:53:00.0770000Z"));
        let found = with(&found, "/cloudToDeviceMethod/responseTimeoutInSeconds", json!(30));
        let found = with(&found, "/status", json!("running"));
        let found = with(&found, "/createdTime", json!("2022-05-04T15:58:00Z"));
        assert!(is_of(&found, &request()));
    }

    #[test]
    fn a_job_that_differs_in_anything_sent_is_another() {
        for (pointer, value) in [
            ("/type", json!("scheduleUpdateTwin")),
            ("/queryCondition", json!("deviceId = 'a'")),
            ("/startTime", json!("2022-05-04T15:53:00.078Z")),
            ("/createdTime", json!("2022-05-04T15:54:00Z")),
            ("/maxExecutionTimeInSeconds", json!(61)),
            ("/cloudToDeviceMethod", Value::Null),
            ("/cloudToDeviceMethod/methodName", json!("Reboot")),
            ("/cloudToDeviceMethod/payload", Value::Null),
            ("/updateTwin", json!({ "tags": { "a": 1 } })),
        ] {
            assert!(!is_of(&with(&request(), pointer, value), &request()), "{pointer}");
        }
    }

    #[test]
    fn a_twin_patch_is_compared_by_what_it_writes() {
        let patch = json!({ "etag": "*", "tags": { "a": null } });
        let sent = json!({ "type": "scheduleUpdateTwin", "queryCondition": "*", "updateTwin": patch });
        let found = with(&sent, "/updateTwin/deviceId", Value::Null);
        let found = with(&found, "/updateTwin/properties", json!({ "desired": {} }));
        assert!(is_of(&found, &sent));
        assert!(!is_of(&with(&found, "/updateTwin/tags", json!({ "a": 1 })), &sent));
        assert!(!is_of(&with(&found, "/updateTwin/properties", json!({ "desired": { "a": 1 } })), &sent));
    }
}
