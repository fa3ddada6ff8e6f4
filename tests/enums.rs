//! Enums of the service: lossless, and open to new values.

use jobs_api::types::{ConnectionState, DeviceJobStatus, JobStatus, JobType};
use serde_json::json;

#[test]
fn known_value_is_read_in_any_case_and_written_in_the_service_case() {
    for text in ["scheduleDeviceMethod", "ScheduleDeviceMethod", "SCHEDULEDEVICEMETHOD"] {
        let read: JobType = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(read, JobType::ScheduleDeviceMethod);
        assert_eq!(serde_json::to_value(&read).unwrap(), "scheduleDeviceMethod");
    }
    assert_eq!(ConnectionState::from("disconnected").to_string(), "Disconnected");
    assert_eq!(DeviceJobStatus::Canceled.as_ref(), "canceled");
}

#[test]
fn unknown_value_round_trips() {
    for text in ["notListed", "NotListed", "", "\u{1F980}"] {
        let read: JobStatus = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(read, JobStatus::UnknownValue(text.into()));
        assert_eq!(serde_json::to_value(&read).unwrap(), text);
        assert_eq!(text.parse::<JobStatus>().unwrap(), read);
    }
}
