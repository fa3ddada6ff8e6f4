//! Waiting for one job.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tracing::{Instrument as _, Span};

use super::polling::Polling;
use super::settings::{OnProgress, Settings, wait_setters};
use super::span::{record_state, wait_span};
use crate::client::Client;
use crate::error::Error;
use crate::error::telemetry::record_failure;
use crate::follow::report::JobReport;
use crate::follow::report::reader::{Listed, ROWS_TIMEOUT, ReportReader};
use crate::generated::types::{JobResponse, JobStatus};
use crate::limits::is_job_id;

/// Waits for a job to end: await it, read its [`updates`](Self::updates), or its [`report`](Self::report).
///
/// Returns the job when it has completed, failed or been cancelled:
/// [`outcome`](JobResponse::outcome) says which. After the [`timeout`](Self::timeout) it returns the
/// latest state, whose outcome is [`Pending`](crate::JobOutcome::Pending).
///
/// The job is polled when it is expected to end, by its statistics and by how long other jobs ran, and at
/// growing intervals: of half a second to 10 seconds, or as [set](Self::poll_intervals). A job that is scheduled for
/// later is polled every 10 minutes, and a second before its start. The hub does not show a
/// job for some seconds after its creation: the wait goes on while the job is unknown for up to
/// [30 seconds](Self::not_found_after). Answers without a status end it then with the outcome
/// [`Unknown`](crate::JobOutcome::Unknown).
///
/// ```
/// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
/// use std::time::Duration;
///
/// let report = client
///     .wait_for_job("reboot-43")
///     .timeout(Duration::from_secs(600))
///     .on_progress(|job| println!("{:?}", job.counts()))
///     .report()
///     .await?;
/// println!("{}", report.outcome());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// - [`Error::is_not_found`] if the hub does not show the job for [30 seconds](Self::not_found_after), as
///   it never shows an import or export job.
/// - A poll fails in another way that is not [retryable](Error::is_retryable), or five consecutive polls fail, each
///   after its retries.
#[must_use = "the wait does not begin until this is awaited"]
pub struct WaitForJob<'a> {
    client: Client,
    id: String,
    pub(in crate::follow) settings: Settings,
    rows_timeout: Duration,
    on_progress: Option<OnProgress<'a>>,
}

impl<'a> WaitForJob<'a> {
    pub(in crate::follow) fn new(client: Client, id: &str) -> Self {
        let (id, settings) = (id.to_owned(), Settings::default());
        Self { client, id, settings, rows_timeout: ROWS_TIMEOUT, on_progress: None }
    }

    wait_setters!('a);

    /// Limits the wait of a [`report`](Self::report) for rows that lag behind the job or cannot be read, 30 seconds by
    /// default: see [`JobReport`]. Zero reads the rows once.
    pub fn rows_timeout(mut self, timeout: Duration) -> Self {
        self.rows_timeout = timeout;
        self
    }

    /// Waits like the future, then reads the report of the job: its outcome by the devices' answers, and the
    /// failed devices. Rows that lag behind a job which has ended are waited for, up to the
    /// [rows' timeout](Self::rows_timeout).
    ///
    /// # Errors
    ///
    /// Those of the wait, and of reading the rows of the job.
    pub async fn report(self) -> Result<JobReport, Error> {
        self.report_on(Listed::default()).await
    }

    /// Like [`report`](Self::report), for a job on a list of devices.
    pub(in crate::follow) async fn report_on(self, listed: Listed) -> Result<JobReport, Error> {
        let (client, job_id, intervals) =
            (self.client.clone(), self.id.clone(), self.settings.intervals.clone());
        let reader = ReportReader { client, job_id, timeout: self.rows_timeout, intervals, listed };
        reader.read(&self.await?).await
    }

    /// Returns the states of the job as a stream: each that differs from the previous one. It ends after
    /// the final state.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// use std::pin::pin;
    /// use futures_util::TryStreamExt;
    ///
    /// let mut updates = pin!(client.wait_for_job("reboot-43").updates());
    /// while let Some(job) = updates.try_next().await? {
    ///     println!("{:?}", job.counts());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn updates(self) -> impl Stream<Item = Result<JobResponse, Error>> + Send + use<'a> {
        stream::try_unfold(self.start(), |mut wait| async move {
            let state = wait.next_change().await?.cloned();
            Ok(state.map(|state| (state, wait)))
        })
    }

    fn start(self) -> Wait<'a> {
        let Self { client, id, settings, on_progress, .. } = self;
        let span = wait_span(client.host_name(), "wait_for_job", Some(&id), 1);
        let polling = Polling::start(client, [id.clone()], &settings, on_progress);
        Wait { id, polling, span }
    }
}

impl<'a> IntoFuture for WaitForJob<'a> {
    type Output = Result<JobResponse, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let mut wait = self.start();
        Box::pin(async move {
            while wait.next_change().await?.is_some() {}
            let result = wait.polling.into_results().remove(&wait.id);
            result.unwrap_or_else(|| Ok(JobResponse::default()))
        })
    }
}

/// Shows the id only if it is valid: it may be anything, such as a key by mistake.
impl fmt::Debug for WaitForJob<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = Some(&self.id).filter(|id| is_job_id(id));
        f.debug_struct("WaitForJob").field("job_id", &id).finish_non_exhaustive()
    }
}

/// A wait under way.
struct Wait<'a> {
    id: String,
    polling: Polling<'a>,
    span: Span,
}

impl Wait<'_> {
    /// Polls until the job changes, in the span of the wait. Returns `None` once it has ended or the timeout
    /// has passed.
    async fn next_change(&mut self) -> Result<Option<&JobResponse>, Error> {
        let span = self.span.clone();
        let has_changed = self.poll().instrument(span).await;
        let Some(job) = self.polling.observation(&self.id) else { return Ok(None) };
        if has_changed {
            return Ok(job.current());
        }
        match job.take_error() {
            Some(error) => {
                record_failure(&self.span, &error);
                Err(error)
            }
            None => {
                record_state(&self.span, job.current());
                Ok(None)
            }
        }
    }

    /// Polls until the job changes. Returns false if the wait is over instead.
    async fn poll(&mut self) -> bool {
        while self.polling.sleep().await {
            let previous = self.status();
            if self.polling.poll(&self.id).await {
                if self.status() != previous {
                    // Another change may follow soon.
                    self.polling.timer.reset();
                }
                return true;
            }
        }
        false
    }

    fn status(&mut self) -> Option<JobStatus> {
        self.polling.observation(&self.id)?.current()?.status.clone()
    }
}
