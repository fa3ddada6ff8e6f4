//! Devices: read, put and changed.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::answer::{Refused, bad_request, ok};
use crate::fleet::{Device, parse_change, parse_device};
use crate::hub::Hub;
use crate::limits::SLICE;
use crate::response::Response;

/// Counts the devices by their state.
pub(super) async fn count_devices(hub: &Hub) -> Response {
    let mut counts = BTreeMap::from(["connected", "disconnected", "disabled"].map(|state| (state, 0_u64)));
    let mut rank = 0;
    hub.scan(|schedule| {
        let registry = schedule.registry();
        for (_, device) in registry.ranked(rank..rank + SLICE) {
            *counts.entry(device.state()).or_default() += 1;
        }
        rank += SLICE;
        if rank < registry.len() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .await;
    ok(json!(counts))
}

pub(super) fn read_twin(hub: &Hub, id: &str) -> Result<Response, Refused> {
    let twin = hub.schedule().registry().get(id).map(Device::twin);
    twin.map(ok).ok_or_else(|| no_device(id))
}

/// Adds a device, or replaces it.
pub(super) fn put_device(hub: &Hub, id: &str, mut body: Value) -> Result<Response, Refused> {
    if let Some(members) = body.as_object_mut() {
        members.insert("deviceId".into(), id.into());
    }
    let device = parse_device(&body).map_err(|error| bad_request(error.to_string()))?;
    hub.change(|schedule, now| schedule.change_devices(now, |registry| registry.insert(device, now)));
    read_twin(hub, id)
}

/// Changes a device as its owner and the network would: reported properties and the connection included.
pub(super) fn patch_device(hub: &Hub, id: &str, body: &Value) -> Result<Response, Refused> {
    let change = parse_change(body).map_err(|error| bad_request(error.to_string()))?;
    let changed = hub.change(|schedule, now| {
        schedule.change_devices(now, |registry| registry.get_mut(id).map(|device| change.apply(device, now)))
    });
    changed.ok_or_else(|| no_device(id))?.map_err(bad_request)?;
    read_twin(hub, id)
}

fn no_device(id: &str) -> Refused {
    (StatusCode::NOT_FOUND, format!("there is no device {id:?}"))
}
