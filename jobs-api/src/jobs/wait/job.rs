//! Waiting for one job.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::time::timeout;
use tracing::{Instrument as _, Span};

use super::observation::{NOT_FOUND_AFTER, Observation, OnProgress};
use super::span::{record_state, wait_span};
use crate::error::Error;
use crate::generated::types::{JobResponse, JobStatus};
use crate::jobs::poll_timer::{INTERVALS, PollTimer};
use crate::jobs::read::read_job;
use crate::jobs::report::JobReport;
use crate::jobs::report::reader::{Listed, ROWS_TIMEOUT, ReportReader};
use crate::limits::is_job_id;
use crate::pipeline::Pipeline;
use crate::pipeline::telemetry::failure::record_failure;

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
/// [30 seconds](Self::not_found_after).
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
    pipeline: Arc<Pipeline>,
    id: String,
    timeout: Option<Duration>,
    intervals: RangeInclusive<Duration>,
    not_found_after: Duration,
    rows_timeout: Duration,
    listed: Listed,
    on_progress: Option<OnProgress<'a>>,
}

impl<'a> WaitForJob<'a> {
    pub(crate) fn new(pipeline: Arc<Pipeline>, id: &str) -> Self {
        Self {
            pipeline,
            id: id.to_owned(),
            timeout: None,
            intervals: INTERVALS,
            not_found_after: NOT_FOUND_AFTER,
            rows_timeout: ROWS_TIMEOUT,
            listed: Listed::default(),
            on_progress: None,
        }
    }

    /// Ends the wait after this time, which is not an error; unlimited by default. The first poll is
    /// always completed, retries included.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the shortest and the longest time between two polls; half a second and 10 seconds by default.
    pub fn poll_intervals(mut self, intervals: RangeInclusive<Duration>) -> Self {
        self.intervals = intervals;
        self
    }

    /// Sets how long the hub may not know the job before the wait ends with [`Error::is_not_found`]: 30 seconds by
    /// default. Zero ends it at the first poll that does not show the job.
    pub fn not_found_after(mut self, time: Duration) -> Self {
        self.not_found_after = time;
        self
    }

    /// Limits the wait of a [`report`](Self::report) for rows that lag behind the job, 30 seconds by default: see
    /// [`JobReport`]. Zero reads the rows once.
    pub fn rows_timeout(mut self, timeout: Duration) -> Self {
        self.rows_timeout = timeout;
        self
    }

    /// Reports the devices of a list that have no row.
    pub(in crate::jobs) fn listed(mut self, listed: Listed) -> Self {
        self.listed = listed;
        self
    }

    /// Calls this with each state that differs from the previous one, the first and the last included.
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
    pub async fn report(mut self) -> Result<JobReport, Error> {
        let (pipeline, id, intervals) = (self.pipeline.clone(), self.id.clone(), self.intervals.clone());
        let listed = std::mem::take(&mut self.listed);
        let reader = ReportReader { timeout: self.rows_timeout, intervals, listed };
        let job = self.await?;
        reader.read(&pipeline, &id, &job).await
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
        let Self { pipeline, id, timeout, intervals, not_found_after, on_progress, .. } = self;
        let timer = PollTimer::start(timeout, &intervals);
        let span = wait_span(&pipeline.host_name, "wait_for_job", Some(&id), 1);
        let observation = Observation::new(not_found_after);
        Polling { pipeline, id, timer, observation, has_polled: false, on_progress, span }
    }
}

impl<'a> IntoFuture for WaitForJob<'a> {
    type Output = Result<JobResponse, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let mut polling = self.start();
        Box::pin(async move {
            while polling.next_change().await?.is_some() {}
            polling.observation.into_result(polling.id)
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
    pipeline: Arc<Pipeline>,
    id: String,
    timer: PollTimer,
    observation: Observation,
    has_polled: bool,
    on_progress: Option<OnProgress<'a>>,
    span: Span,
}

impl Polling<'_> {
    /// Polls until the job changes, in the span of the wait. Returns `None` once it has ended or the timeout
    /// has passed.
    async fn next_change(&mut self) -> Result<Option<&JobResponse>, Error> {
        let span = self.span.clone();
        if self.poll().instrument(span).await {
            return Ok(self.observation.current());
        }
        match self.observation.take_error() {
            Some(error) => {
                record_failure(&self.span, &error);
                Err(error)
            }
            None => {
                record_state(&self.span, self.observation.current());
                Ok(None)
            }
        }
    }

    /// Polls until the job changes. Returns false if the wait is over instead.
    async fn poll(&mut self) -> bool {
        while !self.observation.is_final() {
            let time_to_start = self.observation.time_to_start(self.pipeline.hub_time());
            if self.has_polled && !self.timer.sleep(time_to_start, self.time_to_end()).await {
                break;
            }
            let limit = if self.has_polled { self.timer.remaining() } else { Duration::MAX };
            self.has_polled = true;
            let Ok(result) = timeout(limit, read_job(&self.pipeline, &self.id)).await else { break };
            let previous_status = self.observation.current().and_then(|job| job.status.clone());
            if self.observation.add(result) {
                self.report_change(previous_status);
                return true;
            }
        }
        false
    }

    fn time_to_end(&self) -> Option<Duration> {
        let known = self.observation.time_to_end();
        known.or_else(|| self.pipeline.time_to_end(&self.id, self.observation.devices_left()))
    }

    /// Reports the current state, which differs from the previous one.
    fn report_change(&mut self, previous_status: Option<JobStatus>) {
        let Some(job) = self.observation.current() else { return };
        if job.status != previous_status {
            self.timer.reset();
        }
        if let Some(on_progress) = &mut self.on_progress {
            on_progress(job);
        }
    }
}
