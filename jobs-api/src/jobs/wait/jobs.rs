//! Waiting for many jobs at the cost of pages instead of jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::RangeInclusive;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::TryStreamExt as _;
use tracing::Instrument as _;

use super::observation::{Observation, OnProgress};
use super::poll_timer::{INTERVALS, PollTimer};
use super::span::{record_results, wait_span};
use crate::error::Error;
use crate::generated::types::JobResponse;
use crate::jobs::pager::Pager;
use crate::jobs::query::JobFilter;
use crate::jobs::read::{read_job, record_state};
use crate::pipeline::Pipeline;

/// Waits for many jobs to end: await it.
///
/// Each round lists the hub's jobs, a hundred to a page, as long as that takes fewer requests than polling
/// each job; jobs that the list does not show are polled individually. Returns, for each id, the job in its
/// final or latest state, or the error that ended its wait; the rules are those of
/// [`WaitForJob`](crate::WaitForJob). A job that the timeout left no time to poll has its id alone and the
/// outcome [`Unknown`](crate::JobOutcome::Unknown).
///
/// ```
/// # async fn example(client: jobs_api::Client) {
/// for (id, result) in client.wait_for_jobs(["wave-1", "wave-2"]).await {
///     match result {
///         Ok(job) => println!("{id}: {}", job.outcome()),
///         Err(error) => println!("{id}: {error}"),
///     }
/// }
/// # }
/// ```
#[must_use = "the wait does not begin until this is awaited"]
pub struct WaitForJobs<'a> {
    pipeline: Arc<Pipeline>,
    ids: BTreeSet<String>,
    timeout: Option<Duration>,
    intervals: RangeInclusive<Duration>,
    on_progress: Option<OnProgress<'a>>,
}

impl<'a> WaitForJobs<'a> {
    pub(crate) fn new(pipeline: Arc<Pipeline>, ids: BTreeSet<String>) -> Self {
        Self { pipeline, ids, timeout: None, intervals: INTERVALS, on_progress: None }
    }

    /// Ends the wait after this time, which is not an error; unlimited by default. The first request, and
    /// one under way at that time, is completed, retries included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the shortest and the longest time between two polls; half a second and 10 seconds by default.
    pub fn poll_intervals(mut self, intervals: RangeInclusive<Duration>) -> Self {
        self.intervals = intervals;
        self
    }

    /// Calls this with each state of a job that differs from the previous one.
    pub fn on_progress(mut self, on_progress: impl FnMut(&JobResponse) + Send + 'a) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }
}

impl<'a> IntoFuture for WaitForJobs<'a> {
    type Output = BTreeMap<String, Result<JobResponse, Error>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { pipeline, ids, timeout, intervals, on_progress } = self;
        let count = ids.len();
        let observations = ids.into_iter().map(|id| (id, Observation::default())).collect();
        let timer = PollTimer::start(timeout, &intervals);
        let span = wait_span(&pipeline.host_name, "wait_for_jobs", None, count);
        let polling = Polling { pipeline, observations, timer, list_cost: 0, on_progress };
        Box::pin(async move {
            let results = polling.run().instrument(span.clone()).await;
            record_results(&span, &results);
            results
        })
    }
}

impl fmt::Debug for WaitForJobs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForJobs").field("jobs", &self.ids.len()).finish_non_exhaustive()
    }
}

struct Polling<'a> {
    pipeline: Arc<Pipeline>,
    observations: BTreeMap<String, Observation>,
    timer: PollTimer,
    /// Requests that the last round took which began with the list.
    list_cost: usize,
    on_progress: Option<OnProgress<'a>>,
}

impl Polling<'_> {
    async fn run(mut self) -> BTreeMap<String, Result<JobResponse, Error>> {
        loop {
            let mut pending = self.pending();
            if pending.len() > self.list_cost {
                self.poll_by_list(&mut pending).await;
            }
            for id in &pending {
                if self.timer.is_expired() {
                    break;
                }
                let result = read_job(&self.pipeline, id).await;
                self.record(id, result);
            }
            let now = self.pipeline.hub_time();
            let waiting = self.observations.values().filter(|job| !job.is_final());
            let next_end = self.time_to_end();
            match waiting.map(|job| job.time_to_start(now)).min() {
                Some(next_start) if self.timer.sleep(next_start, next_end).await => {}
                _ => break,
            }
        }
        self.observations.into_iter().map(|(id, job)| (id.clone(), job.into_result(id))).collect()
    }

    /// Returns the time until the first of the jobs is expected to end.
    fn time_to_end(&self) -> Option<Duration> {
        let pending = self.observations.iter().filter(|(_, job)| !job.is_final());
        let times = pending.filter_map(|(id, job)| {
            job.time_to_end().or_else(|| self.pipeline.time_to_end(id, job.devices_left()))
        });
        times.filter(|time| !time.is_zero()).min()
    }

    fn pending(&self) -> BTreeSet<String> {
        self.observations.iter().filter(|(_, job)| !job.is_final()).map(|(id, _)| id.clone()).collect()
    }

    /// Polls the `pending` jobs by listing, and removes those that the list shows. Stops as soon as polling
    /// each remaining job is cheaper.
    async fn poll_by_list(&mut self, pending: &mut BTreeSet<String>) {
        let most = pending.len();
        let mut pages = pin!(Pager::of_jobs(self.pipeline.clone(), JobFilter::default()).pages());
        let mut count = 0;
        while count < most && !pending.is_empty() && (count == 0 || !self.timer.is_expired()) {
            let page = match pages.try_next().await {
                Ok(Some(page)) => page,
                // A failed listing is not fatal: jobs are then polled individually. After a transient failure
                // the cost of a list is as unknown as before.
                Err(error) if error.is_retryable() => return,
                Ok(None) | Err(_) => break,
            };
            count += 1;
            for job in page.items {
                if let Some(id) = job.job_id.clone().filter(|id| pending.remove(id)) {
                    record_state(&self.pipeline, &id, &job);
                    self.record(&id, Ok(job));
                }
            }
        }
        self.list_cost = count + pending.len();
    }

    fn record(&mut self, id: &str, result: Result<JobResponse, Error>) {
        let Some(observation) = self.observations.get_mut(id) else { return };
        if observation.add(result)
            && let (Some(job), Some(on_progress)) = (observation.current(), &mut self.on_progress)
        {
            on_progress(job);
        }
    }
}
