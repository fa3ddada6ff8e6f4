//! The checks, in an order that needs one job slot.

use std::time::{Duration, Instant};

use jobs_api::types::{JobRequest, JobResponse, JobStatus};
use jobs_api::{Error, Response};
use tokio::time::sleep;

use crate::facts::{
    AT_ONCE, Fact, Findings, OF_DEVICES, OF_THROTTLING, PAST_START, PAYLOAD, QUERIES, SCHEDULED, UNKNOWN,
    UNREADABLE_CONDITION, Untested, Verdict,
};
use crate::jobs::Jobs;
use crate::target::Target;
use crate::{life, queries, refusals, scheduled};

/// How long to wait for the hub.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// The longest time for which reads may lag behind a change.
    pub(crate) lag: Duration,
    /// The longest time that a job may take to start and end.
    pub(crate) run: Duration,
    /// The time between two reads.
    pub(crate) poll: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let [lag, run, poll] = [30, 120, 1].map(Duration::from_secs);
        Self { lag, run, poll }
    }
}

/// Checks the facts. If it is dropped, jobs may be left open.
pub(crate) async fn check_facts(
    target: &Target,
    jobs: &Jobs,
    slots: usize,
    patience: Patience,
    findings: &mut Findings,
) {
    let hub = &Checks { jobs, patience };
    let found = target.stranger.get_scheduled_job(&jobs.id("unknown")).await;
    findings.record("unauthorized", Verdict::of_refusal(&found, 401, None));
    let step = life::check_unknown_job(hub, findings).await;
    hub.end(UNKNOWN, step, findings).await;
    let step = scheduled::check_scheduled_job(hub, slots, findings).await;
    hub.end(SCHEDULED, step, findings).await;
    let step = life::check_job_at_once(hub, findings).await;
    hub.end(AT_ONCE, step, findings).await;
    let step = life::check_past_start(hub, findings).await;
    hub.end(PAST_START, step, findings).await;
    let step = life::check_unreadable_condition(hub, findings).await;
    hub.end(UNREADABLE_CONDITION, step, findings).await;
    let step = life::check_payload(hub, findings).await;
    hub.end(PAYLOAD, step, findings).await;
    refusals::check_refusals(jobs, findings).await;
    let step = queries::check_queries(jobs, findings).await;
    hub.end(QUERIES, step, findings).await;
    findings.end(OF_DEVICES, Err(Untested::new("it needs a device")));
    findings.end(OF_THROTTLING, Err(Untested::new("it needs more calls than the limit allows")));
}

/// The value that a repeated call returned last.
pub(crate) struct Seen<T> {
    pub(crate) value: T,
    pub(crate) time: Duration,
    /// False if the time ran out.
    pub(crate) is_as_wanted: bool,
}

impl<T> Seen<T> {
    /// Returns the value if it came in time.
    pub(crate) fn in_time(self) -> Result<T, Untested> {
        if self.is_as_wanted { Ok(self.value) } else { Err(Untested::new("the hub lags")) }
    }

    /// Returns whether a value came in time.
    pub(crate) fn verdict(&self) -> Verdict {
        let time = format!("{:.1} s", self.time.as_secs_f64());
        if self.is_as_wanted { Verdict::Holds(time) } else { Verdict::Differs(format!("not within {time}")) }
    }
}

/// The jobs of the checks on a hub that may take its time.
pub(crate) struct Checks<'a> {
    pub(crate) jobs: &'a Jobs,
    pub(crate) patience: Patience,
}

impl Checks<'_> {
    /// Creates a job as soon as a slot is free.
    pub(crate) async fn create(
        &self,
        id: &str,
        request: &JobRequest,
    ) -> Result<Response<JobResponse>, Untested> {
        let create = async || match self.jobs.create(id, request).await {
            Err(error) if error.is_job_slot_busy() => Ok(None),
            created => created.map(Some),
        };
        let created = self.repeat(self.patience.lag, create, Option::is_some).await?;
        created.value.ok_or_else(|| Untested::new("no job slot is free"))
    }

    /// Reads a job until it is as wanted.
    pub(crate) async fn read_until(
        &self,
        id: &str,
        limit: Duration,
        is_as_wanted: impl Fn(&JobResponse) -> bool,
    ) -> Result<Seen<Response<JobResponse>>, Error> {
        self.repeat(limit, async || self.jobs.read(id).await, |job| is_as_wanted(job)).await
    }

    /// Reads a job until it is known.
    pub(crate) async fn read_known(&self, id: &str) -> Result<Seen<Response<JobResponse>>, Error> {
        self.read_until(id, self.patience.lag, |job| !is_unknown(job)).await
    }

    /// Reads a job that starts at once until it has ended.
    pub(crate) async fn read_to_end(&self, id: &str) -> Result<Response<JobResponse>, Untested> {
        self.read_known(id).await?.in_time()?;
        let job = self.read_until(id, self.patience.run, |job| job.outcome().is_final()).await?.in_time()?;
        self.jobs.close(id);
        Ok(job)
    }

    pub(crate) async fn repeat<T>(
        &self,
        limit: Duration,
        mut call: impl AsyncFnMut() -> Result<T, Error>,
        is_as_wanted: impl Fn(&T) -> bool,
    ) -> Result<Seen<T>, Error> {
        let start = Instant::now();
        loop {
            let value = call().await?;
            let (time, is_as_wanted) = (start.elapsed(), is_as_wanted(&value));
            if is_as_wanted || time >= limit {
                return Ok(Seen { value, time, is_as_wanted });
            }
            sleep(self.patience.poll).await;
        }
    }

    /// Ends a step: what it left open does not hold the slot of the next one.
    async fn end(&self, facts: &[Fact], step: Result<(), Untested>, findings: &mut Findings) {
        self.jobs.clean_up().await;
        findings.end(facts, step);
    }
}

/// Returns true if the hub does not know a job, or not yet.
pub(crate) fn is_unknown(job: &JobResponse) -> bool {
    job.status == Some(JobStatus::Unknown)
}

/// Returns the status of a job as the hub writes it.
pub(crate) fn status(job: &JobResponse) -> &str {
    job.status.as_ref().map_or("without a status", JobStatus::as_str)
}
