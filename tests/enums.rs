//! The service's enums: lossless, and open to values that come later.

use jobs_api::types::{ConnectionState, DeviceJobStatus, JobStatus, JobType};
use serde_json::json;

#[test]
fn a_value_is_read_without_regard_to_case_and_written_in_the_services_own() {
    for text in ["scheduleDeviceMethod", "ScheduleDeviceMethod", "SCHEDULEDEVICEMETHOD"] {
        let read: JobType = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(read, JobType::ScheduleDeviceMethod);
        assert_eq!(serde_json::to_value(&read).unwrap(), "scheduleDeviceMethod");
    }
    assert_eq!(ConnectionState::from("disconnected").to_string(), "Disconnected");
    assert_eq!(DeviceJobStatus::Canceled.as_ref(), "canceled");
}

#[test]
fn a_value_that_comes_later_is_kept() {
    for text in ["paused", "Paused", "", "\u{1F980}"] {
        let read: JobStatus = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(read, JobStatus::UnknownValue(text.into()));
        assert_eq!(serde_json::to_value(&read).unwrap(), text);
        assert_eq!(text.parse::<JobStatus>().unwrap(), read);
    }
}
