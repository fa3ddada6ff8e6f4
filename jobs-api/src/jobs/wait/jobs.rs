//! Waiting for many jobs at the cost of pages instead of jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::RangeInclusive;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::StreamExt as _;
use tracing::Instrument as _;

use super::observation::{FAILED_POLLS, NOT_FOUND_AFTER, Observation, OnProgress};
use super::span::{record_results, wait_span};
use crate::error::Error;
use crate::generated::types::JobResponse;
use crate::jobs::outcome::JobOutcome;
use crate::jobs::pager::{Page, Pager};
use crate::jobs::poll_timer::{INTERVALS, PollTimer};
use crate::jobs::query::JobFilter;
use crate::jobs::read::{read_job, record_state};
use crate::pipeline::Pipeline;

/// Waits for many jobs to end: await it.
///
/// Each round lists the hub's jobs, a hundred to a page, as long as that takes fewer requests than polling
/// each job; jobs that the list does not show are polled individually. A list that fails, or of which a page
/// cannot be read, is read again in the next round, and counts as a failed poll of each job that it did not show.
/// Returns, for each id, the job in its final or latest state, or the error that ended its wait; the rules are those
/// of [`WaitForJob`](crate::WaitForJob). A job that the timeout left no time to poll, or that the hub does not show
/// yet, has its id alone and the outcome [`Unknown`](crate::JobOutcome::Unknown).
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
    not_found_after: Duration,
    on_progress: Option<OnProgress<'a>>,
}

impl<'a> WaitForJobs<'a> {
    pub(crate) fn new(pipeline: Arc<Pipeline>, ids: BTreeSet<String>) -> Self {
        let (intervals, not_found_after) = (INTERVALS, NOT_FOUND_AFTER);
        Self { pipeline, ids, timeout: None, intervals, not_found_after, on_progress: None }
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

    /// Sets how long the hub may not know a job before its result is [`Error::is_not_found`]: 30 seconds by
    /// default.
    pub fn not_found_after(mut self, time: Duration) -> Self {
        self.not_found_after = time;
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
        let Self { pipeline, ids, timeout, intervals, not_found_after, on_progress } = self;
        let count = ids.len();
        let observations = ids.into_iter().map(|id| (id, Observation::new(not_found_after))).collect();
        let timer = PollTimer::start(timeout, &intervals);
        let span = wait_span(&pipeline.host_name, "wait_for_jobs", None, count);
        let polling = Polling { pipeline, observations, timer, list_cost: 0, failed_lists: 0, on_progress };
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
    /// Consecutive rounds whose list failed, wholly or in part.
    failed_lists: u32,
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

    /// Polls the `pending` jobs by listing, and removes those that are not to be polled individually. Stops as soon as
    /// polling each remaining job is cheaper.
    async fn poll_by_list(&mut self, pending: &mut BTreeSet<String>) {
        let most = pending.len();
        let mut pages = pin!(Pager::of_jobs(self.pipeline.clone(), JobFilter::default()).pages());
        let (mut count, mut has_failed) = (0, false);
        while count < most && !pending.is_empty() && (count == 0 || !self.timer.is_expired()) {
            match pages.next().await {
                None => break,
                Some(Ok(page)) => self.record_page(page, pending),
                // The stream ends, or continues with the next page.
                Some(Err(_)) => has_failed = true,
            }
            count += 1;
        }
        if has_failed {
            self.record_failed_list(pending, count);
        } else {
            (self.failed_lists, self.list_cost) = (0, count + pending.len());
        }
    }

    fn record_page(&mut self, page: Page<JobResponse>, pending: &mut BTreeSet<String>) {
        // The hub may show the state of a job to a read only.
        for job in page.items.into_iter().filter(|job| job.outcome() != JobOutcome::Unknown) {
            if let Some(id) = job.job_id.clone().filter(|id| pending.remove(id)) {
                record_state(&self.pipeline, &id, &job);
                self.record(&id, Ok(job));
            }
        }
    }

    /// Leaves the `pending` jobs, which an incomplete list of `count` pages did not show, to the next round: polling
    /// each is cheap only if they are few. If lists keep failing, they are polled after all.
    fn record_failed_list(&mut self, pending: &mut BTreeSet<String>, count: usize) {
        self.failed_lists += 1;
        if pending.len() <= count || self.failed_lists >= FAILED_POLLS {
            return;
        }
        for id in std::mem::take(pending) {
            if let Some(observation) = self.observations.get_mut(&id) {
                observation.add_failed_poll();
            }
        }
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
