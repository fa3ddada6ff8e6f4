//! The devices of a hub, in the order of their ids.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::device::Device;
use super::merges::Merges;
use super::twin::ModuleTwin;

/// A device, or a module of one, by position: positions never change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Target {
    device: u32,
    module: Option<u16>,
}

impl Target {
    pub(crate) fn device(position: u32) -> Self {
        Self { device: position, module: None }
    }

    pub(crate) fn is_module(self) -> bool {
        self.module.is_some()
    }
}

/// The devices of a hub.
#[derive(Debug)]
pub(crate) struct Registry {
    devices: Vec<Device>,
    /// Positions in `devices`, sorted by device id.
    order: Vec<u32>,
    /// The devices of the start that changed since, as they were.
    originals: HashMap<u32, Device>,
    started_with: usize,
}

impl Registry {
    /// Of several devices with one id the last counts.
    pub(crate) fn new(mut devices: Vec<Device>, now: DateTime<Utc>) -> Self {
        devices.reverse();
        devices.sort_by(|a, b| a.id.cmp(&b.id));
        devices.dedup_by(|a, b| a.id == b.id);
        devices.shrink_to_fit();
        devices.iter_mut().for_each(|device| device.created = now);
        let started_with = devices.len();
        let order = (0..started_with as u32).collect();
        Self { devices, order, originals: HashMap::new(), started_with }
    }

    pub(crate) fn len(&self) -> usize {
        self.devices.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Device> {
        self.position(id).map(|position| self.device(position))
    }

    /// Adds a device, or replaces the one with its id.
    pub(crate) fn insert(&mut self, mut device: Device, now: DateTime<Utc>) {
        device.created = now;
        match self.rank(&device.id) {
            Ok(rank) => {
                *self.device_mut(self.order[rank]) = device;
            }
            Err(rank) => {
                self.order.insert(rank, self.devices.len() as u32);
                self.devices.push(device);
            }
        }
    }

    /// Merges a patch into the twin of a device or module.
    pub(crate) fn update_twin(
        &mut self,
        target: Target,
        patch: &Value,
        now: DateTime<Utc>,
        merges: &mut Merges,
    ) -> Result<(), String> {
        let device = self.device_mut(target.device);
        match target.module {
            None => device.content.update(patch, now, merges),
            Some(index) => match device.modules.get_mut(usize::from(index)) {
                Some(module) => module.content.update(patch, now, merges),
                None => Err("the module no longer exists".into()),
            },
        }
    }

    /// Returns a device to change, by id.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Device> {
        let position = self.position(id)?;
        Some(self.device_mut(position))
    }

    /// Returns a device to change, and keeps it as it was for [`reset`](Self::reset).
    fn device_mut(&mut self, position: u32) -> &mut Device {
        let device = &mut self.devices[position as usize];
        if (position as usize) < self.started_with {
            self.originals.entry(position).or_insert_with(|| device.clone());
        }
        device
    }

    /// Notes that a device did something at `now`, if it is connected.
    pub(crate) fn touch(&mut self, target: Target, now: DateTime<Utc>) {
        let device = &mut self.devices[target.device as usize];
        if device.is_reachable() {
            device.touch(now);
        }
    }

    /// Returns the device of a target.
    pub(crate) fn device_of(&self, target: Target) -> &Device {
        self.device(target.device)
    }

    /// Returns the id of a target's module.
    pub(crate) fn module_id(&self, target: Target) -> Option<&str> {
        let module = self.device(target.device).modules.get(usize::from(target.module?))?;
        Some(&module.id)
    }

    /// Returns the devices of these ranks, with their positions.
    pub(crate) fn ranked(&self, ranks: std::ops::Range<usize>) -> impl Iterator<Item = (u32, &Device)> {
        let ranks = ranks.start.min(self.order.len())..ranks.end.min(self.order.len());
        self.order[ranks].iter().map(|position| (*position, self.device(*position)))
    }

    /// Returns the rank of the first device whose id is `id` or greater.
    pub(crate) fn rank_from(&self, id: &str) -> usize {
        self.rank(id).unwrap_or_else(|rank| rank)
    }

    /// Returns the modules of a device as targets with their twins.
    pub(crate) fn modules(&self, position: u32) -> impl Iterator<Item = (Target, ModuleTwin<'_>)> {
        let device = self.device(position);
        device.modules.iter().enumerate().map(move |(index, module)| {
            let module_index = u16::try_from(index).unwrap_or(u16::MAX);
            (Target { device: position, module: Some(module_index) }, ModuleTwin { device, module })
        })
    }

    /// Restores the devices of the start.
    pub(crate) fn reset(&mut self) {
        for (position, original) in std::mem::take(&mut self.originals) {
            self.devices[position as usize] = original;
        }
        self.devices.truncate(self.started_with);
        self.order = (0..self.started_with as u32).collect();
        self.devices.iter_mut().for_each(|device| device.active = None);
    }

    fn device(&self, position: u32) -> &Device {
        &self.devices[position as usize]
    }

    fn position(&self, id: &str) -> Option<u32> {
        self.rank(id).ok().map(|rank| self.order[rank])
    }

    fn rank(&self, id: &str) -> Result<usize, usize> {
        self.order.binary_search_by(|position| (*self.device(*position).id).cmp(id))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ids(registry: &Registry) -> Vec<&str> {
        registry.ranked(0..usize::MAX).map(|(_, device)| device.id()).collect()
    }

    #[test]
    fn devices_are_ordered_by_id_and_the_last_of_an_id_counts() {
        let devices = ["b", "a", "c"].map(Device::new).into_iter();
        let again = Device::new("a").with_tags(json!({ "last": true }));
        let mut registry = Registry::new(devices.chain([again]).collect(), DateTime::UNIX_EPOCH);
        assert_eq!(ids(&registry), ["a", "b", "c"]);
        assert_eq!(registry.get("a").unwrap().twin()["tags"], json!({ "last": true }));
        registry.insert(Device::new("aa"), DateTime::UNIX_EPOCH);
        assert_eq!(ids(&registry), ["a", "aa", "b", "c"]);
        assert_eq!((registry.rank_from("aa"), registry.rank_from("ab"), registry.rank_from("z")), (1, 2, 4));
    }

    #[test]
    fn reset_restores_the_start() {
        let mut registry = Registry::new(vec![Device::new("a"), Device::new("b")], DateTime::UNIX_EPOCH);
        registry.insert(Device::new("c"), DateTime::UNIX_EPOCH);
        registry.insert(Device::new("a").offline(), DateTime::UNIX_EPOCH);
        let patch = json!({ "tags": { "x": 1 } });
        let mut merges = Merges::default();
        registry.update_twin(Target::device(1), &patch, DateTime::UNIX_EPOCH, &mut merges).unwrap();
        registry.reset();
        assert_eq!(ids(&registry), ["a", "b"]);
        assert!(registry.get("a").unwrap().is_reachable());
        assert_eq!(registry.get("b").unwrap().twin().get("tags"), None);
    }
}
