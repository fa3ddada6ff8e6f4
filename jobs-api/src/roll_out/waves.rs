//! The waves of a run, in order.

use std::pin::pin;

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, Either, FutureExt as _, select};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tracing::{Instrument as _, Span};

use super::driver::Driver;
use super::event::{RollOutEvent, run_span};
use super::outcome::WaveCounts;
use super::part::Part;
use super::report::RollOutReport;
use super::schedule::PARTS_IN_PROGRESS;
use super::stop::{StopReason, find_exceeded};
use crate::error::Error;
use crate::error::telemetry::record_failure;

/// Reads at a time.
const CONCURRENT_READS: usize = 20;

impl<'a> Driver<'a> {
    /// Runs the plan to its end or to a stop, in a span.
    pub(super) fn start(self) -> BoxFuture<'a, Result<RollOutReport, Error>> {
        let span = run_span(self.client.host_name(), self.plan);
        let run =
            async move { self.run().await.inspect_err(|error| record_failure(&Span::current(), error)) };
        run.instrument(span).boxed()
    }

    async fn run(self) -> Result<RollOutReport, Error> {
        self.plan.check_age(self.client.hub_time())?;
        let mut waves = Part::all_of(self.plan);
        let starts: Vec<_> = waves.iter_mut().flatten().map(|part| self.find_start(part)).collect();
        stream::iter(starts).buffer_unordered(CONCURRENT_READS).try_collect::<()>().await?;
        // The hub's clock is known only now.
        self.plan.check_age(self.client.hub_time())?;
        let has_begun = |parts: &Vec<Part<'a>>| parts.iter().any(|part| part.has_begun);
        let last_begun = waves.iter().rposition(has_begun);
        let mut report = RollOutReport::default();
        let mut ended = None;
        for (index, mut parts) in waves.into_iter().enumerate() {
            // A wave without a job before one that has some was left out.
            let is_next = Some(index) > last_begun && !parts.is_empty() && !self.is_stopped();
            if has_begun(&parts) || is_next && self.may_start(index + 1, ended).await {
                parts = self.run_wave(index + 1, parts).await?;
                ended = parts.iter().filter_map(|part| part.ended).max().or(ended);
            }
            report.add_wave(parts);
        }
        report.stopped = self.control.stop_reason();
        report.joined_later = self.find_later_devices().await?;
        Ok(report)
    }

    /// Waits until a wave may start. Returns false if it is left out, or the roll-out has stopped.
    async fn may_start(&self, wave: usize, previous_end: Option<DateTime<Utc>>) -> bool {
        let soaked = previous_end.map(|end| end + self.plan.policy().soak());
        if !self.may_create(soaked).await || self.control.take_skip() {
            return false;
        }
        let Some(approve) = &self.approve else { return true };
        if let Either::Left((false, _)) = select(approve(wave), pin!(self.control.stopped())).await {
            self.stop(StopReason::NotApproved(wave));
        }
        !self.is_stopped()
    }

    /// Runs the parts of a wave. They are judged in their order, whatever the order in which they end or are seen to:
    /// each run of the plan then comes to the same verdict. What has ended is read before anything is created.
    async fn run_wave(&self, wave: usize, parts: Vec<Part<'a>>) -> Result<Vec<Part<'a>>, Error> {
        let devices = parts.iter().map(|part| part.outcomes.len()).sum();
        self.emit(RollOutEvent::WaveStarted { wave, devices, jobs: parts.len() });
        let mut counts = WaveCounts::of(devices);
        let replays: Vec<_> = parts.into_iter().map(|part| self.run_part(part, true)).collect();
        let mut over: Vec<Part<'a>> = stream::iter(replays).buffered(CONCURRENT_READS).try_collect().await?;
        let first_open = over.iter().position(|part| !part.is_over).unwrap_or(over.len());
        let open = over.split_off(first_open);
        over.iter().for_each(|part| self.judge(part, &mut counts));
        let runs: Vec<_> = open.into_iter().map(|part| self.run_part(part, false)).collect();
        let mut runs = stream::iter(runs).buffered(PARTS_IN_PROGRESS);
        while let Some(part) = runs.try_next().await? {
            self.judge(&part, &mut counts);
            over.push(part);
        }
        if !self.is_stopped() {
            self.emit(RollOutEvent::WaveEnded { wave, counts });
        }
        Ok(over)
    }

    /// Adds a part that is over to the counts of its wave, and stops the roll-out if too many devices failed.
    fn judge(&self, part: &Part<'_>, counts: &mut WaveCounts) {
        counts.add(&part.outcomes);
        if let Some(stop) = find_exceeded(counts, &self.plan.policy().stops) {
            let (wave, stop, counts) = (part.wave, stop.clone(), counts.clone());
            self.stop(StopReason::Failures { wave, stop, counts });
        }
    }
}
