//! Waiting for a job to end.
//!
//! A job is polled at a growing interval. A job that is scheduled for later is polled again shortly before
//! its start. Completed, failed and cancelled all end the wait. The hub may not show a job for a while after its
//! creation: only a job that stays unknown is not found.

mod observation;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::time::timeout;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use self::observation::Observation;
use super::poll_timer::PollTimer;
use super::report::JobReport;
use super::report::reader::read_report;
use super::settings::{Settings, shared_setters};
use crate::client::Client;
use crate::error::Error;
use crate::error::telemetry::record_failure;
use crate::generated::types::{JobResponse, JobStatus};
use crate::limits::is_job_id;
use crate::targets::{WAIT, otel_span};

/// A callback that receives each state of a job that differs from the previous one.
type OnProgress<'a> = Box<dyn FnMut(&JobResponse) + Send + 'a>;

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
/// A hub runs at most 10 jobs at a time: to wait for several, join their waits.
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

impl Client {
    /// Waits for a job to end: see [`WaitForJob`].
    pub fn wait_for_job<'a>(&self, id: &str) -> WaitForJob<'a> {
        WaitForJob {
            client: self.clone(),
            id: id.to_owned(),
            settings: Settings::default(),
            on_progress: None,
        }
    }

    /// Reads a job and counts its rows by status, by error and by the devices' answers: see [`JobReport`].
    ///
    /// # Errors
    ///
    /// Those of [`get_scheduled_job`](Self::get_scheduled_job) and
    /// [`query_device_jobs`](Self::query_device_jobs).
    pub async fn job_report(&self, id: &str) -> Result<JobReport, Error> {
        self.wait_for_job(id).timeout(Duration::ZERO).not_found_after(Duration::ZERO).report().await
    }
}

impl<'a> WaitForJob<'a> {
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
        self.report_on(&[]).await
    }

    /// Like [`report`](Self::report), for a job on a list of devices.
    pub(super) async fn report_on(self, listed: &[String]) -> Result<JobReport, Error> {
        let (client, id, settings) = (self.client.clone(), self.id.clone(), self.settings.clone());
        let mut job = self.await?;
        job.job_id.get_or_insert(id);
        read_report(&client, &job, listed, &settings).await
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
        stream::try_unfold(Polling::start(self), |mut polling| async move {
            let state = polling.next_change().await?.cloned();
            Ok(state.map(|state| (state, polling)))
        })
    }
}

impl<'a> IntoFuture for WaitForJob<'a> {
    type Output = Result<JobResponse, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let mut polling = Polling::start(self);
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

/// A wait under way.
struct Polling<'a> {
    wait: WaitForJob<'a>,
    timer: PollTimer,
    observation: Observation,
    /// The first poll, which the timeout does not end, is over.
    has_polled: bool,
    span: Span,
}

impl<'a> Polling<'a> {
    fn start(wait: WaitForJob<'a>) -> Self {
        let timer = PollTimer::start(wait.settings.timeout, &wait.settings.intervals);
        let observation = Observation::new(wait.settings.not_found_after);
        let span = wait_span(wait.client.host_name(), &wait.id);
        Self { wait, timer, observation, has_polled: false, span }
    }

    /// Polls until the job changes, in the span of the wait. Returns `None` once it has ended or the timeout
    /// has passed.
    async fn next_change(&mut self) -> Result<Option<&JobResponse>, Error> {
        let span = self.span.clone();
        if self.poll_until_change().instrument(span).await {
            return Ok(self.observation.current.as_ref());
        }
        if let Some(error) = self.observation.take_error() {
            record_failure(&self.span, &error);
            return Err(error);
        }
        self.span.record("iothub.job_status", self.status().map(JobStatus::as_str));
        Ok(None)
    }

    /// Returns the latest state of the job; its id alone if the hub did not show it.
    fn into_job(self) -> JobResponse {
        let id = Some(self.wait.id);
        self.observation.current.unwrap_or_else(|| JobResponse { job_id: id, ..Default::default() })
    }

    /// Polls until the job changes. Returns false if the wait is over instead.
    async fn poll_until_change(&mut self) -> bool {
        while self.sleep().await {
            let previous = self.status().cloned();
            if self.poll().await {
                if self.status() != previous.as_ref() {
                    // Another change may follow soon.
                    self.timer.reset();
                }
                return true;
            }
        }
        false
    }

    /// Sleeps until the job is to be polled, the first time not at all. Returns false if the wait is over, or the
    /// timeout comes first.
    async fn sleep(&mut self) -> bool {
        let (job, client) = (&self.observation, &self.wait.client);
        if job.is_final || !self.has_polled {
            return !job.is_final;
        }
        let time_to_end = job.current.as_ref().and_then(|job| client.estimate_time_to_end(job));
        self.timer.sleep(job.time_to_start(client.hub_time()), time_to_end).await
    }

    /// Polls the job. Returns true if its state has changed.
    async fn poll(&mut self) -> bool {
        let limit = if self.has_polled { self.timer.remaining() } else { Duration::MAX };
        self.has_polled = true;
        let read = read(&self.wait.client, &self.wait.id, self.observation.ends_if_unknown());
        let Ok(result) = timeout(limit, read).await else { return false };
        let has_changed = self.observation.add(result);
        if let (true, Some(job), Some(on_progress)) =
            (has_changed, self.observation.current.as_ref(), &mut self.wait.on_progress)
        {
            on_progress(job);
        }
        has_changed
    }

    fn status(&self) -> Option<&JobStatus> {
        self.observation.current.as_ref()?.status.as_ref()
    }
}

/// Reads a job. Returns `None` if the hub does not show it, or an error if that ends the wait.
async fn read(client: &Client, id: &str, is_last: bool) -> Result<Option<JobResponse>, Error> {
    if is_last { client.get_scheduled_job(id).await.map(Some) } else { client.find_scheduled_job(id).await }
}

/// Makes the span of a wait: a child of the current one.
fn wait_span(hub: &str, job_id: &str) -> Span {
    otel_span!(
        WAIT,
        "iothub_wait",
        "wait_for_job",
        "internal",
        iothub.hub = hub,
        // An invalid id may be anything, such as a key by mistake.
        iothub.job_id = Some(job_id).filter(|id| is_job_id(id)),
        iothub.job_status = Empty,
    )
}
