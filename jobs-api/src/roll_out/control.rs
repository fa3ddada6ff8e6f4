//! Control of a run: from another task, or between its events.

use std::sync::Arc;

use tokio::sync::watch;

use super::stop::StopReason;

/// Controls a run of a roll-out: pauses, resumes, hurries, skips and stops it. Clones control the same run.
///
/// ```
/// # async fn example(client: jobs_api::Client, plan: jobs_api::RollOutPlan, stop_signal: impl Future + Send + 'static) {
/// let run = client.roll_out(&plan);
/// let control = run.control();
/// tokio::spawn(async move {
///     stop_signal.await;
///     control.stop();
/// });
/// let report = run.report().await;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RollOutControl(Arc<watch::Sender<Signals>>);

/// What a run was told to do.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    pub(super) is_paused: bool,
    /// How often it was told to go on now.
    pub(super) go_ons: u32,
    /// The wave to start is left out.
    pub(super) skips_wave: bool,
    pub(super) stop: Option<StopReason>,
}

impl RollOutControl {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::default()))
    }

    /// Creates no further job until [`resume`](Self::resume). Jobs that exist go on.
    pub fn pause(&self) {
        self.0.send_modify(|signals| signals.is_paused = true);
    }

    /// Goes on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.0.send_modify(|signals| signals.is_paused = false);
    }

    /// Ends the soak time and the waits before retries that are under way. The given hours still hold.
    pub fn go_on(&self) {
        self.0.send_modify(|signals| signals.go_ons += 1);
    }

    /// Leaves out the wave that is about to start, during its soak time, or else the next one: its devices are not
    /// called.
    ///
    /// The hub remembers it once a later wave has a job. Until then another run of the plan starts the wave.
    pub fn skip_wave(&self) {
        self.0.send_modify(|signals| signals.skips_wave = true);
    }

    /// Stops the roll-out: no further creation is begun, jobs that do not run yet are cancelled, and the run ends with
    /// those that run, which the hub does not cancel.
    ///
    /// A cancelled job stops every other run of the plan, now and later. Without one, nothing but the program
    /// remembers the stop.
    pub fn stop(&self) {
        self.stop_because(StopReason::Requested);
    }

    /// Stops the roll-out unless it has stopped. Returns true if it had not.
    pub(super) fn stop_because(&self, reason: StopReason) -> bool {
        self.0.send_if_modified(|signals| {
            let is_first = signals.stop.is_none();
            signals.stop.get_or_insert(reason);
            is_first
        })
    }

    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        self.0.borrow().stop.clone()
    }

    /// Returns true once if the next wave is to be left out.
    pub(super) fn take_skip(&self) -> bool {
        self.0.send_if_modified(|signals| std::mem::take(&mut signals.skips_wave))
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Signals> {
        self.0.subscribe()
    }

    /// Resolves when the roll-out has stopped.
    pub(super) async fn stopped(&self) {
        // The sender lives as long as this.
        let _ = self.subscribe().wait_for(|signals| signals.stop.is_some()).await;
    }
}
