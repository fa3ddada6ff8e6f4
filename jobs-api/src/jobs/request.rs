//! Constructors and setters of the generated request types.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::error::Error;
use crate::generated::types::{CloudToDeviceMethod, JobRequest, JobType, Twin};

/// The etag that matches every version of a twin, and the only one that jobs accept.
pub(crate) const ANY_ETAG: &str = "*";

impl JobRequest {
    /// Creates a request for a job that invokes `method` on every device that `condition` selects.
    ///
    /// The condition is the part of a query after WHERE, such as `tags.building = '43'`; `*` selects every
    /// device. A [`Condition`](crate::Condition) builds one with its literals quoted. See
    /// [the query language][page].
    ///
    /// ```
    /// # fn example() -> Result<(), jobs_api::Error> {
    /// use jobs_api::Condition;
    /// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
    /// use serde_json::json;
    ///
    /// let reboot = CloudToDeviceMethod::new("reboot").with_payload(json!({ "delay": 5 }));
    /// let request = JobRequest::device_method(reboot, Condition::tag("building").eq("43").build()?);
    /// # Ok(())
    /// # }
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
    ///
    /// let patch = Twin::patch().with_desired([("interval", 30)]);
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

    /// Ends the job after this time, rounded up to seconds; devices that it has not reached by then fail.
    #[must_use]
    pub fn with_max_execution_time(mut self, limit: Duration) -> Self {
        self.max_execution_time_in_seconds = Some(limit.as_secs_f64().ceil() as i64);
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
        self.response_timeout_in_seconds = Some(timeout.as_secs_f64().ceil() as i32);
        self
    }

    /// Waits this long for a disconnected device to connect: 0 to 300 seconds, rounded up, and no longer than
    /// for its answer; 0 by default.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout_in_seconds = Some(timeout.as_secs_f64().ceil() as i32);
        self
    }
}

impl Twin {
    /// Creates an empty patch for any version of the twin.
    ///
    /// ```
    /// use jobs_api::types::Twin;
    /// use serde_json::{Value, json};
    ///
    /// let patch = Twin::patch()
    ///     .with_desired([("interval", json!(30)), ("fan", json!({ "speed": 3 })), ("obsolete", Value::Null)])
    ///     .with_tags([("ring", "canary")]);
    /// ```
    pub fn patch() -> Self {
        Self { etag: Some(ANY_ETAG.into()), ..Self::default() }
    }

    /// Adds desired properties, which are merged into those of each device; null deletes a key.
    ///
    /// Takes arrays of keys and values, a map, or the members of a JSON object.
    #[must_use]
    pub fn with_desired(
        mut self,
        properties: impl IntoIterator<Item = (impl Into<String>, impl Into<Value>)>,
    ) -> Self {
        let desired = self.properties.get_or_insert_default().desired.get_or_insert_default();
        desired.extend(properties.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Adds tags, which are merged into those of each device: see [`with_desired`](Self::with_desired).
    #[must_use]
    pub fn with_tags(
        mut self,
        tags: impl IntoIterator<Item = (impl Into<String>, impl Into<Value>)>,
    ) -> Self {
        let tags = tags.into_iter().map(|(key, value)| (key.into(), value.into()));
        self.tags.get_or_insert_default().extend(tags);
        self
    }
}
