//! A hub: its state, its clock, and who may call it.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::{Arc, MutexGuard};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use crate::auth::Authorizer;
use crate::behavior::HubBehavior;
use crate::clock::Clock;
use crate::fault::Faults;
use crate::jobs::{Progress, Schedule};
use crate::mutex::Mutex;
use crate::request::Recorder;
use crate::throttle::Meters;
use crate::tier::Tier;

/// The settings of a hub, fixed when it starts.
pub(crate) struct HubSettings {
    pub(crate) tier: Tier,
    /// The only `api-version` that is accepted; `None` for all that clients are known to send.
    pub(crate) strict_api_version: Option<String>,
    pub(crate) behavior: HubBehavior,
    /// Lets callers on other machines control the emulator.
    pub(crate) control_key: Option<String>,
}

/// A hub.
pub(crate) struct Hub {
    pub(crate) settings: HubSettings,
    pub(crate) authorizer: Authorizer,
    pub(crate) clock: Arc<Clock>,
    pub(crate) meters: Meters,
    pub(crate) faults: Faults,
    pub(crate) recorder: Recorder,
    schedule: Mutex<Schedule>,
    /// Notified when the events to come have changed.
    pub(crate) changed: Notify,
    /// Notified when devices may have changed.
    pub(crate) devices_changed: Notify,
    /// Notified when no event is due.
    settled: Notify,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Hub {
    pub(crate) fn new(
        settings: HubSettings,
        authorizer: Authorizer,
        clock: Arc<Clock>,
        meters: Meters,
        schedule: Schedule,
        recorder: Recorder,
    ) -> Self {
        Self {
            settings,
            authorizer,
            clock,
            meters,
            faults: Faults::default(),
            recorder,
            schedule: Mutex::new(schedule),
            changed: Notify::new(),
            devices_changed: Notify::new(),
            settled: Notify::new(),
            panic: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(crate) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock()
    }

    /// Changes the schedule, and lets the events that follow from it happen.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Schedule, DateTime<Utc>) -> T) -> T {
        let now = self.now();
        let result = change(&mut self.schedule(), now);
        self.changed.notify_one();
        self.devices_changed.notify_waiters();
        result
    }

    /// Reads the schedule step by step, without keeping others waiting between the steps.
    pub(crate) async fn scan<T>(&self, mut step: impl FnMut(&Schedule) -> ControlFlow<T>) -> T {
        loop {
            // The guard is gone before the next await.
            let outcome = step(&self.schedule());
            if let ControlFlow::Break(result) = outcome {
                return result;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Processes a slice of the due events.
    pub(crate) fn process(&self) -> Progress {
        let progress = self.schedule().process(self.now());
        if matches!(progress, Progress::Waiting(_)) {
            self.settled.notify_waiters();
        }
        progress
    }

    /// Waits until everything has happened that is due by now, handlers of devices included.
    pub(crate) async fn settle(&self) {
        let now = self.now();
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            // A clock that is set back meanwhile makes less due.
            if self.schedule().is_settled(now.min(self.now())) {
                return;
            }
            self.changed.notify_one();
            settled.await;
        }
    }

    /// Puts devices, jobs, faults, records, clock and meters back to the start.
    pub(crate) fn reset(&self) {
        self.faults.clear();
        self.recorder.clear();
        self.meters.reset();
        self.change(|schedule, _| schedule.reset());
        // Last, since it releases the requests that wait for their turn.
        self.clock.reset();
    }

    /// Keeps the first panic of a handler, for the emulator to resume.
    pub(crate) fn keep_panic(&self, panic: Box<dyn Any + Send>) {
        self.panic.lock().get_or_insert(panic);
    }

    /// Takes the panic of a handler, if there was one.
    pub(crate) fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        self.panic.lock().take()
    }
}
