//! Running a batch: its jobs in order, as many at a time as are allowed.

use std::fmt;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::ready;
use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};

use super::request::{BatchRequest, Job};
use super::results::{Origin, Results};
use crate::error::Error;
use crate::jobs::ensure::ensure_job;
use crate::jobs::report::JobReport;
use crate::jobs::wait::{INTERVALS, WaitForJob};
use crate::pipeline::Pipeline;
use crate::pipeline::change::First;

/// The jobs in progress by default: twice as many as any hub runs at a time, so that its slots are in use while
/// reports are read.
const CONCURRENCY: usize = 20;
/// The longest wait for a slot by default. It only has to end before timers overflow.
const SLOT_DEADLINE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A batch of jobs: a stream of each job's id and report, in the order in which they end.
///
/// Each job is read first. If it exists, it is followed, or its report is read if it has ended: it is not created
/// again. Otherwise it is created, once the hub has a slot and its rate allows.
///
/// After a crash, repeat the whole batch with the same ids and requests: it goes on where it was. Derive the ids
/// from what the jobs do, such as date and group, and set no start that is computed from the current time. A hub
/// forgets a job 30 days after its end.
///
/// The error of a job, such as an invalid request or an [`Error::JobConflict`], does not end the others. A
/// job that failed, or did on some devices, is no error: see [`JobReport::outcome`].
///
/// A [list of devices](crate::types::JobRequest::for_devices) may take several jobs, which count separately. Its
/// report sums them up when all have ended; if one has an error, that is the result instead, and repeating the
/// batch creates only what is missing.
///
/// Jobs proceed only while the stream is polled. Dropping it creates no further job; those that were created go
/// on in the hub, and the next batch with the same ids follows them.
///
/// ```
/// # async fn example(client: jobs_api::Client) {
/// use futures_util::{StreamExt, stream};
/// use jobs_api::Condition;
/// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
///
/// let requests = ["43", "44", "45"].map(|building| {
///     let condition = Condition::tag("building").eq(building);
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
    concurrency: usize,
    slot_deadline: Duration,
    requests: BoxStream<'a, (String, BatchRequest)>,
    results: Option<BoxStream<'a, (String, Result<JobReport, Error>)>>,
}

/// The way of each job of a batch.
#[derive(Clone)]
struct Runner {
    pipeline: Arc<Pipeline>,
    intervals: RangeInclusive<Duration>,
}

impl<'a> RunJobs<'a> {
    pub(crate) fn new(pipeline: Arc<Pipeline>, requests: BoxStream<'a, (String, BatchRequest)>) -> Self {
        let runner = Runner { pipeline, intervals: INTERVALS };
        Self { runner, concurrency: CONCURRENCY, slot_deadline: SLOT_DEADLINE, requests, results: None }
    }

    /// Sets how many jobs are in progress at a time, 20 by default: they wait for a slot, run in the hub, or
    /// their reports are read. Zero means one.
    ///
    /// A job that starts later is in progress until its end.
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = jobs.max(1);
        self
    }

    /// Sets how long a job waits for its slot and its turn, unlimited by default. After that its error answers
    /// true to [`Error::is_job_slot_busy`] or [`Error::is_throttled`].
    pub fn slot_deadline(mut self, slot_deadline: Duration) -> Self {
        self.slot_deadline = slot_deadline.min(SLOT_DEADLINE);
        self
    }

    /// Sets the shortest and the longest time between two polls of a job; half a second and 10 seconds by
    /// default.
    pub fn poll_intervals(mut self, intervals: RangeInclusive<Duration>) -> Self {
        self.runner.intervals = intervals;
        self
    }

    /// Takes the requests, and returns the stream of results.
    fn start(&mut self) -> BoxStream<'a, (String, Result<JobReport, Error>)> {
        let mut runner = self.runner.clone();
        let retry = runner.pipeline.retry.with_slot_deadline(self.slot_deadline);
        runner.pipeline = Arc::new(Pipeline { retry, ..(*runner.pipeline).clone() });
        let requests = std::mem::replace(&mut self.requests, stream::empty().boxed());
        let jobs = requests.enumerate().flat_map(move |(number, (id, request))| {
            let runner = runner.clone();
            let jobs = runner.jobs(number, id, request);
            stream::iter(jobs).map(move |(origin, index, job)| runner.clone().run(origin, index, job))
        });
        let mut results = Results::default();
        let results = jobs
            .buffer_unordered(self.concurrency)
            .filter_map(move |(origin, index, result)| ready(results.add(origin, index, result)));
        results.boxed()
    }
}

impl Runner {
    /// Returns the jobs of a request with their indices; the error of an invalid request as its only job.
    fn jobs(
        &self,
        number: usize,
        id: String,
        request: BatchRequest,
    ) -> Vec<(Origin, usize, Result<Job, Error>)> {
        let jobs = request.into_jobs(&id).map_err(|error| self.pipeline.refuse("run_jobs", Some(&id), error));
        let jobs: Vec<_> = match jobs {
            Ok(jobs) => jobs.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        let origin = Origin { number, id, jobs: jobs.len() };
        jobs.into_iter().enumerate().map(|(index, job)| (origin.clone(), index, job)).collect()
    }

    async fn run(
        self,
        origin: Origin,
        index: usize,
        job: Result<Job, Error>,
    ) -> (Origin, usize, Result<JobReport, Error>) {
        let result = match job {
            Ok(job) => self.run_job(&job).await,
            Err(error) => Err(error),
        };
        (origin, index, result)
    }

    /// Creates the job unless it exists, waits for its end, and reads its report.
    async fn run_job(&self, job: &Job) -> Result<JobReport, Error> {
        ensure_job(&self.pipeline, &job.id, &job.to_request(), First::Read).await?;
        let wait = WaitForJob::new(self.pipeline.clone(), &job.id).poll_intervals(self.intervals.clone());
        wait.report().await
    }
}

impl Stream for RunJobs<'_> {
    type Item = (String, Result<JobReport, Error>);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.results.is_none() {
            self.results = Some(self.start());
        }
        match &mut self.results {
            Some(results) => results.poll_next_unpin(context),
            None => Poll::Ready(None),
        }
    }
}

impl fmt::Debug for RunJobs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { concurrency, slot_deadline, .. } = self;
        f.debug_struct("RunJobs")
            .field("concurrency", concurrency)
            .field("slot_deadline", slot_deadline)
            .finish_non_exhaustive()
    }
}
