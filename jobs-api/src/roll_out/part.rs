//! A part of a wave: the devices of one job, tried as often as the plan allows.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::{Either, select};

use super::driver::Driver;
use super::error::RollOutError;
use super::event::RollOutEvent;
use super::outcome::{DeviceOutcome, LastWord};
use super::stop::StopReason;
use crate::error::Error;
use crate::follow::report::FailureKind;
use crate::generated::types::JobResponse;
use crate::jobs::outcome::JobOutcome;

/// The times between two polls of a job: seconds do not matter in a roll-out, the rate limit does.
const POLL_INTERVALS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30);

/// A part of a wave, and what is known of it.
#[derive(Debug, Default)]
pub(super) struct Part<'a> {
    pub(super) wave: usize,
    pub(super) number: usize,
    devices: &'a [String],
    /// In the order of the devices.
    pub(super) outcomes: Vec<DeviceOutcome>,
    /// The jobs that have ended.
    tries: u32,
    /// The end of the last of them.
    pub(super) ended: Option<DateTime<Utc>>,
    /// There is no other try.
    pub(super) is_over: bool,
    /// The job that had not ended as the roll-out stopped was to be cancelled.
    is_recalled: bool,
    /// That job, if it was cancelled.
    pub(super) cancelled: Option<String>,
    /// That job, if it ran on.
    pub(super) beyond_recall: Option<String>,
}

/// A job of a part, and its devices.
struct Job<'a> {
    id: String,
    devices: Vec<&'a String>,
    /// It exists for certain. Otherwise the answer to its creation was lost, and the roll-out stopped before another.
    is_certain: bool,
}

impl<'a> Part<'a> {
    pub(super) fn new(wave: usize, number: usize, devices: &'a [String]) -> Self {
        let outcomes = devices.iter().map(|id| DeviceOutcome::not_called(id)).collect();
        Self { wave, number, devices, outcomes, ..Self::default() }
    }

    /// Returns the devices of the next try.
    fn due(&self) -> Vec<&'a String> {
        let is_due = |outcome: &DeviceOutcome| self.tries == 0 || outcome.is_retried();
        let due = self.devices.iter().zip(&self.outcomes).filter(|(_, outcome)| is_due(outcome));
        due.map(|(device, _)| device).collect()
    }

    /// Adds the results of a job. A device without one failed for this reason.
    fn add(&mut self, job: &Job<'_>, mut results: HashMap<String, LastWord>, without_result: &str) {
        self.tries += 1;
        let mut devices = job.devices.iter().copied().peekable();
        for outcome in &mut self.outcomes {
            if devices.next_if(|id| **id == outcome.device_id).is_some() {
                let kind = FailureKind::NoRow;
                let no_row = || LastWord::Failed { kind, reason: without_result.to_owned() };
                outcome.tries += 1;
                outcome.last_word = results.remove(&outcome.device_id).unwrap_or_else(no_row);
            }
        }
    }
}

impl Driver<'_> {
    /// Reads the results of the tries that have ended. Creates nothing and waits for no job.
    pub(super) async fn replay<'a>(&self, mut part: Part<'a>) -> Result<Part<'a>, RollOutError> {
        while let Some(id) = self.next_job_id(&mut part) {
            let Some(found) = self.find(&id).await?.filter(|job| job.outcome().is_final()) else { break };
            let devices = match part.tries {
                0 => part.due(),
                _ => self.devices_of(&found, part.devices)?,
            };
            self.conclude(&mut part, Job { id, devices, is_certain: true }, &found).await?;
        }
        Ok(part)
    }

    /// Runs the tries of a part that are left; the first exists if it `has_begun`.
    pub(super) async fn run_part<'a>(
        &self,
        mut part: Part<'a>,
        has_begun: bool,
    ) -> Result<Part<'a>, RollOutError> {
        while let Some(id) = self.next_job_id(&mut part) {
            let devices = part.due();
            let job = match part.tries {
                0 if has_begun => Some(Job { id, devices, is_certain: true }),
                0 => self.create(id, devices, None).await?,
                _ => self.find_or_create(id, devices, &part).await?,
            };
            match job {
                Some(job) => self.follow(&mut part, job).await?,
                None => part.is_over = true,
            }
        }
        Ok(part)
    }

    /// Returns the id of the part's next job; `None` if it is over.
    fn next_job_id(&self, part: &mut Part<'_>) -> Option<String> {
        part.is_over |= part.tries > self.plan.policy().retries || part.due().is_empty();
        (!part.is_over).then(|| self.plan.job_id(part.wave, part.number, part.tries + 1))
    }

    /// Follows the job of a retry if it exists, and creates it otherwise. If two runs create it for different devices,
    /// since rows were late, the job that exists decides.
    async fn find_or_create<'a>(
        &self,
        id: String,
        due: Vec<&'a String>,
        part: &Part<'a>,
    ) -> Result<Option<Job<'a>>, RollOutError> {
        let mut found = self.find(&id).await?;
        if found.is_none() {
            let not_before = part.ended.map(|end| end + self.plan.policy().retry_after());
            match self.create(id.clone(), due, not_before).await {
                Err(RollOutError::Hub(conflict @ Error::JobConflict { .. })) => {
                    found = Some(self.find(&id).await?.ok_or(conflict)?);
                }
                created => return created,
            }
        }
        let devices = found.map(|job| self.devices_of(&job, part.devices)).transpose()?;
        Ok(devices.map(|devices| Job { id, devices, is_certain: true }))
    }

    /// Creates a job once the plan allows it and the hub has a slot. If the roll-out stops before, it returns the job
    /// that another run created, or `None`.
    async fn create<'a>(
        &self,
        id: String,
        devices: Vec<&'a String>,
        mut not_before: Option<DateTime<Utc>>,
    ) -> Result<Option<Job<'a>>, RollOutError> {
        let request = self.plan.request(devices.iter().copied());
        let mut may_exist = false;
        while self.may_create(not_before.take()).await {
            match self.creator.ensure_scheduled_job(&id, &request).await {
                Ok(_) => return Ok(Some(Job { id, devices, is_certain: true })),
                Err(error) => {
                    may_exist |= error.is_outcome_unknown();
                    self.tolerate(error).await?;
                }
            }
        }
        let is_certain = self.find(&id).await?.is_some_and(|job| job.check_request(&request).is_ok());
        Ok((is_certain || may_exist).then_some(Job { id, devices, is_certain }))
    }

    /// Follows a job to its end and adds its results.
    async fn follow(&self, part: &mut Part<'_>, job: Job<'_>) -> Result<(), RollOutError> {
        self.record_progress();
        self.emit(RollOutEvent::JobStarted { job_id: job.id.clone(), devices: job.devices.len() });
        if let Some(ended) = self.wait_or_recall(&job, part).await? {
            return self.conclude(part, job, &ended).await;
        }
        part.add(&job, HashMap::new(), "whether its job exists is not known");
        part.is_over = true;
        Ok(())
    }

    /// Waits until a job has ended. If the roll-out stops meanwhile, the job is cancelled, or waited for if it runs.
    /// Returns `None` if it may not exist.
    async fn wait_or_recall(
        &self,
        job: &Job<'_>,
        part: &mut Part<'_>,
    ) -> Result<Option<JobResponse>, RollOutError> {
        match select(pin!(self.wait_for_end(job)), pin!(self.control.stopped())).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => {
                self.recall(job).await?;
                part.is_recalled = true;
                self.wait_for_end(job).await
            }
        }
    }

    async fn wait_for_end(&self, job: &Job<'_>) -> Result<Option<JobResponse>, RollOutError> {
        loop {
            let wait = self.client.wait_for_job(&job.id).poll_intervals(POLL_INTERVALS);
            match wait.timeout(self.patience_left()).await {
                Ok(job) if job.outcome().is_final() => return Ok(Some(job)),
                Ok(_) if self.patience_left().is_zero() => return Err(RollOutError::Overdue(job.id.clone())),
                Ok(_) => {}
                Err(error) if error.is_not_found() && !job.is_certain => return Ok(None),
                Err(error) => self.tolerate(error).await?,
            }
        }
    }

    /// Cancels a job unless it runs, has ended, or may not exist.
    async fn recall(&self, job: &Job<'_>) -> Result<(), RollOutError> {
        loop {
            match self.client.cancel_scheduled_job(&job.id).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_not_cancellable() => return Ok(()),
                Err(error) if error.is_not_found() && !job.is_certain => return Ok(()),
                Err(error) => self.tolerate(error).await?,
            }
        }
    }

    /// Adds the results of a job that has ended. One that was cancelled or failed stops the roll-out.
    async fn conclude(
        &self,
        part: &mut Part<'_>,
        job: Job<'_>,
        ended: &JobResponse,
    ) -> Result<(), RollOutError> {
        self.record_progress();
        part.ended = Some(self.end_of(ended));
        let outcome = ended.outcome();
        if part.is_recalled {
            let recalled = match outcome {
                JobOutcome::Cancelled => &mut part.cancelled,
                _ => &mut part.beyond_recall,
            };
            *recalled = Some(job.id.clone());
        }
        if matches!(outcome, JobOutcome::Cancelled | JobOutcome::Failed) {
            let reason = ended.failure_reason.clone().unwrap_or_default();
            self.stop(StopReason::Job { job_id: job.id.clone(), outcome, reason });
        }
        if outcome == JobOutcome::Cancelled {
            part.is_over = true;
            return Ok(());
        }
        let results = self.read_results(ended, job.devices.len()).await?;
        let succeeded = results.values().filter(|word| **word == LastWord::Succeeded).count();
        part.add(&job, results, "its job ended without a result of it");
        self.emit(RollOutEvent::JobEnded { job_id: job.id, devices: job.devices.len(), succeeded });
        Ok(())
    }
}
