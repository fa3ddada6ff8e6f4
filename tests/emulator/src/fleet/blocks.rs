//! Devices in blocks, which copies share until one of their devices changes.

use std::sync::Arc;

use super::device::Device;

/// Devices of a block: few enough to be copied for one that changes.
const SIZE: usize = 256;

/// Devices by their position.
#[derive(Clone, Debug)]
pub(super) struct Blocks(Vec<Arc<Vec<Device>>>);

impl Blocks {
    pub(super) fn new(devices: Vec<Device>) -> Self {
        let mut blocks = Self(Vec::with_capacity(devices.len().div_ceil(SIZE)));
        devices.into_iter().for_each(|device| blocks.push(device));
        blocks
    }

    pub(super) fn len(&self) -> usize {
        self.0.last().map_or(0, |last| (self.0.len() - 1) * SIZE + last.len())
    }

    pub(super) fn get(&self, position: u32) -> &Device {
        let position = position as usize;
        &self.0[position / SIZE][position % SIZE]
    }

    pub(super) fn get_mut(&mut self, position: u32) -> &mut Device {
        let position = position as usize;
        &mut Arc::make_mut(&mut self.0[position / SIZE])[position % SIZE]
    }

    pub(super) fn push(&mut self, device: Device) {
        match self.0.last_mut().filter(|last| last.len() < SIZE) {
            Some(last) => Arc::make_mut(last).push(device),
            None => {
                let mut block = Vec::with_capacity(SIZE);
                block.push(device);
                self.0.push(Arc::new(block));
            }
        }
    }
}
