//! A direct method as it was requested, of a job or of one device.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use crate::behavior::PayloadEcho;
use crate::limits::{
    CONNECT_TIMEOUT_SECONDS, DEFAULT_RESPONSE_TIMEOUT, METHOD_PAYLOAD_SIZE, RESPONSE_TIMEOUT_SECONDS,
};
use crate::service_error::ServiceError;

/// A direct method.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: String,
    /// The method as it was sent.
    pub(crate) json: Value,
    pub(crate) response_timeout: Duration,
    pub(crate) connect_timeout: Duration,
}

impl Method {
    /// Parses and checks a method that was sent under the name `what`.
    pub(crate) fn parse(what: &str, method: &Value) -> Result<Self, ServiceError> {
        let name = method["methodName"].as_str().unwrap_or_default();
        if name.is_empty() {
            return Err(ServiceError::argument_invalid(format!("{what}.methodName must not be empty")));
        }
        if method["payload"].to_string().len() > METHOD_PAYLOAD_SIZE {
            return Err(ServiceError::message_too_large(format!(
                "{what}.payload is larger than {} KB",
                METHOD_PAYLOAD_SIZE / 1024
            )));
        }
        let seconds = |name: &str, range| {
            whole_number(name, &method[name], range).map(|seconds| {
                seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
            })
        };
        let response_timeout = seconds("responseTimeoutInSeconds", RESPONSE_TIMEOUT_SECONDS)?;
        let response_timeout = response_timeout.unwrap_or(DEFAULT_RESPONSE_TIMEOUT);
        let connect_timeout =
            seconds("connectTimeoutInSeconds", CONNECT_TIMEOUT_SECONDS)?.unwrap_or_default();
        if connect_timeout > response_timeout {
            let reason = "connectTimeoutInSeconds must not be longer than responseTimeoutInSeconds";
            return Err(ServiceError::argument_invalid(reason));
        }
        Ok(Self { name: name.to_owned(), json: method.clone(), response_timeout, connect_timeout })
    }

    /// Returns the method as a job shows it.
    pub(super) fn echo(&self, form: PayloadEcho) -> Value {
        let mut echo = self.json.clone();
        match (form, echo.get_mut("payload")) {
            (PayloadEcho::Bytes, Some(payload)) if !payload.is_null() => {
                *payload = payload.to_string().into_bytes().into();
            }
            _ => {}
        }
        echo
    }
}

/// Reads a whole number of this range, if it is given.
pub(super) fn whole_number(
    name: &str,
    value: &Value,
    range: RangeInclusive<i64>,
) -> Result<Option<i64>, ServiceError> {
    match (value, value.as_i64()) {
        (Value::Null, _) => Ok(None),
        (_, Some(number)) if range.contains(&number) => Ok(Some(number)),
        _ => {
            let (least, most) = range.into_inner();
            let reason = format!("{name} must be a whole number within [{least}; {most}], not {value}");
            Err(ServiceError::argument_invalid(reason))
        }
    }
}
