//! The hub's state, and the life of its jobs.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::access::Policy;
use crate::condition::Condition;
use crate::device::{Device, MethodCall};
use crate::emulator::Pace;
use crate::job::{Definition, Job, Row, Status, Work};
use crate::refusal::Refusal;

/// In how many steps a job goes through its devices, at most: a timer is good for milliseconds.
const STEPS: usize = 20;

/// A hub: its devices, its jobs, and who may call it.
pub(crate) struct Hub {
    pub(crate) host_name: String,
    pub(crate) policies: Vec<Policy>,
    pub(crate) pace: Pace,
    /// How many jobs may be active at once.
    pub(crate) concurrent_jobs: usize,
    state: Mutex<State>,
    /// Rung whenever a job ends.
    slot_freed: Notify,
    tasks: Mutex<JoinSet<()>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) devices: BTreeMap<String, Device>,
    /// In the order of their creation.
    pub(crate) jobs: Vec<Job>,
    index: HashMap<String, usize>,
}

impl State {
    pub(crate) fn job(&self, id: &str) -> Option<&Job> {
        self.index.get(id).map(|index| &self.jobs[*index])
    }

    pub(crate) fn job_mut(&mut self, id: &str) -> Option<&mut Job> {
        self.index.get(id).map(|index| &mut self.jobs[*index])
    }

    fn add(&mut self, job: Job) {
        self.index.insert(job.definition.id.clone(), self.jobs.len());
        self.jobs.push(job);
    }
}

impl Hub {
    pub(crate) fn new(
        host_name: String,
        policies: Vec<Policy>,
        devices: Vec<Device>,
        pace: Pace,
        concurrent_jobs: usize,
    ) -> Self {
        let devices = devices.into_iter().map(|device| (device.id().to_owned(), device)).collect();
        Self {
            host_name,
            policies,
            pace,
            concurrent_jobs,
            state: Mutex::new(State { devices, ..State::default() }),
            slot_freed: Notify::new(),
            tasks: Mutex::default(),
            panic: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Takes a job and starts its life.
    pub(crate) fn create(self: &Arc<Self>, definition: Definition) -> Result<Value, Refusal> {
        let id = definition.id.clone();
        let now = self.now();
        let job = Job::new(definition, now);
        let receipt = job.receipt();
        {
            let mut state = self.state();
            if state.job(&id).is_some() {
                return Err(Refusal::job_already_exists(format!("A job with the ID {id} already exists")));
            }
            let is_active = |job: &Job| !job.status.is_final() && job.start <= now;
            let active = state.jobs.iter().filter(|job| is_active(job)).count();
            if job.start <= now && active >= self.concurrent_jobs {
                let reason = format!("The hub runs {active} jobs, as many as its tier allows");
                return Err(Refusal::too_many_active_jobs(reason));
            }
            state.add(job);
        }
        let hub = self.clone();
        lock(&self.tasks).spawn(async move {
            let life = AssertUnwindSafe(hub.live(&id)).catch_unwind().await;
            if let Err(panic) = life {
                hub.note_panic(panic);
            }
            hub.slot_freed.notify_waiters();
        });
        Ok(receipt)
    }

    /// Cancels a job that is not running yet.
    pub(crate) fn cancel(&self, id: &str) -> Result<Value, Refusal> {
        let now = self.now();
        let mut state = self.state();
        let job = state.job_mut(id).ok_or_else(|| job_not_found(id))?;
        match job.status {
            Status::Queued | Status::Scheduled => {
                job.finish(Status::Cancelled, now);
                self.slot_freed.notify_waiters();
                Ok(job.to_json())
            }
            status => Err(Refusal::not_allowed_in_state(format!(
                "Job {id} is in the state {}, in which it cannot be cancelled",
                status.as_str()
            ))),
        }
    }

    /// A job's life, from queued to its end.
    async fn live(&self, id: &str) {
        sleep(self.pace.queued).await;
        if !self.advance(id, |job, _| job.status = Status::Scheduled) {
            return;
        }
        sleep(self.pace.scheduled).await;
        self.wait_for_start(id).await;
        self.wait_for_slot(id).await;
        let Some(condition) = self.state().job(id).map(|job| job.definition.condition.clone()) else {
            return;
        };
        match Condition::on_twin(&condition) {
            Ok(condition) => self.run(id, &condition).await,
            Err(reason) => {
                self.advance(id, |job, now| {
                    job.failure_reason = Some(reason);
                    job.finish(Status::Failed, now);
                });
            }
        }
    }

    async fn wait_for_start(&self, id: &str) {
        loop {
            let start = self.state().job(id).map(|job| job.start);
            let wait = start.and_then(|start| (start - self.now()).to_std().ok()).unwrap_or_default();
            if wait.is_zero() {
                return;
            }
            // In slices, since the hub's clock may be moved meanwhile.
            sleep(wait.min(Duration::from_millis(50))).await;
        }
    }

    async fn wait_for_slot(&self, id: &str) {
        loop {
            let freed = self.slot_freed.notified();
            {
                let state = self.state();
                let running = state.jobs.iter().filter(|job| job.status == Status::Running).count();
                let is_over = state.job(id).is_none_or(|job| job.status.is_final());
                if is_over || running < self.concurrent_jobs {
                    return;
                }
            }
            freed.await;
        }
    }

    /// Takes the job through its devices, chosen now.
    async fn run(&self, id: &str, condition: &Condition) {
        let devices = self.select(condition);
        let started = self.advance(id, |job, now| {
            job.status = Status::Running;
            job.rows = devices.iter().map(|id| Row::new(id.clone(), now)).collect();
        });
        if !started {
            return;
        }
        let steps = devices.len().clamp(1, STEPS);
        for step in 0..steps {
            let part = devices.len() * step / steps..devices.len() * (step + 1) / steps;
            self.advance(id, |job, now| job.rows[part.clone()].iter_mut().for_each(|row| row.run(now)));
            sleep(self.pace.running / steps as u32).await;
            for index in part {
                let outcome = self.execute(id, &devices[index]);
                self.advance(id, |job, now| job.rows[index].finish(outcome, now));
            }
        }
        self.advance(id, |job, now| job.finish(Status::Completed, now));
    }

    fn select(&self, condition: &Condition) -> Vec<String> {
        let state = self.state();
        let chosen = state.devices.values().filter(|device| condition.selects(&device.twin()));
        chosen.map(|device| device.id().to_owned()).collect()
    }

    /// Does the job's work on one device.
    fn execute(&self, id: &str, device_id: &str) -> Result<Value, String> {
        let (work, handler) = {
            let mut state = self.state();
            let job = state.job(id).ok_or("the job is gone")?;
            let is_late = job.deadline().is_some_and(|deadline| deadline < self.now());
            let work = job.definition.work.clone();
            let device = state.devices.get_mut(device_id).ok_or("the device is gone")?;
            if is_late || !device.is_online() {
                return Err(
                    "The job did not start in its period: the device was offline or the time was up".into()
                );
            }
            match work {
                Work::TwinUpdate(patch) => {
                    device.update_twin(&patch);
                    return Ok(json!({}));
                }
                Work::Method(method) => (method, device.handler()),
            }
        };
        let name = work["methodName"].as_str().unwrap_or_default().to_owned();
        let answer = handler(MethodCall { name, payload: work["payload"].clone() });
        Ok(json!({ "deviceMethodResponse": { "status": answer.status, "payload": answer.payload } }))
    }

    /// Changes a job that has not ended; false when it has.
    fn advance(&self, id: &str, change: impl FnOnce(&mut Job, DateTime<Utc>)) -> bool {
        let now = self.now();
        let mut state = self.state();
        match state.job_mut(id) {
            Some(job) if !job.status.is_final() => {
                change(job, now);
                true
            }
            _ => false,
        }
    }

    /// Keeps the first panic of a handler, for the emulator to raise again.
    pub(crate) fn note_panic(&self, panic: Box<dyn Any + Send>) {
        lock(&self.panic).get_or_insert(panic);
    }

    /// Stops all jobs and gives up the panic of a handler, if there was one.
    pub(crate) fn stop(&self) -> Option<Box<dyn Any + Send>> {
        lock(&self.tasks).abort_all();
        lock(&self.panic).take()
    }
}

pub(crate) fn job_not_found(id: &str) -> Refusal {
    Refusal::job_not_found(format!("No job was found with the ID {id}"))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
