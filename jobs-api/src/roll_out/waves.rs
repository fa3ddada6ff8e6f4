//! The waves of a run, in order.

use std::pin::pin;

use chrono::{DateTime, Utc};
use futures_util::future::{BoxFuture, Either, FutureExt as _, select};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tracing::Instrument as _;

use super::driver::Driver;
use super::error::RollOutError;
use super::event::{RollOutEvent, run_span};
use super::outcome::WaveCounts;
use super::part::Part;
use super::reading::CONCURRENT_READS;
use super::report::RollOutReport;
use super::schedule::PARTS_IN_PROGRESS;
use super::stop::{StopReason, find_exceeded};

impl<'a> Driver<'a> {
    /// Runs the plan to its end or to a stop, in a span.
    pub(super) fn start(self) -> BoxFuture<'a, Result<RollOutReport, RollOutError>> {
        let span = run_span(self.client.host_name(), self.plan);
        self.run().instrument(span).boxed()
    }

    async fn run(self) -> Result<RollOutReport, RollOutError> {
        self.record_progress();
        self.plan.check_age(self.client.hub_time())?;
        let begun = self.read_begun().await?;
        // The hub's clock is known only now.
        self.plan.check_age(self.client.hub_time())?;
        let last_begun = begun.iter().map(|(wave, _)| *wave).max();
        let mut report = RollOutReport::default();
        let mut ended = None;
        for (wave, planned) in (1..).zip(self.plan.waves()) {
            let parts = (1..).zip(&planned.parts).map(|(number, devices)| Part::new(wave, number, devices));
            let (old, mut new): (Vec<_>, Vec<_>) =
                parts.partition(|part| begun.contains(&(wave, part.number)));
            // A wave without a job before one that has some was left out.
            let is_next = Some(wave) > last_begun && !new.is_empty() && !self.is_stopped();
            if !old.is_empty() || is_next && self.may_start(wave, ended).await {
                new = self.run_wave(wave, old, new).await?;
                ended = new.iter().filter_map(|part| part.ended).max().or(ended);
            } else {
                new.extend(old);
            }
            new.sort_unstable_by_key(|part| part.number);
            report.add_wave(new);
        }
        report.stopped = self.control.stop_reason();
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
        self.record_progress();
        !self.is_stopped()
    }

    /// Runs the parts of a wave, old ones that have begun and new ones. What has ended is read and judged before
    /// anything is created, in the order in which the run that created it judged it.
    async fn run_wave(
        &self,
        wave: usize,
        old: Vec<Part<'a>>,
        new: Vec<Part<'a>>,
    ) -> Result<Vec<Part<'a>>, RollOutError> {
        let devices = old.iter().chain(&new).map(|part| part.outcomes.len()).sum();
        self.emit(RollOutEvent::WaveStarted { wave, devices, jobs: old.len() + new.len() });
        let mut counts = WaveCounts::of(devices);
        let replays: Vec<_> = old.into_iter().map(|part| self.replay(part)).collect();
        let replays = stream::iter(replays).buffered(CONCURRENT_READS);
        let replayed: Vec<Part<'a>> = replays.try_collect().await?;
        let (mut over, old): (Vec<_>, Vec<_>) = replayed.into_iter().partition(|part| part.is_over);
        over.sort_by_key(|part| part.ended);
        over.iter().for_each(|part| self.judge(part, &mut counts));
        let mut runs: Vec<_> = old.into_iter().map(|part| self.run_part(part, true)).collect();
        runs.extend(new.into_iter().map(|part| self.run_part(part, false)));
        let mut runs = stream::iter(runs).buffer_unordered(PARTS_IN_PROGRESS);
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
