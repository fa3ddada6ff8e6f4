//! The jobs of a hub.

use std::collections::{BTreeMap, HashMap};

use super::job::Job;

/// Position of a job in the order of creation.
pub(crate) type JobKey = u64;

/// The jobs of a hub, in the order of their creation.
#[derive(Debug, Default)]
pub(super) struct JobStore {
    jobs: BTreeMap<JobKey, Job>,
    keys: HashMap<String, JobKey>,
    next: JobKey,
}

impl JobStore {
    pub(super) fn add(&mut self, job: Job) -> JobKey {
        let key = self.next;
        self.next += 1;
        self.keys.insert(job.request.id.clone(), key);
        self.jobs.insert(key, job);
        key
    }

    pub(super) fn remove(&mut self, key: JobKey) -> Option<Job> {
        let job = self.jobs.remove(&key)?;
        self.keys.remove(&job.request.id);
        Some(job)
    }

    pub(super) fn key(&self, id: &str) -> Option<JobKey> {
        self.keys.get(id).copied()
    }

    pub(super) fn get(&self, key: JobKey) -> Option<&Job> {
        self.jobs.get(&key)
    }

    pub(super) fn get_mut(&mut self, key: JobKey) -> Option<&mut Job> {
        self.jobs.get_mut(&key)
    }

    /// Returns the jobs from this key on.
    pub(super) fn from(&self, key: JobKey) -> impl Iterator<Item = (JobKey, &Job)> {
        self.jobs.range(key..).map(|(key, job)| (*key, job))
    }

    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }
}
