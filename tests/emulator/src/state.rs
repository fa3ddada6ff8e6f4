//! What the hub knows: its devices and its jobs.

use std::collections::{BTreeMap, HashMap};

use crate::device::Device;
use crate::job::Job;

pub(crate) struct State {
    pub(crate) devices: BTreeMap<String, Device>,
    /// In the order of their creation, the forgotten ones included.
    jobs: Vec<Job>,
    /// Where each job stands that is not forgotten.
    index: HashMap<String, usize>,
}

impl State {
    pub(crate) fn new(devices: Vec<Device>) -> Self {
        let devices = devices.into_iter().map(|device| (device.id().to_owned(), device)).collect();
        Self { devices, jobs: Vec::new(), index: HashMap::new() }
    }

    /// The jobs in the order of their creation.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &Job> {
        let jobs = self.jobs.iter().enumerate();
        jobs.filter(|(position, job)| self.index.get(&job.definition.id) == Some(position))
            .map(|(_, job)| job)
    }

    pub(crate) fn job(&self, id: &str) -> Option<&Job> {
        self.index.get(id).map(|position| &self.jobs[*position])
    }

    pub(crate) fn job_mut(&mut self, id: &str) -> Option<&mut Job> {
        self.index.get(id).map(|position| &mut self.jobs[*position])
    }

    pub(crate) fn add(&mut self, job: Job) {
        self.index.insert(job.definition.id.clone(), self.jobs.len());
        self.jobs.push(job);
    }

    pub(crate) fn forget(&mut self, id: &str) {
        self.index.remove(id);
    }
}
