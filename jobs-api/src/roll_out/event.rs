//! Events of a run, and its trace.

use chrono::{DateTime, Utc};
use tracing::{Level, Span, event, info, warn};

use super::outcome::WaveCounts;
use super::plan::RollOutPlan;
use super::stop::StopReason;
use crate::targets::{METRICS, ROLL_OUT, otel_span};

/// What happens in a run of a roll-out, in order. A run that resumes reports the waves and jobs that exist again.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RollOutEvent {
    /// The run waits: for the end of a soak time, for a retry, for the given hours, or while it is paused.
    WaitingUntil(DateTime<Utc>),
    /// A wave begins.
    #[non_exhaustive]
    WaveStarted {
        /// The wave, from 1.
        wave: usize,
        /// Its devices.
        devices: usize,
        /// The jobs that run for each of them once.
        jobs: usize,
    },
    /// A job was created, or exists already.
    #[non_exhaustive]
    JobStarted {
        /// The job.
        job_id: String,
        /// Its devices.
        devices: usize,
    },
    /// A job ended, and its results are known.
    #[non_exhaustive]
    JobEnded {
        /// The job.
        job_id: String,
        /// Its devices.
        devices: usize,
        /// Devices on which it succeeded.
        succeeded: usize,
    },
    /// Each device of a wave is done, and the roll-out goes on.
    #[non_exhaustive]
    WaveEnded {
        /// The wave, from 1.
        wave: usize,
        /// Its counts.
        counts: WaveCounts,
    },
    /// The roll-out stops, for another reason than that the program told it to.
    Stopping(StopReason),
}

/// Makes the span of a run: a child of the current one.
pub(super) fn run_span(hub: &str, plan: &RollOutPlan) -> Span {
    otel_span!(
        ROLL_OUT,
        "iothub_roll_out",
        "roll_out",
        "internal",
        iothub.hub = hub,
        iothub.roll_out = plan.name(),
        iothub.waves = plan.waves().len(),
    )
}

/// Reports the end of a wave and a stop of the roll-out, in the current span, and counts the devices that are done.
pub(super) fn trace(hub: &str, roll_out: &str, event: &RollOutEvent) {
    match event {
        RollOutEvent::WaveEnded { wave, counts } => {
            let (succeeded, failed) = (counts.succeeded, counts.failed());
            let devices = counts.devices;
            info!(target: ROLL_OUT, roll_out, wave, devices, succeeded, failed, "a wave ended");
            event!(
                target: METRICS,
                parent: None,
                Level::TRACE,
                monotonic_counter.iothub.client.roll_out.succeeded = succeeded,
                monotonic_counter.iothub.client.roll_out.failed = failed,
                iothub.hub = hub,
            );
        }
        RollOutEvent::Stopping(reason) => {
            warn!(target: ROLL_OUT, roll_out, %reason, "a roll-out stops")
        }
        _ => {}
    }
}
