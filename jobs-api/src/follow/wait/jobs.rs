//! Waiting for many jobs at the cost of pages instead of jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::RangeInclusive;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::stream::StreamExt as _;
use tracing::Instrument as _;

use super::observation::{FAILED_POLLS, Observation};
use super::polling::Polling;
use super::settings::{OnProgress, Settings, wait_setters};
use super::span::{record_results, wait_span};
use crate::client::Client;
use crate::error::Error;
use crate::generated::types::JobResponse;
use crate::jobs::outcome::JobOutcome;
use crate::jobs::pager::Page;
use crate::jobs::query::JobFilter;

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
    client: Client,
    ids: BTreeSet<String>,
    settings: Settings,
    on_progress: Option<OnProgress<'a>>,
}

impl<'a> WaitForJobs<'a> {
    pub(in crate::follow) fn new(client: Client, ids: BTreeSet<String>) -> Self {
        Self { client, ids, settings: Settings::default(), on_progress: None }
    }

    wait_setters!('a);
}

impl<'a> IntoFuture for WaitForJobs<'a> {
    type Output = BTreeMap<String, Result<JobResponse, Error>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { client, ids, settings, on_progress } = self;
        let span = wait_span(client.host_name(), "wait_for_jobs", None, ids.len());
        let polling = Polling::start(client, ids, &settings, on_progress);
        let rounds = Rounds { polling, list_cost: 0, failed_lists: 0 };
        Box::pin(async move {
            let results = rounds.run().instrument(span.clone()).await;
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

/// The rounds of a wait: in each, every job that has not ended is polled.
struct Rounds<'a> {
    polling: Polling<'a>,
    /// Requests of the last round that began with the list.
    list_cost: usize,
    /// Consecutive rounds whose list failed, wholly or in part.
    failed_lists: u32,
}

impl Rounds<'_> {
    async fn run(mut self) -> BTreeMap<String, Result<JobResponse, Error>> {
        while self.polling.sleep().await {
            let mut pending = self.polling.pending();
            if pending.len() > self.list_cost {
                self.poll_by_list(&mut pending).await;
            }
            for id in &pending {
                if self.polling.is_expired() {
                    break;
                }
                self.polling.poll(id).await;
            }
        }
        self.polling.into_results()
    }

    /// Polls the `pending` jobs by listing, and removes those that are not to be polled individually. Stops as soon
    /// as polling each remaining job is cheaper.
    async fn poll_by_list(&mut self, pending: &mut BTreeSet<String>) {
        let most = pending.len();
        let list = self.polling.client.query_scheduled_jobs(JobFilter::default());
        let mut pages = pin!(list.pages());
        let (mut count, mut has_failed) = (0, false);
        while count < most && !pending.is_empty() && !self.polling.is_expired() {
            let Some(page) = pages.next().await else { break };
            (count, self.polling.has_polled) = (count + 1, true);
            match page {
                Ok(page) => self.record_page(page, pending),
                // The stream ends, or continues with the next page.
                Err(_) => has_failed = true,
            }
        }
        if has_failed {
            self.record_failed_list(pending, count);
        } else {
            (self.failed_lists, self.list_cost) = (0, count + pending.len());
        }
    }

    fn record_page(&mut self, page: Page<JobResponse>, pending: &mut BTreeSet<String>) {
        // A job that the list does not show may be shown to a read.
        for job in page.items.into_iter().filter(|job| job.outcome() != JobOutcome::Unknown) {
            if let Some(id) = job.job_id.clone().filter(|id| pending.remove(id)) {
                self.polling.record(&id, Ok(Some(job)));
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
            self.polling.observation(&id).map(Observation::add_failed_poll);
        }
    }
}
