//! The rules that hold for every job of a run: when it may be created, and how long failures may go on.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::control::RollOutControl;
use super::event::{RollOutEvent, trace};
use super::plan::RollOutPlan;
use super::stop::StopReason;
use crate::client::Client;
use crate::error::Error;

/// How long a run goes on without progress, beyond the time limit of a job.
pub(super) const PATIENCE: Duration = Duration::from_secs(4 * 60 * 60);
/// How long a wait lasts at most before the hub's clock is read again.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Asks for the approval of the wave of this number.
pub(super) type Approve<'a> = Arc<dyn Fn(usize) -> BoxFuture<'a, bool> + Send + Sync + 'a>;

/// A run of a plan.
#[derive(Clone)]
pub(super) struct Driver<'a> {
    /// Its calls last as long as the patience, whatever the number of attempts.
    pub(super) client: Client,
    /// Creates jobs. Its calls are short, so that none is repeated long after a stop.
    pub(super) creator: Client,
    pub(super) plan: &'a RollOutPlan,
    pub(super) control: RollOutControl,
    pub(super) events: mpsc::UnboundedSender<RollOutEvent>,
    pub(super) approve: Option<Approve<'a>>,
    pub(super) rows_timeout: Duration,
    /// When something happened, or a wait that the plan demands was over, most recently.
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
            let wait = (start - now).to_std().unwrap_or_default();
            if wait.is_zero() && !signal.is_paused {
                break;
            }
            if announced.replace(start) != Some(start) {
                self.emit(RollOutEvent::WaitingUntil(start));
            }
            // Either ends the wait.
            let limit = if signal.is_paused { LONGEST_WAIT } else { wait.min(LONGEST_WAIT) };
            let _ = timeout(limit, signals.changed()).await;
        }
        if announced.is_some() {
            self.record_progress();
        }
        true
    }

    /// Returns true if a creation that failed may succeed later, and the run has made progress within its patience.
    pub(super) fn is_passing(&self, error: &Error) -> bool {
        let is_transient = error.is_retryable() || error.is_outcome_unknown() || error.is_not_found();
        is_transient
            && !matches!(error, Error::JobConflict { .. })
            && self.progress.borrow().elapsed() < self.longest_job()
    }

    /// Returns how long a job may take, with the patience.
    pub(super) fn longest_job(&self) -> Duration {
        self.plan.policy().limit().saturating_add(PATIENCE)
    }

    fn record_progress(&self) {
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
        self.record_progress();
        trace(self.client.host_name(), self.plan.name(), &event);
        // Nobody may read the events of a run whose report is awaited.
        let _ = self.events.send(event);
    }
}
