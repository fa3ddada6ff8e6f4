//! Waiting for jobs to end.
//!
//! A job is polled at an interval that starts short and grows; one that is scheduled for later is left
//! alone until shortly before its start. Completed, failed and cancelled end the wait alike.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, Stream, TryStreamExt as _};
use tokio::time::{Instant, sleep, timeout};

use crate::Timestamp;
use crate::client::Client;
use crate::error::Error;
use crate::outcome::JobOutcome;
use crate::types::{JobResponse, JobStatus};

/// The first interval between two polls, and the longest: a hub allows 100 job operations a minute.
const INTERVAL: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));
/// How long before the start of a job it is looked at again.
const AHEAD_OF_START: Duration = Duration::from_secs(1);
/// How many polls in a row may fail, each after all of its retries.
pub(crate) const FAILED_POLLS: u32 = 5;
/// How many polls in a row may find a job that the hub does not tell of.
pub(crate) const UNKNOWN_POLLS: u32 = 3;

/// What is called with each state of a job that differs from the one before.
pub(crate) type OnProgress<'a> = Box<dyn FnMut(&JobResponse) + Send + 'a>;

/// Waits for a job: await it, or take its [`states`](Self::states).
///
/// Awaiting gives the job when it has ended, whether completed, failed or cancelled:
/// [`outcome`](JobResponse::outcome) tells which. After the [`timeout`](Self::timeout) it gives the job
/// as it was seen last, whose outcome is [`Pending`](JobOutcome::Pending).
///
/// An import or export job, whose status is `unknown`, is given after three polls.
///
/// # Errors
///
/// The job is not found, or cannot be read five polls in a row, each after its retries.
#[must_use = "nothing is waited for until this is awaited"]
pub struct WaitForJob<'a> {
    poll: Poll,
    on_progress: Option<OnProgress<'a>>,
}

impl<'a> WaitForJob<'a> {
    pub(crate) fn new(client: Client, id: &str) -> Self {
        Self { poll: Poll::new(client, id), on_progress: None }
    }

    /// Gives up waiting after this time, which is no error. For ever when not set. The job is read
    /// once in any case, however long that takes with its retries.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.poll.pace.timeout = Some(timeout);
        self
    }

    /// Calls this with each state that differs from the one before, the first and the last included.
    pub fn on_progress(mut self, on_progress: impl FnMut(&JobResponse) + Send + 'a) -> Self {
        self.on_progress = Some(Box::new(on_progress));
        self
    }

    /// The states of the job, each that differs from the one before; ends after the final one.
    pub fn states(self) -> impl Stream<Item = Result<JobResponse, Error>> + Send + use<'a> {
        let mut on_progress = self.on_progress;
        let changes = stream::try_unfold(self.poll, |mut poll| async move {
            let state = poll.next_change().await?;
            Ok(state.map(|state| (state, poll)))
        });
        changes.inspect_ok(move |job| {
            if let Some(on_progress) = &mut on_progress {
                on_progress(job);
            }
        })
    }
}

impl<'a> IntoFuture for WaitForJob<'a> {
    type Output = Result<JobResponse, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let id = self.poll.id.clone();
            let last = self.states().try_fold(None, |_, state| async move { Ok(Some(state)) }).await?;
            // There is a first state, or an error in its place.
            Ok(last.unwrap_or_else(|| JobResponse { job_id: Some(id), ..JobResponse::default() }))
        })
    }
}

impl fmt::Debug for WaitForJob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForJob").field("job_id", &self.poll.id).finish_non_exhaustive()
    }
}

/// When to poll next.
#[derive(Debug)]
pub(crate) struct Pace {
    begun: Option<Instant>,
    timeout: Option<Duration>,
    interval: Duration,
}

impl Pace {
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        Self { begun: None, timeout, interval: INTERVAL.0 }
    }

    /// How long the wait may still go on; it begins with the first call.
    fn remaining(&mut self) -> Duration {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        self.timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(begun.elapsed()))
    }

    /// Waits for the next poll, or for shortly before `start`; false when the time is up before.
    pub(crate) async fn wait(&mut self, start: Option<Duration>) -> bool {
        let wait = self.interval.max(start.unwrap_or_default().saturating_sub(AHEAD_OF_START));
        let remaining = self.remaining();
        sleep(wait.min(remaining)).await;
        self.interval = (self.interval * 3 / 2).min(INTERVAL.1);
        wait < remaining
    }

    /// Something changed: look again soon.
    pub(crate) fn quicken(&mut self) {
        self.interval = INTERVAL.0;
    }
}

/// How long it is until the job starts by the hub's clock, if it is scheduled for later.
pub(crate) fn until_start(job: &JobResponse, now: DateTime<Utc>) -> Option<Duration> {
    let is_ahead = matches!(job.status, Some(JobStatus::Queued | JobStatus::Enqueued | JobStatus::Scheduled));
    let start = job.start_time.as_ref().and_then(Timestamp::to_utc).filter(|_| is_ahead)?;
    (start - now).to_std().ok()
}

/// A wait under way.
struct Poll {
    client: Client,
    id: String,
    pace: Pace,
    last: Option<JobResponse>,
    failed: u32,
    unknown: u32,
    is_over: bool,
}

impl Poll {
    fn new(client: Client, id: &str) -> Self {
        let (id, pace) = (id.to_owned(), Pace::new(None));
        Self { client, id, pace, last: None, failed: 0, unknown: 0, is_over: false }
    }

    /// Polls until the job has changed; none when it has ended before or the time is up.
    async fn next_change(&mut self) -> Result<Option<JobResponse>, Error> {
        self.pace.remaining();
        while !self.is_over {
            if let Some(last) = &self.last
                && !self.pace.wait(until_start(last, self.client.hub_time())).await
            {
                break;
            }
            let read = self.client.get_scheduled_job(&self.id);
            let answer = match &self.last {
                Some(_) => match timeout(self.pace.remaining(), read).await {
                    Ok(answer) => answer,
                    Err(_) => break,
                },
                None => read.await,
            };
            match answer {
                Ok(job) => {
                    self.failed = 0;
                    self.unknown = if job.outcome() == JobOutcome::Unknown { self.unknown + 1 } else { 0 };
                    self.is_over = job.outcome().is_final() || self.unknown >= UNKNOWN_POLLS;
                    if self.last.as_ref().is_none_or(|last| last.status != job.status) {
                        self.pace.quicken();
                    }
                    if self.last.as_ref().is_none_or(|last| is_changed(last, &job)) {
                        self.last = Some(job.clone());
                        return Ok(Some(job));
                    }
                }
                Err(error) if error.is_retryable() && self.failed + 1 < FAILED_POLLS => {
                    self.failed += 1;
                    // With a state to show, the wait before the next poll comes above.
                    if self.last.is_none() && !self.pace.wait(None).await {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Whether two states of a job differ in anything that is modelled.
pub(crate) fn is_changed(before: &JobResponse, after: &JobResponse) -> bool {
    serde_json::to_value(before).ok() != serde_json::to_value(after).ok()
}
