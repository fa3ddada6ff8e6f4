//! Running a batch: its jobs in order, as many at a time as are allowed.

use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use tracing::Instrument as _;

use super::error::BatchError;
use super::request::BatchRequest;
use super::results::Results;
use super::runner::{Prepared, Runner};
use super::trace::BatchTrace;
use crate::client::Client;
use crate::error::Error;
use crate::follow::report::JobReport;
use crate::follow::report::reader::ROWS_TIMEOUT;
use crate::follow::wait::settings::Settings;

/// The jobs in progress by default: twice as many as any hub runs at a time, so that its slots are in use while
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
/// A [list of devices](crate::types::JobRequest::for_devices) may need several jobs, which count separately. Its
/// report sums them up once none of them is waited for. If one has an error, the [`BatchError`]
/// names it with its devices and has the report of the others; repeating the batch creates only what is missing.
///
/// Jobs proceed only while the stream is polled. Dropping it creates no further job; those that were created go
/// on in the hub, and the next batch with the same ids follows them.
///
/// The target `jobs_api::batch` reports the end of each job at INFO, with its outcome and the progress of the
/// batch.
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
    slot_deadline: Duration,
    patience: Duration,
    /// The requests, until the first poll.
    requests: Option<Requests<'a>>,
    results: BatchResults<'a>,
}

type Requests<'a> = BoxStream<'a, (String, BatchRequest)>;
type BatchResults<'a> = BoxStream<'a, (String, Result<JobReport, BatchError>)>;

impl<'a> RunJobs<'a> {
    pub(in crate::follow) fn new(client: Client, requests: Requests<'a>) -> Self {
        let settings = Settings::default();
        let runner = Runner { client, concurrency: CONCURRENCY, settings, rows_timeout: ROWS_TIMEOUT };
        Self {
            runner,
            slot_deadline: SLOT_DEADLINE,
            patience: PATIENCE,
            requests: Some(requests),
            results: stream::empty().boxed(),
        }
    }

    /// Sets how many jobs are in progress at a time, 20 by default: they wait for a slot, run in the hub, or
    /// their reports are read. Zero means one.
    ///
    /// A job that starts later is in progress until its end.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.runner.concurrency = jobs.max(1);
        self
    }

    /// Sets how long a job waits for its slot and the rate limit, unlimited by default. It then ends with an error for which
    /// [`Error::is_job_slot_busy`] or [`Error::is_throttled`] returns true.
    pub fn slot_deadline(mut self, slot_deadline: Duration) -> Self {
        self.slot_deadline = slot_deadline.min(SLOT_DEADLINE);
        self
    }

    /// Sets how long each call of the batch waits while the hub or the token endpoint is unreachable, 4 hours by
    /// default. After that the job has the error of the last attempt.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Limits the wait for the end of each job, once the job exists; unlimited by default. After this time the batch
    /// reads the report as it is, with the outcome [`Pending`](crate::JobOutcome::Pending), and the next job takes
    /// its place. The job goes on in the hub, and keeps its slot there.
    ///
    /// For a job that starts later, the limit includes the time until then.
    pub fn wait_timeout(mut self, timeout: Duration) -> Self {
        self.runner.settings.timeout = Some(timeout);
        self
    }

    /// Sets how long the hub may not know a job that was created before its error is
    /// [not found](Error::is_not_found): 30 seconds by default. The job is in progress meanwhile.
    pub fn not_found_after(mut self, time: Duration) -> Self {
        self.runner.settings.not_found_after = time;
        self
    }

    /// Limits the wait of each report for rows that lag behind the job or cannot be read, 30 seconds by default: see
    /// [`JobReport`].
    pub fn rows_timeout(mut self, timeout: Duration) -> Self {
        self.runner.rows_timeout = timeout;
        self
    }

    /// Sets the shortest and the longest time between two polls of a job; half a second and 10 seconds by
    /// default.
    pub fn poll_intervals(mut self, intervals: RangeInclusive<Duration>) -> Self {
        self.runner.settings.intervals = intervals;
        self
    }

    /// Starts to run the requests.
    fn start(&self, requests: Requests<'a>) -> BatchResults<'a> {
        let mut runner = self.runner.clone();
        let retry = runner.client.retry_policy().with_slot_deadline(self.slot_deadline);
        runner.client = runner.client.with_retry(retry.with_patience(self.patience));
        let concurrency = runner.concurrency;
        let trace = Arc::new(BatchTrace::start(runner.client.host_name()));
        let jobs = prepare_all(requests, runner.clone(), trace.clone());
        let (job_trace, request_trace) = (trace.clone(), trace.clone());
        let end = stream::once(async move { trace.end() }).filter_map(|()| future::ready(None));
        let runs = jobs.map(move |(origin, index, job)| {
            let (runner, trace) = (runner.clone(), job_trace.clone());
            async move {
                let result = runner.run(&trace, job).await;
                (origin, index, result)
            }
        });
        let mut results = Results::default();
        let results = runs.buffer_unordered(concurrency).filter_map(move |(origin, index, result)| {
            let result = results.add(origin, index, result);
            if let Some((_, result)) = &result {
                request_trace.record_result(result);
            }
            future::ready(result)
        });
        results.chain(end).boxed()
    }
}

/// Returns the jobs of the requests, each request when its first job is due.
fn prepare_all<'a>(
    requests: Requests<'a>,
    runner: Runner,
    trace: Arc<BatchTrace>,
) -> impl Stream<Item = Prepared> + Send + 'a {
    let mut lists = HashSet::new();
    let jobs = requests.enumerate().then(move |(number, (id, request))| {
        let (runner, trace) = (runner.clone(), trace.clone());
        let is_repeated = request.has_list() && !lists.insert(id.clone());
        let request = match is_repeated {
            true => Err(Error::invalid_request("jobId", "must not be that of another list of the batch")),
            false => Ok(request),
        };
        let span = trace.span().clone();
        async move {
            let jobs = runner.prepare(number, id, request).instrument(span).await;
            trace.record_request(jobs.len());
            stream::iter(jobs)
        }
    });
    jobs.flatten()
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
        let Self { runner, slot_deadline, patience, .. } = self;
        f.debug_struct("RunJobs")
            .field("concurrency", &runner.concurrency)
            .field("slot_deadline", slot_deadline)
            .field("patience", patience)
            .field("wait_timeout", &runner.settings.timeout)
            .finish_non_exhaustive()
    }
}
