//! Waiting for many jobs at the price of pages, not of jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::stream::TryStreamExt as _;

use crate::client::Client;
use crate::error::Error;
use crate::outcome::JobOutcome;
use crate::pages::JobFilter;
use crate::types::JobResponse;
use crate::wait::{FAILED_POLLS, OnProgress, Pace, UNKNOWN_POLLS, is_changed, until_start};

/// Waits for many jobs: await it.
///
/// Each round lists the hub's jobs, a hundred to a page, for as long as that takes fewer requests than
/// reading each job; what the list does not show is read by itself. Awaiting gives each id with its job,
/// which has ended or was seen so last when the time was up, or with the error that its reading met.
#[must_use = "nothing is waited for until this is awaited"]
pub struct WaitForJobs<'a> {
    client: Client,
    ids: BTreeSet<String>,
    timeout: Option<Duration>,
    on_progress: Option<OnProgress<'a>>,
}

impl<'a> WaitForJobs<'a> {
    pub(crate) fn new(client: Client, ids: BTreeSet<String>) -> Self {
        Self { client, ids, timeout: None, on_progress: None }
    }

    /// Gives up waiting after this time, which is no error. For ever when not set. A round of reading
    /// that has begun by then is finished, however long that takes with its retries.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Calls this with each state of a job that differs from the one before.
    pub fn on_progress(mut self, on_progress: impl FnMut(&JobResponse) + Send + 'a) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }
}

impl<'a> IntoFuture for WaitForJobs<'a> {
    type Output = BTreeMap<String, Result<JobResponse, Error>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, ids, timeout, on_progress } = self;
        let watched = ids.into_iter().map(|id| (id, Watched::default())).collect();
        let watch = Watch { client, watched, pace: Pace::new(timeout), list_cost: 0, on_progress };
        Box::pin(watch.run())
    }
}

impl fmt::Debug for WaitForJobs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForJobs").field("jobs", &self.ids.len()).finish_non_exhaustive()
    }
}

/// A job that is waited for.
#[derive(Default)]
struct Watched {
    last: Option<JobResponse>,
    error: Option<Error>,
    failed: u32,
    unknown: u32,
    is_over: bool,
}

struct Watch<'a> {
    client: Client,
    watched: BTreeMap<String, Watched>,
    pace: Pace,
    /// How many requests the last round took that began with the list.
    list_cost: usize,
    on_progress: Option<OnProgress<'a>>,
}

impl Watch<'_> {
    async fn run(mut self) -> BTreeMap<String, Result<JobResponse, Error>> {
        loop {
            let mut pending = self.pending();
            if pending.len() > self.list_cost {
                let pages = self.look_through_list(&mut pending).await;
                self.list_cost = pages + pending.len();
            }
            for id in &pending {
                let answer = self.client.get_scheduled_job(id).await;
                self.note(id, answer);
            }
            let starts = self.watched.values().filter(|job| !job.is_over);
            let now = self.client.hub_time();
            let starts =
                starts.map(|job| job.last.as_ref().and_then(|job| until_start(job, now)).unwrap_or_default());
            match starts.min() {
                Some(start) if self.pace.wait(Some(start)).await => {}
                _ => break,
            }
        }
        self.watched.into_iter().map(|(id, job)| (id.clone(), job.into_result(id))).collect()
    }

    fn pending(&self) -> BTreeSet<String> {
        self.watched.iter().filter(|(_, job)| !job.is_over).map(|(id, _)| id.clone()).collect()
    }

    /// Takes from the list what it shows of the `pending` jobs, and them from the set; gives the number
    /// of pages it took. Ends as soon as reading each job is cheaper.
    async fn look_through_list(&mut self, pending: &mut BTreeSet<String>) -> usize {
        let most = pending.len();
        let mut pages = pin!(self.client.query_scheduled_jobs(JobFilter::default()).pages());
        let mut count = 0;
        while count < most && !pending.is_empty() {
            // An error of the list is no error of a job: reading each will tell.
            let Ok(Some(page)) = pages.try_next().await else { break };
            count += 1;
            for job in page.items {
                if let Some(id) = job.job_id.clone().filter(|id| pending.remove(id)) {
                    self.note(&id, Ok(job));
                }
            }
        }
        count
    }

    fn note(&mut self, id: &str, answer: Result<JobResponse, Error>) {
        let Some(watched) = self.watched.get_mut(id) else { return };
        match answer {
            Ok(job) => {
                watched.failed = 0;
                watched.unknown = if job.outcome() == JobOutcome::Unknown { watched.unknown + 1 } else { 0 };
                watched.is_over = job.outcome().is_final() || watched.unknown >= UNKNOWN_POLLS;
                if watched.last.as_ref().is_none_or(|last| is_changed(last, &job)) {
                    if let Some(on_progress) = &mut self.on_progress {
                        on_progress(&job);
                    }
                    watched.last = Some(job);
                }
            }
            Err(error) => {
                watched.failed += 1;
                watched.is_over = !error.is_retryable() || watched.failed >= FAILED_POLLS;
                watched.error = Some(error);
            }
        }
    }
}

impl Watched {
    fn into_result(self, id: String) -> Result<JobResponse, Error> {
        match (self.error, self.last) {
            (Some(error), None) => Err(error),
            (Some(error), Some(_)) if self.failed > 0 && self.is_over => Err(error),
            (_, last) => {
                Ok(last.unwrap_or_else(|| JobResponse { job_id: Some(id), ..JobResponse::default() }))
            }
        }
    }
}
