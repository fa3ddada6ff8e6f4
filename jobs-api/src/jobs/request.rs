//! Constructors and setters of the generated request types.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::generated::types::{CloudToDeviceMethod, JobRequest, JobType, Twin, TwinProperties};
use crate::runtime::Timestamp;

/// The etag that matches every version of a twin, and the only one that jobs accept.
pub(crate) const ANY_ETAG: &str = "*";
/// The key under which a patch holds a value that is no object: no twin has one with a control character.
const NOT_AN_OBJECT: &str = "\0";

impl JobRequest {
    /// Creates a request for a job that invokes `method` on every device that `condition` selects.
    ///
    /// The condition is the part of a query after WHERE, such as `tags.building = '43'`; `*` selects every
    /// device. It may be a [`Condition`](crate::Condition), which quotes its literals. See
    /// [the query language][page].
    ///
    /// ```
    /// use jobs_api::Condition;
    /// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
    /// use serde_json::json;
    ///
    /// let reboot = CloudToDeviceMethod::new("reboot").with_payload(json!({ "delay": 5 }));
    /// let request = JobRequest::device_method(reboot, Condition::tag("building").eq("43"));
    /// ```
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-query-language
    #[doc(alias("scheduleDeviceMethod", "ScheduleDeviceMethodAsync", "scheduleDirectMethod"))]
    pub fn device_method(method: CloudToDeviceMethod, condition: impl Into<String>) -> Self {
        Self {
            type_: Some(JobType::ScheduleDeviceMethod),
            cloud_to_device_method: Some(method),
            query_condition: Some(condition.into()),
            ..Self::default()
        }
    }

    /// Creates a request for a job that applies `patch` to the twin of every device that `condition`
    /// selects; see [`device_method`](Self::device_method) for the condition.
    ///
    /// ```
    /// use jobs_api::types::{JobRequest, Twin};
    /// use serde_json::json;
    ///
    /// let patch = Twin::patch().with_desired(json!({ "interval": 30 }));
    /// let request = JobRequest::twin_update(patch, "*");
    /// ```
    #[doc(alias("scheduleTwinUpdate", "ScheduleTwinUpdateAsync", "scheduleUpdateTwin"))]
    pub fn twin_update(patch: Twin, condition: impl Into<String>) -> Self {
        Self {
            type_: Some(JobType::ScheduleUpdateTwin),
            update_twin: Some(patch),
            query_condition: Some(condition.into()),
            ..Self::default()
        }
    }

    /// Starts the job at this time, at most 168 hours ahead by the hub's clock, sent in whole milliseconds. The
    /// job starts at once by default, and when the time has passed.
    #[must_use]
    pub fn with_start_time(mut self, start: impl Into<Timestamp>) -> Self {
        self.start_time = Some(start.into());
        self
    }

    /// Ends the job after this time, rounded up to seconds; devices that it has not reached by then fail.
    #[must_use]
    pub fn with_max_execution_time(mut self, limit: Duration) -> Self {
        self.max_execution_time_in_seconds = Some(i64::try_from(whole_seconds(limit)).unwrap_or(i64::MAX));
        self
    }
}

impl CloudToDeviceMethod {
    /// Creates a call of the method `name` without a payload.
    ///
    /// ```
    /// use std::time::Duration;
    /// use jobs_api::types::CloudToDeviceMethod;
    /// use serde_json::json;
    ///
    /// let reboot = CloudToDeviceMethod::new("reboot")
    ///     .with_payload(json!({ "delay": 5 }))
    ///     .with_response_timeout(Duration::from_secs(60));
    /// ```
    pub fn new(name: impl Into<String>) -> Self {
        Self { method_name: Some(name.into()), ..Self::default() }
    }

    /// Sets the payload: any JSON value of at most 128 KiB.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Value>) -> Self {
        self.payload = Some(payload.into());
        self
    }

    /// Sets the payload to a value written as JSON.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidPayload`] if the value cannot be written as JSON.
    pub fn with_payload_of<T: Serialize + ?Sized>(self, payload: &T) -> Result<Self, Error> {
        Ok(self.with_payload(serde_json::to_value(payload).map_err(Error::InvalidPayload)?))
    }

    /// Waits this long for a device's answer: 5 to 300 seconds, rounded up; 30 by default.
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout_in_seconds = Some(i32::try_from(whole_seconds(timeout)).unwrap_or(i32::MAX));
        self
    }

    /// Waits this long for a disconnected device to connect: 0 to 300 seconds, rounded up, and no longer than
    /// for its answer; 0 by default.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout_in_seconds = Some(i32::try_from(whole_seconds(timeout)).unwrap_or(i32::MAX));
        self
    }
}

impl Twin {
    /// Creates an empty patch for any version of the twin.
    ///
    /// ```
    /// use jobs_api::types::Twin;
    /// use serde_json::json;
    ///
    /// let patch = Twin::patch()
    ///     .with_desired(json!({ "interval": 30, "obsolete": null }))
    ///     .with_tags(json!({ "ring": "canary" }));
    /// ```
    pub fn patch() -> Self {
        Self { etag: Some(ANY_ETAG.into()), ..Self::default() }
    }

    /// Merges this object into the desired properties; null deletes a key.
    ///
    /// Any other value makes creating the job fail.
    #[must_use]
    pub fn with_desired(mut self, desired: impl Into<Value>) -> Self {
        let properties = self.properties.get_or_insert_with(TwinProperties::default);
        properties.desired = Some(into_object(desired.into()));
        self
    }

    /// Merges this object into the tags; null deletes a key.
    ///
    /// Any other value makes creating the job fail.
    #[must_use]
    pub fn with_tags(mut self, tags: impl Into<Value>) -> Self {
        self.tags = Some(into_object(tags.into()));
        self
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

fn into_object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => Map::from_iter([(NOT_AN_OBJECT.to_owned(), other)]),
    }
}
