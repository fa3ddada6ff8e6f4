//! The hub's state, and the life of its jobs.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::access::Access;
use crate::condition::Condition;
use crate::device::{Device, MethodCall};
use crate::emulator::Pace;
use crate::fault::Script;
use crate::job::{Definition, Job, Row, Status, Work};
use crate::refusal::Refusal;
use crate::state::State;

/// In how many steps a job goes through its devices, at most: a timer is good for milliseconds.
const STEPS: usize = 20;

/// Why a job failed on a device.
const NOT_STARTED: &str = "The job did not start in its period: the device was offline or the time was up";

/// A hub: its devices, its jobs, and who may call it.
pub(crate) struct Hub {
    pub(crate) access: Access,
    pub(crate) pace: Pace,
    /// How many jobs may be active at once.
    pub(crate) concurrent_jobs: usize,
    pub(crate) faults: Script,
    state: Mutex<State>,
    /// How far the hub's clock is ahead of the machine's.
    clock_offset: Mutex<TimeDelta>,
    /// Rung whenever a job ends.
    slot_freed: Notify,
    tasks: Mutex<JoinSet<()>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Hub {
    pub(crate) fn new(access: Access, devices: Vec<Device>, pace: Pace, concurrent_jobs: usize) -> Self {
        Self {
            access,
            pace,
            concurrent_jobs,
            faults: Script::default(),
            state: Mutex::new(State::new(devices)),
            clock_offset: Mutex::default(),
            slot_freed: Notify::new(),
            tasks: Mutex::default(),
            panic: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        Utc::now() + *lock(&self.clock_offset)
    }

    pub(crate) fn set_clock_offset(&self, offset: TimeDelta) {
        *lock(&self.clock_offset) = offset;
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
            if job.start <= now {
                let is_active = |job: &&Job| !job.status.is_final() && job.start <= now;
                let active = state.jobs().filter(is_active).count();
                if active >= self.concurrent_jobs {
                    let reason = format!("The hub runs {active} jobs, as many as its tier allows");
                    return Err(Refusal::too_many_active_jobs(reason));
                }
            }
            state.add(job);
        }
        let hub = self.clone();
        lock(&self.tasks).spawn(async move {
            let life = AssertUnwindSafe(hub.live(&id)).catch_unwind().await;
            if let Err(panic) = life {
                hub.fail(&id, "a device's method handler panicked".into());
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
        let Some(condition) = self.wait_for_start(id).await else { return };
        match Condition::on_twin(&condition) {
            Ok(condition) => {
                if let Some(devices) = self.wait_for_slot(id, &condition).await {
                    self.run(id, &devices).await;
                }
            }
            Err(reason) => self.fail(id, reason),
        }
    }

    /// Waits until the job's time has come, and gives its condition; none when it was cancelled.
    async fn wait_for_start(&self, id: &str) -> Option<String> {
        loop {
            let wait = {
                let state = self.state();
                let job = state.job(id).filter(|job| !job.status.is_final())?;
                let wait = (job.start - self.now()).to_std().unwrap_or_default();
                if wait.is_zero() {
                    return Some(job.definition.condition.clone());
                }
                wait
            };
            // In slices, since the hub's clock may be moved and the job be cancelled meanwhile.
            sleep(wait.min(Duration::from_millis(50))).await;
        }
    }

    /// Waits until the tier lets the job run, and has it run on the devices that are selected then.
    async fn wait_for_slot(&self, id: &str, condition: &Condition) -> Option<Vec<String>> {
        loop {
            let freed = self.slot_freed.notified();
            {
                let now = self.now();
                let mut state = self.state();
                let running = state.jobs().filter(|job| job.status == Status::Running).count();
                let chosen = state.devices.values().filter(|device| condition.selects(&device.twin()));
                let devices: Vec<String> = chosen.map(|device| device.id().to_owned()).collect();
                let job = state.job_mut(id).filter(|job| !job.status.is_final())?;
                if running < self.concurrent_jobs {
                    job.status = Status::Running;
                    job.rows = devices.iter().map(|id| Row::new(id.clone(), now)).collect();
                    return Some(devices);
                }
            }
            freed.await;
        }
    }

    /// Takes the job through its devices, for as long as its time limit allows.
    async fn run(&self, id: &str, devices: &[String]) {
        let limit = self.state().job(id).and_then(Job::deadline);
        let limit = limit.map(|limit| (limit - self.now()).to_std().unwrap_or_default());
        let work = self.visit(id, devices);
        match limit {
            Some(limit) => drop(timeout(limit, work).await),
            None => work.await,
        }
        self.advance(id, |job, now| {
            for row in job.rows.iter_mut().filter(|row| !row.status.is_final()) {
                row.finish(Err(NOT_STARTED.into()), now);
            }
            job.finish(Status::Completed, now);
        });
    }

    async fn visit(&self, id: &str, devices: &[String]) {
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
    }

    fn fail(&self, id: &str, reason: String) {
        self.advance(id, |job, now| {
            job.failure_reason = Some(reason);
            job.finish(Status::Failed, now);
        });
    }

    /// Does the job's work on one device.
    fn execute(&self, id: &str, device_id: &str) -> Result<Value, String> {
        let (work, handler) = {
            let mut state = self.state();
            let job = state.job(id).ok_or("the job is gone")?;
            let work = job.definition.work.clone();
            let device = state.devices.get_mut(device_id).ok_or("the device is gone")?;
            if !device.is_online() {
                return Err(NOT_STARTED.into());
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
