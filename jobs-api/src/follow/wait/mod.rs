//! Waiting for a job to end.
//!
//! A job is polled at a growing interval. A job that is scheduled for later is polled again shortly before
//! its start. Completed, failed and cancelled all end the wait. The hub may not show a job for a while after its
//! creation: only a job that stays unknown is not found.

mod observation;
mod polling;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, Stream};

use self::polling::{OnProgress, Polling};
use super::report::JobReport;
use super::report::reader::{Listed, ReportReader};
use super::settings::{Settings, shared_setters};
use crate::client::Client;
use crate::error::Error;
use crate::generated::types::JobResponse;
use crate::limits::is_job_id;

/// Waits for a job to end: await it, read its [`updates`](Self::updates), or its [`report`](Self::report).
///
/// Returns the job when it has completed, failed or been cancelled:
/// [`outcome`](JobResponse::outcome) says which. After the [`timeout`](Self::timeout) it returns the
/// latest state, whose outcome is [`Pending`](crate::JobOutcome::Pending).
///
/// The job is polled when it is [expected to end](Client::estimate_time_to_end), and at
/// growing intervals: of half a second to 10 seconds, or as [set](Self::poll_intervals). A job that is scheduled for
/// later is polled every 10 minutes, and a second before its start. The hub does not show a
/// job for some seconds after its creation: the wait goes on while the job is unknown for up to
/// [30 seconds](Self::not_found_after). Answers without a status end it then with the outcome
/// [`Unknown`](crate::JobOutcome::Unknown).
///
/// A hub has at most 10 jobs that have not ended, so waits for several jobs need no list: join them.
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
    pub(super) settings: Settings,
    on_progress: Option<OnProgress<'a>>,
}

impl<'a> WaitForJob<'a> {
    pub(super) fn new(client: Client, id: &str) -> Self {
        Self { client, id: id.to_owned(), settings: Settings::default(), on_progress: None }
    }

    shared_setters!(settings);

    /// Ends the wait after this time, which is not an error; unlimited by default. The first request is
    /// always completed, retries included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Some(timeout);
        self
    }

    /// Calls this with each state of the job that differs from the previous one, the first and the last
    /// included.
    pub fn on_progress(mut self, on_progress: impl FnMut(&JobResponse) + Send + 'a) -> Self {
        self.on_progress = Some(Box::new(on_progress));
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
        self.report_on(&Listed::default()).await
    }

    /// Like [`report`](Self::report), for a job on a list of devices.
    pub(super) async fn report_on(self, listed: &Listed) -> Result<JobReport, Error> {
        let (client, job_id, settings) = (self.client.clone(), self.id.clone(), self.settings.clone());
        let job = self.await?;
        ReportReader { client, job_id, settings, listed }.read(&job).await
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
        stream::try_unfold(self.start(), |mut polling| async move {
            let state = polling.next_change().await?.cloned();
            Ok(state.map(|state| (state, polling)))
        })
    }

    fn start(self) -> Polling<'a> {
        Polling::start(self.client, self.id, &self.settings, self.on_progress)
    }
}

impl<'a> IntoFuture for WaitForJob<'a> {
    type Output = Result<JobResponse, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let mut polling = self.start();
        Box::pin(async move {
            while polling.next_change().await?.is_some() {}
            Ok(polling.into_job())
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
