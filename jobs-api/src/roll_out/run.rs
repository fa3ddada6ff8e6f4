//! A run of a plan: a stream of what happens, and the report.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::Stream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::control::RollOutControl;
use super::driver::{Driver, PATIENCE};
use super::event::RollOutEvent;
use super::plan::RollOutPlan;
use super::report::RollOutReport;
use crate::client::Client;
use crate::error::Error;

/// How long rows that lag behind their job are waited for by default.
const ROWS_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a creation waits for a slot before it asks again whether the roll-out has stopped.
const SLOT_DEADLINE: Duration = Duration::from_secs(30);

/// A run of a roll-out: a stream of [events](RollOutEvent), and its [report](Self::report).
///
/// Each job is created once: what exists is followed, and what became of it is read from the hub. The same call therefore
/// resumes a run that ended, crashed or was dropped, and two runs of a plan at once call no device once more than the
/// plan says. A wave starts once the previous one is over, was not stopped, and has soaked.
///
/// Of a wave 10 parts are in progress at a time. They are judged in their order, each once those before it are over, so
/// that every run of the plan comes to the same verdict. A run that resumes reads what has ended before it creates
/// anything.
///
/// A run ends with an error after 4 hours without progress, beyond the time limit of a job: while the hub is
/// unreachable, has no slot, or does not end a job.
///
/// The run proceeds only while it is polled. Dropping it creates nothing more; jobs that exist go on.
///
/// ```
/// # async fn example(client: jobs_api::Client, plan: jobs_api::RollOutPlan) -> Result<(), jobs_api::Error> {
/// use futures_util::StreamExt;
/// use jobs_api::RollOutEvent;
///
/// let mut run = client.roll_out(&plan);
/// while let Some(event) = run.next().await {
///     if let RollOutEvent::WaveEnded { wave, counts, .. } = event {
///         println!("wave {wave}: {} of {} devices", counts.succeeded, counts.devices);
///     }
/// }
/// let report = run.report().await?;
/// for device in report.failed() {
///     println!("{device}");
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a run does nothing until it is polled"]
pub struct RollOutRun<'a> {
    /// Copied when the run is polled first.
    driver: Driver<'a>,
    run: Option<BoxFuture<'a, Result<RollOutReport, Error>>>,
    result: Option<Result<RollOutReport, Error>>,
    events: mpsc::UnboundedReceiver<RollOutEvent>,
}

impl<'a> RollOutRun<'a> {
    fn new(client: Client, plan: &'a RollOutPlan) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let policy = client.retry_policy();
        let patient = policy.with_attempts(u32::MAX).with_deadline(PATIENCE).with_patience(PATIENCE);
        let driver = Driver {
            client: client.with_retry(patient),
            creator: client.with_retry(policy.with_slot_deadline(SLOT_DEADLINE)),
            plan,
            control: RollOutControl::new(),
            events: sender,
            approve: None,
            rows_timeout: ROWS_TIMEOUT,
            progress: Arc::new(watch::Sender::new(Instant::now())),
        };
        Self { driver, run: None, result: None, events }
    }

    /// Asks this before each wave that has no job yet, with its number from 1, after the soak time. False stops the
    /// roll-out.
    pub fn approve<F, Fut>(mut self, approve: F) -> Self
    where
        F: Fn(usize) -> Fut + Send + Sync + 'a,
        Fut: Future<Output = bool> + Send + 'a,
    {
        self.driver.approve = Some(Arc::new(move |wave| approve(wave).boxed()));
        self
    }

    /// Sets how long after the end of a job its rows may come, 30 seconds by default. Devices without a result by then
    /// count as [without a row](crate::FailureKind::NoRow).
    pub fn rows_timeout(mut self, timeout: Duration) -> Self {
        self.driver.rows_timeout = timeout;
        self
    }

    /// Returns a handle that pauses, hurries or stops the run.
    pub fn control(&self) -> RollOutControl {
        self.driver.control.clone()
    }

    /// Runs the plan to its end, or to a stop, which is no error. Returns the report of all waves, earlier runs
    /// included.
    ///
    /// # Errors
    ///
    /// Those of the calls, after 4 hours if they can be repeated; [`Error::JobConflict`] if a job of the plan's
    /// ids exists that is not of the plan; [`Error::JobOverdue`]; [`Error::InvalidRequest`] for a plan that is 30 days
    /// old, since the hub may have forgotten its first jobs. After an error nothing more is created: run the plan again
    /// to go on where it was.
    pub async fn report(self) -> Result<RollOutReport, Error> {
        match self.result {
            Some(result) => result,
            None => self.run.unwrap_or_else(|| self.driver.start()).await,
        }
    }
}

impl Client {
    /// Runs the plan of a roll-out, or resumes it: see [`RollOutRun`].
    pub fn roll_out<'a>(&self, plan: &'a RollOutPlan) -> RollOutRun<'a> {
        RollOutRun::new(self.clone(), plan)
    }
}

impl Stream for RollOutRun<'_> {
    type Item = RollOutEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { driver, run, result, events } = &mut *self;
        if result.is_some() {
            return Poll::Ready(events.try_recv().ok());
        }
        let run = run.get_or_insert_with(|| driver.clone().start());
        if let Poll::Ready(report) = run.as_mut().poll(context) {
            *result = Some(report);
            return Poll::Ready(events.try_recv().ok());
        }
        events.poll_recv(context)
    }
}

impl fmt::Debug for RollOutRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RollOutRun").field("control", &self.driver.control).finish_non_exhaustive()
    }
}
