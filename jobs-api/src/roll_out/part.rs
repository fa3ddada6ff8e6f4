//! A part of a wave: the devices of one job, tried as often as the plan allows.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};
use futures_util::stream::TryStreamExt as _;
use tokio::time::sleep;

use super::driver::Driver;
use super::event::RollOutEvent;
use super::outcome::{DeviceOutcome, LastWord};
use super::plan::RollOutPlan;
use super::stop::StopReason;
use crate::error::Error;
use crate::follow::report::FailureKind;
use crate::generated::types::JobResponse;
use crate::jobs::outcome::JobOutcome;

/// The times between two polls of a job: seconds do not matter in a roll-out, the rate limit does.
const POLL_INTERVALS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30);
/// The wait after a creation that failed in spite of its retries.
const WAIT_AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Tries to cancel a job that the hub does not know.
const CANCELS: u32 = 4;
/// How long the hub may not show a job whose creation was not answered.
const CREATION_LAG: Duration = Duration::from_secs(30);

/// A part of a wave, and what is known of it.
#[derive(Debug, Default)]
pub(super) struct Part<'a> {
    pub(super) wave: usize,
    pub(super) number: usize,
    /// Its first job existed when the run started.
    pub(super) has_begun: bool,
    pub(super) devices: &'a [String],
    /// In the order of the devices.
    pub(super) outcomes: Vec<DeviceOutcome>,
    /// The jobs that have ended.
    tries: u32,
    /// The end of the last of them.
    pub(super) ended: Option<DateTime<Utc>>,
    /// There is no other try.
    pub(super) is_over: bool,
    /// The job that the stop of the roll-out cancelled.
    pub(super) cancelled: Option<String>,
    /// The job that ran on after the stop.
    pub(super) beyond_recall: Option<String>,
}

impl<'a> Part<'a> {
    /// Returns the parts of each wave of a plan.
    pub(super) fn all_of(plan: &'a RollOutPlan) -> Vec<Vec<Self>> {
        let waves = (1..).zip(plan.waves());
        let parts_of = |(wave, parts): (usize, &'a Vec<Vec<String>>)| {
            (1..).zip(parts).map(|(number, devices)| Self::new(wave, number, devices)).collect()
        };
        waves.map(parts_of).collect()
    }

    fn new(wave: usize, number: usize, devices: &'a [String]) -> Self {
        let outcomes = devices.iter().map(|id| DeviceOutcome::not_called(id)).collect();
        Self { wave, number, devices, outcomes, ..Self::default() }
    }

    /// Returns the devices of the next try.
    fn due(&self) -> Vec<&'a String> {
        let is_due = |outcome: &DeviceOutcome| self.tries == 0 || outcome.is_retried();
        let due = self.devices.iter().zip(&self.outcomes).filter(|(_, outcome)| is_due(outcome));
        due.map(|(device, _)| device).collect()
    }

    /// Adds the results of a job on these devices. One without a result failed for this reason.
    fn add(&mut self, devices: &[&String], mut results: HashMap<String, LastWord>, without_result: &str) {
        self.tries += 1;
        let mut devices = devices.iter().peekable();
        for outcome in &mut self.outcomes {
            if devices.next_if(|id| ***id == outcome.device_id).is_some() {
                let kind = FailureKind::NoRow;
                let no_row = || LastWord::Failed { kind, reason: without_result.to_owned() };
                outcome.tries += 1;
                outcome.last_word = results.remove(&outcome.device_id).unwrap_or_else(no_row);
            }
        }
    }
}

impl Driver<'_> {
    /// Runs the tries of a part that are left. A replay reads those that have ended: it creates nothing, and waits for
    /// no job.
    pub(super) async fn run_part<'a>(&self, mut part: Part<'a>, is_replay: bool) -> Result<Part<'a>, Error> {
        while let Some(id) = self.next_job_id(&mut part) {
            let may_exist = part.has_begun || part.tries > 0;
            let found = if may_exist { self.client.find_scheduled_job(&id).await? } else { None };
            let ended = found.as_ref().filter(|job| job.outcome().is_final());
            if is_replay && ended.is_none() {
                break;
            }
            let devices = match &found {
                Some(job) => Some(self.devices_of(job, part.devices)?),
                None => self.create(&mut part, &id).await?,
            };
            let Some(devices) = devices else {
                part.is_over = true;
                break;
            };
            let ended = match ended {
                Some(job) => job.clone(),
                None => self.follow(&mut part, &id, devices.len()).await?,
            };
            self.conclude(&mut part, &devices, &ended).await?;
        }
        Ok(part)
    }

    /// Returns the id of the part's next job; `None` if it is over.
    fn next_job_id(&self, part: &mut Part<'_>) -> Option<String> {
        part.is_over |= part.tries > self.plan.policy().retries || part.due().is_empty();
        (!part.is_over).then(|| self.plan.job_id(part.wave, part.number, part.tries + 1))
    }

    /// Creates the next job of a part once the plan allows it and the hub has a slot. Returns its devices: those of
    /// the job that exists, if another run created it for others since rows were late. `None` if the roll-out stopped
    /// before.
    async fn create<'a>(&self, part: &mut Part<'a>, id: &str) -> Result<Option<Vec<&'a String>>, Error> {
        let devices = part.due();
        let request = self.plan.request(&devices);
        let mut not_before = part.ended.map(|end| end + self.plan.policy().retry_after());
        let mut may_exist = false;
        while self.may_create(not_before.take()).await {
            match self.creator.ensure_scheduled_job(id, &request).await {
                Ok(_) => return Ok(Some(devices)),
                Err(Error::JobConflict { .. }) if part.tries > 0 => {
                    let job = self.client.get_scheduled_job(id).await?;
                    return self.devices_of(&job, part.devices).map(Some);
                }
                Err(error) if self.is_passing(&error) => {
                    may_exist |= error.is_outcome_unknown();
                    sleep(WAIT_AFTER_FAILURE).await;
                }
                Err(error) => return Err(error),
            }
        }
        // Its creation may be unanswered, or another run created it.
        let lag = if may_exist { CREATION_LAG } else { Duration::ZERO };
        match pin!(self.client.wait_for_job(id).not_found_after(lag).updates()).try_next().await {
            Ok(job) => job.map(|job| self.devices_of(&job, part.devices)).transpose(),
            Err(error) if !error.is_not_found() => Err(error),
            Err(_) => {
                if may_exist {
                    part.add(&devices, HashMap::new(), "whether its job exists is not known");
                }
                Ok(None)
            }
        }
    }

    /// Follows a job to its end. If the roll-out stops meanwhile, the job is cancelled, or waited for if it runs.
    async fn follow(&self, part: &mut Part<'_>, id: &str, devices: usize) -> Result<JobResponse, Error> {
        self.emit(RollOutEvent::JobStarted { job_id: id.to_owned(), devices });
        if let Either::Left((job, _)) =
            select(pin!(self.wait_for_end(id)), pin!(self.control.stopped())).await
        {
            return job;
        }
        self.recall(id).await?;
        let job = self.wait_for_end(id).await?;
        let is_cancelled = job.outcome() == JobOutcome::Cancelled;
        let recalled = if is_cancelled { &mut part.cancelled } else { &mut part.beyond_recall };
        *recalled = Some(id.to_owned());
        Ok(job)
    }

    async fn wait_for_end(&self, id: &str) -> Result<JobResponse, Error> {
        let patience = self.longest_job();
        let wait = self.client.wait_for_job(id).poll_intervals(POLL_INTERVALS);
        let job = wait.not_found_after(patience).timeout(patience).await?;
        if job.outcome().is_final() { Ok(job) } else { Err(Error::JobOverdue { job_id: id.to_owned() }) }
    }

    /// Cancels a job, which the hub may not know at once, unless it runs or has ended.
    async fn recall(&self, id: &str) -> Result<(), Error> {
        for _ in 0..CANCELS {
            match self.client.cancel_scheduled_job(id).await {
                Err(error) if error.is_not_found() => sleep(WAIT_AFTER_FAILURE).await,
                Err(error) if !error.is_not_cancellable() => return Err(error),
                _ => break,
            }
        }
        Ok(())
    }

    /// Adds the results of a job that has ended. One that was cancelled or failed stops the roll-out.
    async fn conclude(
        &self,
        part: &mut Part<'_>,
        devices: &[&String],
        ended: &JobResponse,
    ) -> Result<(), Error> {
        part.ended = Some(self.end_of(ended));
        let (job_id, outcome) = (ended.id().to_owned(), ended.outcome());
        if matches!(outcome, JobOutcome::Cancelled | JobOutcome::Failed) {
            let reason = ended.failure_reason.clone().unwrap_or_default();
            self.stop(StopReason::Job { job_id: job_id.clone(), outcome, reason });
        }
        if outcome == JobOutcome::Cancelled {
            part.is_over = true;
            return Ok(());
        }
        let results = self.read_results(ended, devices.len()).await?;
        let succeeded = results.values().filter(|word| **word == LastWord::Succeeded).count();
        part.add(devices, results, "its job ended without a result of it");
        self.emit(RollOutEvent::JobEnded { job_id, devices: devices.len(), succeeded });
        Ok(())
    }
}
