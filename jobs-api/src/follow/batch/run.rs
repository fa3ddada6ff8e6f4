//! Running a batch: its requests in order, as many at a time as are allowed.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::{self, join_all};
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};

use super::error::BatchError;
use super::progress::{BatchProgress, stream_progress};
use super::request::BatchRequest;
use super::runner::Runner;
use super::trace::{BatchEnd, BatchTrace};
use crate::client::Client;
use crate::error::Error;
use crate::follow::poll_timer::PollTimer;
use crate::follow::report::JobReport;
use crate::follow::settings::{Settings, shared_setters};
use crate::generated::types::JobResponse;

/// The requests in progress by default: twice as many as any hub runs at a time, so that its slots are in use while
/// reports are read.
const CONCURRENCY: usize = 20;
/// The longest wait for a slot by default. It only has to end before timers overflow.
const SLOT_DEADLINE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How long a batch waits for a hub that is unreachable by default.
const PATIENCE: Duration = Duration::from_secs(4 * 60 * 60);

/// A batch of jobs: a stream of each job's id and report, in the order in which they end.
///
/// Each job is read first. If it exists, it is followed, or its report is read if it has ended: it is not created
/// again. Otherwise it is created, once the hub has a slot and its rate allows.
///
/// After a crash, repeat the whole batch with the same ids and requests: it goes on where it was. Derive the ids
/// from what the jobs do, such as date and group, and set no start that is computed from the current time. A hub
/// forgets a job 30 days after its end.
///
/// An outage loses no job: while the hub or the token endpoint is unreachable, the batch waits, for 4 hours or as
/// [set](Self::patience), and probes it once in 30 seconds. The target `jobs_api::pacing` reports the begin and the end
/// at WARN.
///
/// The error of a job, such as an invalid request or an [`Error::JobConflict`], does not end the others. A
/// job that failed, or did on some devices, is no error: see [`JobReport::outcome`].
///
/// A [list of devices](crate::types::JobRequest::for_devices) may need several jobs. Its
/// report sums them up once none of them is waited for. If one has an error, the [`BatchError`]
/// names it with its devices and has the report of the others; repeating the batch creates only what is missing.
///
/// Jobs proceed only while the stream is polled. Dropping it creates no further job; those that were created go
/// on in the hub, and the next batch with the same ids follows them.
///
/// The target `jobs_api::batch` reports at INFO the start of the batch, the jobs that exist already, the end of each
/// job with its outcome and the progress of the batch, and the sums at its end. [`progress`](Self::progress) returns
/// them as a stream, and [`stop`](Self::stop) ends the batch early.
///
/// ```
/// # async fn example(client: jobs_api::Client) {
/// use futures_util::{StreamExt, stream};
/// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
///
/// let requests = ["43", "44", "45"].map(|building| {
///     let condition = format!("tags.building = '{building}'");
///     let request = JobRequest::device_method(CloudToDeviceMethod::new("reboot"), condition);
///     (format!("reboot-2026-11-25-{building}"), request)
/// });
/// let mut results = client.run_jobs(stream::iter(requests));
/// while let Some((id, result)) = results.next().await {
///     match result {
///         Ok(report) => println!("{id}: {}", report.outcome()),
///         Err(error) => println!("{id}: {error}"),
///     }
/// }
/// # }
/// ```
#[must_use = "a batch does nothing until it is polled"]
pub struct RunJobs<'a> {
    runner: Runner,
    /// The requests, until the first poll.
    requests: Option<Requests<'a>>,
    results: BatchResults<'a>,
}

type Requests<'a> = BoxStream<'a, (String, BatchRequest)>;
type BatchResults<'a> = BoxStream<'a, (String, Result<JobReport, BatchError>)>;

impl<'a> RunJobs<'a> {
    pub(in crate::follow) fn new(client: Client, requests: Requests<'a>) -> Self {
        let retry = client.retry_policy().with_slot_deadline(SLOT_DEADLINE).with_patience(PATIENCE);
        let runner = Runner {
            client: client.with_retry(retry),
            settings: Settings::default(),
            concurrency: CONCURRENCY,
            trace: BatchTrace::new(),
        };
        Self { runner, requests: Some(requests), results: stream::empty().boxed() }
    }

    shared_setters!(runner.settings);

    /// Sets how many requests are in progress at a time, and how many jobs of each list of devices, 20 by default:
    /// they wait for a slot, run in the hub, or their reports are read. Zero means one.
    ///
    /// A job that starts later is in progress until its end.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.runner.concurrency = jobs.max(1);
        self
    }

    /// Sets how long a job waits for its slot and the rate limit, unlimited by default. It then ends with an error for which
    /// [`Error::is_job_slot_busy`] or [`Error::is_throttled`] returns true.
    pub fn slot_deadline(mut self, slot_deadline: Duration) -> Self {
        let retry = self.runner.client.retry_policy().with_slot_deadline(slot_deadline.min(SLOT_DEADLINE));
        self.runner.client = self.runner.client.with_retry(retry);
        self
    }

    /// Sets how long each call of the batch waits while the hub or the token endpoint is unreachable, 4 hours by
    /// default. After that the job has the error of the last attempt.
    pub fn patience(mut self, patience: Duration) -> Self {
        let retry = self.runner.client.retry_policy().with_patience(patience);
        self.runner.client = self.runner.client.with_retry(retry);
        self
    }

    /// Limits the wait for the end of each job, once the job exists; unlimited by default. After this time the batch
    /// reads the report as it is, with the outcome [`Pending`](crate::JobOutcome::Pending), and the next job
    /// begins. The job goes on in the hub, and keeps its slot there.
    ///
    /// For a job that starts later, the limit includes the time until then.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.runner.settings.timeout = Some(timeout);
        self
    }

    /// Returns the progress of the batch as a stream: each state that differs from the previous one, while the batch
    /// itself is polled. It ends with the batch.
    ///
    /// ```
    /// # async fn example<'a>(client: jobs_api::Client, requests: Vec<(String, jobs_api::types::JobRequest)>) {
    /// use futures_util::{StreamExt, future, stream};
    ///
    /// let batch = client.run_jobs(stream::iter(requests));
    /// let show = batch.progress().for_each(|progress| {
    ///     let devices = progress.devices + progress.open_devices_done;
    ///     println!("{} of {} jobs, {devices} devices", progress.jobs_ended, progress.jobs);
    ///     future::ready(())
    /// });
    /// let (results, ()) = future::join(batch.collect::<Vec<_>>(), show).await;
    /// # }
    /// ```
    pub fn progress(&self) -> impl Stream<Item = BatchProgress> + Send + Unpin + use<> {
        stream_progress(&self.runner.trace.state)
    }

    /// Stops the batch: nothing more is created, and each job in progress that the hub has not started is cancelled.
    ///
    /// Returns each job in progress as it was cancelled, or why it was not: [`Error::is_not_cancellable`] if it runs
    /// or has ended meanwhile; [`Error::is_not_found`] if the hub does not show it within
    /// [30 seconds](Self::not_found_after), as it was not created, or only after that time by a request in flight. The
    /// calls have the [patience](Self::patience) of the batch.
    ///
    /// ```
    /// # async fn example(mut batch: jobs_api::RunJobs<'_>) {
    /// use futures_util::StreamExt;
    ///
    /// while let Some((_, result)) = batch.next().await {
    ///     if result.is_err() {
    ///         for (id, result) in batch.stop().await {
    ///             println!("{id}: {}", result.map_or_else(|error| error.to_string(), |_| "cancelled".to_owned()));
    ///         }
    ///         break;
    ///     }
    /// }
    /// # }
    /// ```
    pub async fn stop(mut self) -> BTreeMap<String, Result<JobResponse, Error>> {
        (self.requests, self.results) = (None, stream::empty().boxed());
        let Runner { client, settings, trace, .. } = &self.runner;
        let ids: Vec<String> = trace.state.borrow().open_jobs.keys().cloned().collect();
        let cancels = ids.iter().map(|id| cancel(client, id, settings));
        let results = join_all(cancels).await;
        ids.into_iter().zip(results).collect()
    }

    /// Starts to run the requests.
    fn start(&self, requests: Requests<'a>) -> BatchResults<'a> {
        let mut runner = self.runner.clone();
        runner.trace.start(runner.client.host_name());
        let (concurrency, end) = (runner.concurrency, BatchEnd(runner.trace.clone()));
        let mut lists = HashSet::new();
        let runs = requests.enumerate().map(move |(number, (id, request))| {
            let is_repeated = request.devices.is_some() && !lists.insert(id.clone());
            let request = Some(request).filter(|_| !is_repeated).ok_or_else(repeated_list);
            runner.clone().run(number, id, request)
        });
        let end = stream::once(async move { end.0.state.send_modify(|state| state.has_ended = true) });
        runs.buffer_unordered(concurrency).chain(end.filter_map(|()| future::ready(None))).boxed()
    }
}

fn repeated_list() -> Error {
    Error::invalid_request("jobId", "must not be that of another list of the batch")
}

/// Cancels a job, which the hub may not know yet.
async fn cancel(client: &Client, id: &str, settings: &Settings) -> Result<JobResponse, Error> {
    let mut timer = PollTimer::start(Some(settings.not_found_after), &settings.intervals);
    loop {
        let result = client.cancel_scheduled_job(id).await;
        let is_unknown = result.as_ref().is_err_and(Error::is_not_found);
        if !is_unknown || !timer.sleep(Duration::ZERO, None).await {
            return result;
        }
    }
}

impl Stream for RunJobs<'_> {
    type Item = (String, Result<JobReport, BatchError>);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(requests) = self.requests.take() {
            self.results = self.start(requests);
        }
        let item = ready!(self.results.poll_next_unpin(context));
        if item.is_none() {
            // The span ends now, not when the stream is dropped.
            self.results = stream::empty().boxed();
        }
        Poll::Ready(item)
    }
}

impl fmt::Debug for RunJobs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunJobs").field("concurrency", &self.runner.concurrency).finish_non_exhaustive()
    }
}
