//! The progress of a batch, which its stream of states shows.

use std::collections::BTreeMap;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::watch;

use super::error::BatchError;
use crate::error::Error;
use crate::error::telemetry::FailureStatus;
use crate::follow::report::JobReport;
use crate::jobs::outcome::DeviceCounts;

/// The progress of a batch: how much of what was taken from its requests so far is done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct BatchProgress {
    /// Requests that were taken from the program.
    pub requests: u64,
    /// Requests with a result.
    pub requests_ended: u64,
    /// Requests whose result is an error.
    pub requests_failed: u64,
    /// Jobs of these requests.
    pub jobs: u64,
    /// Jobs that existed already as requested.
    pub jobs_found: u64,
    /// Jobs with a result.
    pub jobs_ended: u64,
    /// Jobs whose result is an error.
    pub jobs_failed: u64,
    /// Devices in the reports of jobs.
    pub devices: u64,
    /// Devices on which a job failed.
    pub devices_failed: u64,
    /// Devices whose results are missing.
    pub devices_without_result: u64,
    /// Devices of the jobs in progress, as the hub counts them.
    pub open_devices: u64,
    /// Devices of the jobs in progress that the hub has reached or given up.
    pub open_devices_done: u64,
}

/// The state of a batch, which its stream, its jobs and its observers share.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) progress: BatchProgress,
    /// The jobs that may be in the hub and are not known to have ended.
    pub(super) open_jobs: BTreeMap<String, DeviceCounts>,
    /// The status of the span at its end: until then a log would show it in the lines of the other jobs.
    pub(super) first_failure: Option<FailureStatus>,
    pub(super) has_ended: bool,
}

impl State {
    /// Returns the progress, with the devices of the jobs in progress.
    fn progress(&self) -> BatchProgress {
        let sum = |count: fn(&DeviceCounts) -> u32| self.open_jobs.values().map(count).map(u64::from).sum();
        let open_devices = sum(|counts| counts.total);
        let open_devices_done = sum(DeviceCounts::done);
        BatchProgress { open_devices, open_devices_done, ..self.progress }
    }

    pub(super) fn add_job(&mut self, result: Result<&JobReport, &Error>) {
        let progress = &mut self.progress;
        progress.jobs_ended += 1;
        progress.jobs_failed += u64::from(result.is_err());
        if let Ok(report) = result {
            progress.devices += report.devices;
            progress.devices_failed += report.failed;
            progress.devices_without_result += report.without_result;
        }
    }

    pub(super) fn add_result(&mut self, result: &Result<JobReport, BatchError>) {
        self.progress.requests_ended += 1;
        if let Err(error) = result {
            self.progress.requests_failed += 1;
            self.first_failure.get_or_insert_with(|| FailureStatus::of(error.first_error()));
        }
    }
}

/// Returns each state that differs from the previous one, from now on up to the end of the batch.
pub(super) fn stream_progress(state: &watch::Sender<State>) -> BoxStream<'static, BatchProgress> {
    let start = (state.subscribe(), BatchProgress::default());
    let states = stream::unfold(start, async |(mut receiver, previous)| {
        let is_new = |state: &State| state.progress() != previous || state.has_ended;
        let progress = receiver.wait_for(is_new).await.ok()?.progress();
        (progress != previous).then_some((progress, (receiver, progress)))
    });
    states.boxed()
}
