//! Waiting for many jobs at the price of pages, not of jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::stream::TryStreamExt as _;

use super::OnProgress;
use super::pace::Pace;
use super::seen::Seen;
use crate::client::Client;
use crate::error::Error;
use crate::pages::JobFilter;
use crate::types::JobResponse;

/// Waits for many jobs: await it.
///
/// Each round lists the hub's jobs, a hundred to a page, for as long as that takes fewer requests than
/// reading each job; what the list does not show is read by itself. Awaiting gives each id its job, ended
/// or as it was seen last when the time was up, or the error that ended its wait, under the same rules as
/// for [`WaitForJob`](crate::WaitForJob). A job for whose first reading there was no time has its id alone,
/// and the outcome [`Unknown`](crate::JobOutcome::Unknown).
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

    /// Gives up waiting after this time, which is no error. For ever when not set. A request that has
    /// begun by then, the first in any case, is finished, however long that takes with its retries.
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
        let watched = ids.into_iter().map(|id| (id, Seen::default())).collect();
        let watch = Watch { client, watched, pace: Pace::begin(timeout), list_cost: 0, on_progress };
        Box::pin(watch.run())
    }
}

impl fmt::Debug for WaitForJobs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForJobs").field("jobs", &self.ids.len()).finish_non_exhaustive()
    }
}

struct Watch<'a> {
    client: Client,
    watched: BTreeMap<String, Seen>,
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
                if self.pace.is_up() {
                    break;
                }
                let answer = self.client.get_scheduled_job(id).await;
                self.note(id, answer);
            }
            let now = self.client.hub_time();
            let waiting = self.watched.values().filter(|job| !job.is_over());
            match waiting.map(|job| job.until_start(now)).min() {
                Some(next_start) if self.pace.wait(next_start).await => {}
                _ => break,
            }
        }
        self.watched.into_iter().map(|(id, job)| (id.clone(), job.into_result(id))).collect()
    }

    fn pending(&self) -> BTreeSet<String> {
        self.watched.iter().filter(|(_, job)| !job.is_over()).map(|(id, _)| id.clone()).collect()
    }

    /// Takes from the list what it shows of the `pending` jobs, and them from the set; gives the number
    /// of pages it took. Ends as soon as reading each job is cheaper.
    async fn look_through_list(&mut self, pending: &mut BTreeSet<String>) -> usize {
        let most = pending.len();
        let mut pages = pin!(self.client.query_scheduled_jobs(JobFilter::default()).pages());
        let mut count = 0;
        while count < most && !pending.is_empty() && (count == 0 || !self.pace.is_up()) {
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
        let Some(seen) = self.watched.get_mut(id) else { return };
        if seen.take(answer)
            && let (Some(job), Some(on_progress)) = (seen.last(), &mut self.on_progress)
        {
            on_progress(job);
        }
    }
}
