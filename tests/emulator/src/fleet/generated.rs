//! A fleet of alike devices.

use std::sync::Arc;

use serde_json::json;

use super::collection::members;
use super::device::Device;

/// Buildings of a generated fleet.
const BUILDINGS: usize = 5;

/// Makes `count` online devices, `device-0000001` and so on.
///
/// Their tag `building` goes from "41" to "45", device by device; their tag `floor` from 1 to 9.
pub fn generate_fleet(count: usize) -> Vec<Device> {
    let tags: Vec<Arc<_>> = (0..BUILDINGS * 9)
        .map(|n| members(json!({ "building": (41 + n % BUILDINGS).to_string(), "floor": 1 + n % 9 })))
        .collect();
    let device =
        |n: usize| Device::new(format!("device-{:07}", n + 1)).with_shared_tags(tags[n % tags.len()].clone());
    (0..count).map(device).collect()
}
