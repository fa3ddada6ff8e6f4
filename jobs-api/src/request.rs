//! Making a job request: constructors on the generated types.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Timestamp;
use crate::error::Error;
use crate::types::{CloudToDeviceMethod, JobRequest, JobType, Twin, TwinProperties};

/// The etag that fits every version of a twin; jobs take no other.
pub(crate) const ANY_ETAG: &str = "*";

impl JobRequest {
    /// A job that invokes `method` on every device that `condition` selects.
    ///
    /// The condition is the part of a query after WHERE, at most 8,192 characters, such as
    /// `tags.building = '43'`; `*` selects every device. See [the query language][page].
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language
    pub fn device_method(method: CloudToDeviceMethod, condition: impl Into<String>) -> Self {
        Self {
            type_: Some(JobType::ScheduleDeviceMethod),
            cloud_to_device_method: Some(method),
            query_condition: Some(condition.into()),
            ..Self::default()
        }
    }

    /// A job that applies `patch` to the twin of every device that `condition` selects.
    ///
    /// The condition is that of [`device_method`](Self::device_method). A patch without an etag is sent
    /// with `*`, the only one that jobs take.
    pub fn twin_update(patch: Twin, condition: impl Into<String>) -> Self {
        Self {
            type_: Some(JobType::ScheduleUpdateTwin),
            update_twin: Some(patch),
            query_condition: Some(condition.into()),
            ..Self::default()
        }
    }

    /// Starts the job at this time, sent in whole milliseconds; a time in the past starts it at once,
    /// as does none.
    #[must_use]
    pub fn starting_at(mut self, start: impl Into<Timestamp>) -> Self {
        self.start_time = Some(start.into());
        self
    }

    /// Ends the job after this time, whole seconds, rounded up; devices not reached by then end as
    /// failed.
    #[must_use]
    pub fn with_max_execution_time(mut self, limit: Duration) -> Self {
        self.max_execution_time_in_seconds = Some(i64::try_from(whole_seconds(limit)).unwrap_or(i64::MAX));
        self
    }
}

impl CloudToDeviceMethod {
    /// The method of this name, called without a payload.
    pub fn new(name: impl Into<String>) -> Self {
        Self { method_name: Some(name.into()), ..Self::default() }
    }

    /// Passes this argument: any JSON value, at most 128 KiB.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Value>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Passes an argument of a type of your own, written as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPayload`] when it cannot be written as JSON.
    pub fn with_payload_of<T: Serialize + ?Sized>(self, payload: &T) -> Result<Self, Error> {
        Ok(self.with_payload(serde_json::to_value(payload).map_err(Error::InvalidPayload)?))
    }

    /// Waits this long for a device's answer: 5 to 300 seconds, rounded up; 30 when not set.
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout_in_seconds = Some(i32::try_from(whole_seconds(timeout)).unwrap_or(i32::MAX));
        self
    }

    /// Waits this long for a disconnected device to connect: up to 300 seconds, rounded up; none when
    /// not set.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout_in_seconds = Some(i32::try_from(whole_seconds(timeout)).unwrap_or(i32::MAX));
        self
    }
}

impl Twin {
    /// A patch that changes nothing yet, for any version of the twin.
    pub fn patch() -> Self {
        Self { etag: Some(ANY_ETAG.into()), ..Self::default() }
    }

    /// Merges this object into the desired properties; a null deletes its key.
    ///
    /// A value that is not an object is kept under an empty key, which creating the job refuses.
    #[must_use]
    pub fn with_desired(mut self, desired: impl Into<Value>) -> Self {
        let properties = self.properties.get_or_insert_with(TwinProperties::default);
        properties.desired = Some(object(desired.into()));
        self
    }

    /// Merges this object into the tags; a null deletes its key.
    ///
    /// A value that is not an object is kept under an empty key, which creating the job refuses.
    #[must_use]
    pub fn with_tags(mut self, tags: impl Into<Value>) -> Self {
        self.tags = Some(object(tags.into()));
        self
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => Map::from_iter([(String::new(), other)]),
    }
}
