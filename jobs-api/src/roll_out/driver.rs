//! The rules that hold for every job of a run: when it may be created, and how long failures may go on.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::control::RollOutControl;
use super::error::RollOutError;
use super::event::{RollOutEvent, trace};
use super::plan::RollOutPlan;
use super::stop::StopReason;
use crate::client::Client;
use crate::error::Error;

/// The wait after a call that failed in spite of its retries.
const WAIT_AFTER_FAILURE: Duration = Duration::from_secs(10);
/// How long a wait lasts at most before the hub's clock is read again.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Asks for the approval of the wave of this number.
pub(super) type Approve<'a> = Arc<dyn Fn(usize) -> BoxFuture<'a, bool> + Send + Sync + 'a>;

/// A run of a plan.
#[derive(Clone)]
pub(super) struct Driver<'a> {
    pub(super) client: Client,
    /// The client that creates jobs: it waits a little for a slot.
    pub(super) creator: Client,
    pub(super) plan: &'a RollOutPlan,
    pub(super) control: RollOutControl,
    pub(super) events: mpsc::UnboundedSender<RollOutEvent>,
    pub(super) approve: Option<Approve<'a>>,
    pub(super) patience: Duration,
    pub(super) rows_timeout: Duration,
    /// When a job was created or ended, or a wait that the plan demands was over, most recently.
    pub(super) progress: Arc<watch::Sender<Instant>>,
}

impl Driver<'_> {
    /// Waits until the plan and the program allow another job. Returns false if the roll-out has stopped.
    pub(super) async fn may_create(&self, not_before: Option<DateTime<Utc>>) -> bool {
        let mut signals = self.control.subscribe();
        let go_ons = signals.borrow().go_ons;
        let mut announced = None;
        loop {
            let signal = signals.borrow_and_update().clone();
            if signal.stop.is_some() {
                return false;
            }
            let now = self.client.hub_time();
            let earliest = not_before.filter(|_| signal.go_ons == go_ons).map_or(now, |time| time.max(now));
            let start = self.plan.policy().next_start(earliest);
            let wait = match signal.is_paused {
                true => LONGEST_WAIT,
                false => (start - now).to_std().unwrap_or_default().min(LONGEST_WAIT),
            };
            if wait.is_zero() {
                break;
            }
            if announced.replace(start) != Some(start) {
                self.emit(RollOutEvent::WaitingUntil(start));
            }
            // Either ends the wait.
            let _ = timeout(wait, signals.changed()).await;
        }
        if announced.is_some() {
            self.record_progress();
        }
        true
    }

    /// Lets a failure pass that may not repeat, after a while. Returns the error if it has gone on for too long.
    pub(super) async fn tolerate(&self, error: Error) -> Result<(), RollOutError> {
        let is_transient = match &error {
            Error::JobConflict { .. } => false,
            Error::UnreadableResponse(_) => true,
            error => error.is_retryable() || error.is_outcome_unknown() || error.is_not_found(),
        };
        if !is_transient || self.patience_left().is_zero() {
            return Err(error.into());
        }
        sleep(WAIT_AFTER_FAILURE).await;
        Ok(())
    }

    /// Returns how long the run may go on without progress: jobs that run end within their time limit.
    pub(super) fn patience_left(&self) -> Duration {
        let patience = self.plan.policy().limit().saturating_add(self.patience);
        patience.saturating_sub(self.progress.borrow().elapsed())
    }

    pub(super) fn record_progress(&self) {
        self.progress.send_replace(Instant::now());
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.control.stop_reason().is_some()
    }

    pub(super) fn stop(&self, reason: StopReason) {
        if self.control.stop_because(reason.clone()) {
            self.emit(RollOutEvent::Stopping(reason));
        }
    }

    pub(super) fn emit(&self, event: RollOutEvent) {
        trace(self.client.host_name(), &event);
        // Nobody may read the events of a run whose report is awaited.
        let _ = self.events.send(event);
    }
}
