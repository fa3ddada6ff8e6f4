//! `GET` and `PATCH /twins/{id}`

use hyper::HeaderMap;
use hyper::header::IF_MATCH;
use serde_json::Value;

use crate::fleet::{Device, read_patch};
use crate::hub::Hub;
use crate::service_error::ServiceError;

pub(super) fn read_twin(hub: &Hub, id: &str) -> Result<Value, ServiceError> {
    hub.schedule().registry().get(id).map(Device::twin).ok_or_else(|| device_not_found(id))
}

/// Merges tags and desired properties into a twin, unless it is not the one that `If-Match` names.
pub(super) fn update_twin(
    hub: &Hub,
    id: &str,
    headers: &HeaderMap,
    body: &Value,
) -> Result<Value, ServiceError> {
    let patch = read_patch("twin", body).map_err(ServiceError::argument_invalid)?;
    let wanted = headers.get(IF_MATCH).map(|value| value.to_str().unwrap_or_default().trim_matches('"'));
    hub.change(|schedule, now| {
        schedule.change_devices(now, |registry| {
            let device = registry.get_mut(id).ok_or_else(|| device_not_found(id))?;
            if wanted.is_some_and(|wanted| wanted != "*" && wanted != device.etag()) {
                return Err(ServiceError::precondition_failed("The etag of the twin is another one"));
            }
            device.update_twin(&patch, now).map_err(ServiceError::argument_invalid)?;
            Ok(device.twin())
        })
    })
}

pub(super) fn device_not_found(id: &str) -> ServiceError {
    ServiceError::device_not_found(format!("No device was found with the ID {id}"))
}
