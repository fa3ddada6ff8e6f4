//! Changes of a device from outside of the service: by its owner, by itself and by the network.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::device::Device;
use super::file_error::FleetError;
use super::node::Node;
use super::twin_limits::{check_properties, check_tags};

/// A change of a device.
#[derive(Debug)]
pub(crate) struct DeviceChange<'a> {
    /// Holds the tags, desired and reported properties to merge; `None` if there are none.
    patch: Option<&'a Value>,
    is_online: Option<bool>,
}

/// Parses `{"tags": …, "properties": {"desired": …, "reported": …}, "connectionState": …}`.
pub(crate) fn parse_change(value: &Value) -> Result<DeviceChange<'_>, FleetError> {
    let members = Node { value, place: String::new() }.object(&["tags", "properties", "connectionState"])?;
    let (tags, properties) = (members.optional("tags"), members.optional("properties"));
    if let Some(tags) = &tags {
        tags.checked(check_tags)?;
    }
    if let Some(properties) = &properties {
        let parts = properties.object(&["desired", "reported"])?;
        for part in ["desired", "reported"] {
            if let Some(node) = parts.optional(part) {
                node.checked(|value| check_properties(part, value))?;
            }
        }
    }
    let is_online = members.optional("connectionState").map(|state| state.is_online()).transpose()?;
    Ok(DeviceChange { patch: tags.or(properties).map(|_| value), is_online })
}

impl DeviceChange<'_> {
    /// Changes the device, unless its twin would exceed a limit; the error says which.
    pub(crate) fn apply(&self, device: &mut Device, now: DateTime<Utc>) -> Result<(), String> {
        if let Some(patch) = self.patch {
            device.update_twin(patch, now)?;
        }
        if let Some(is_online) = self.is_online {
            device.is_online = is_online;
        }
        Ok(())
    }
}
