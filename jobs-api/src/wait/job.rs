//! Waiting for one job.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::time::timeout;

use super::OnProgress;
use super::pace::Pace;
use super::seen::Seen;
use crate::client::Client;
use crate::error::Error;
use crate::types::{JobResponse, JobStatus};

/// Waits for a job: await it, or take its [`states`](Self::states).
///
/// Awaiting gives the job when it has ended, whether completed, failed or cancelled:
/// [`outcome`](JobResponse::outcome) tells which. After the [`timeout`](Self::timeout) it gives the job
/// as it was seen last, whose outcome is [`Pending`](crate::JobOutcome::Pending).
///
/// The job is read at intervals that grow from half a second to 10 seconds. One that is scheduled for
/// later is not read until a second before its start: should it be cancelled meanwhile, that is seen
/// then. An import or export job, whose status is `unknown`, is given after three polls.
///
/// # Errors
///
/// A poll fails in a way that does not pass, such as a job that is not found; or five polls in a row fail,
/// each after its retries, in a way that may pass ([`Error::is_retryable`]).
#[must_use = "nothing is waited for until this is awaited"]
pub struct WaitForJob<'a> {
    client: Client,
    id: String,
    timeout: Option<Duration>,
    on_progress: Option<OnProgress<'a>>,
}

impl<'a> WaitForJob<'a> {
    pub(crate) fn new(client: Client, id: &str) -> Self {
        Self { client, id: id.to_owned(), timeout: None, on_progress: None }
    }

    /// Gives up waiting after this time, which is no error. For ever when not set. The job is read
    /// once in any case, however long that takes with its retries.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Calls this with each state that differs from the one before, the first and the last included.
    pub fn on_progress(mut self, on_progress: impl FnMut(&JobResponse) + Send + 'a) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }

    /// The states of the job, each that differs from the one before; ends after the final one.
    pub fn states(self) -> impl Stream<Item = Result<JobResponse, Error>> + Send + use<'a> {
        stream::try_unfold(self.begin(), |mut watch| async move {
            let state = watch.next_change().await?.cloned();
            Ok(state.map(|state| (state, watch)))
        })
    }

    fn begin(self) -> Watch<'a> {
        let Self { client, id, timeout, on_progress } = self;
        let pace = Pace::begin(timeout);
        Watch { client, id, pace, seen: Seen::default(), is_polled: false, on_progress }
    }
}

impl<'a> IntoFuture for WaitForJob<'a> {
    type Output = Result<JobResponse, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let mut watch = self.begin();
        Box::pin(async move {
            while watch.next_change().await?.is_some() {}
            watch.seen.into_result(watch.id)
        })
    }
}

impl fmt::Debug for WaitForJob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForJob").field("job_id", &self.id).finish_non_exhaustive()
    }
}

/// A wait under way.
struct Watch<'a> {
    client: Client,
    id: String,
    pace: Pace,
    seen: Seen,
    is_polled: bool,
    on_progress: Option<OnProgress<'a>>,
}

impl Watch<'_> {
    /// Polls until the job has changed; none when it has ended before or the time is up.
    async fn next_change(&mut self) -> Result<Option<&JobResponse>, Error> {
        while !self.seen.is_over() {
            let until_start = self.seen.until_start(self.client.hub_time());
            if self.is_polled && !self.pace.wait(until_start).await {
                break;
            }
            self.is_polled = true;
            let read = self.client.get_scheduled_job(&self.id);
            let answer = match self.seen.last() {
                Some(_) => match timeout(self.pace.remaining(), read).await {
                    Ok(answer) => answer,
                    Err(_) => break,
                },
                None => read.await,
            };
            let status = self.seen.last().and_then(|job| job.status.clone());
            if self.seen.take(answer) {
                return Ok(self.changed_from(status));
            }
        }
        self.seen.take_error().map_or(Ok(None), Err)
    }

    /// Tells of the state that the job is in now.
    fn changed_from(&mut self, status: Option<JobStatus>) -> Option<&JobResponse> {
        let job = self.seen.last()?;
        if job.status != status {
            self.pace.quicken();
        }
        if let Some(on_progress) = &mut self.on_progress {
            on_progress(job);
        }
        Some(job)
    }
}
