//! A wait under way: when its job is polled, and what a poll changes.

use std::time::Duration;

use tokio::time::timeout;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::observation::Observation;
use crate::client::Client;
use crate::error::Error;
use crate::error::telemetry::record_failure;
use crate::follow::poll_timer::PollTimer;
use crate::follow::settings::Settings;
use crate::follow::span::internal_span;
use crate::generated::types::{JobResponse, JobStatus};
use crate::limits::is_job_id;
use crate::targets::WAIT;

/// A callback that receives each state of a job that differs from the previous one.
pub(super) type OnProgress<'a> = Box<dyn FnMut(&JobResponse) + Send + 'a>;

/// Polls a job until it has ended.
pub(super) struct Polling<'a> {
    client: Client,
    id: String,
    timer: PollTimer,
    observation: Observation,
    on_progress: Option<OnProgress<'a>>,
    /// The first poll, which the timeout does not end, is over.
    has_polled: bool,
    span: Span,
}

impl<'a> Polling<'a> {
    pub(super) fn start(
        client: Client,
        id: String,
        settings: &Settings,
        on_progress: Option<OnProgress<'a>>,
    ) -> Self {
        let timer = PollTimer::start(settings.timeout, &settings.intervals);
        let observation = Observation::new(settings.not_found_after);
        let span = wait_span(client.host_name(), &id);
        Self { client, id, timer, observation, on_progress, has_polled: false, span }
    }

    /// Polls until the job changes, in the span of the wait. Returns `None` once it has ended or the timeout
    /// has passed.
    pub(super) async fn next_change(&mut self) -> Result<Option<&JobResponse>, Error> {
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
    pub(super) fn into_job(self) -> JobResponse {
        let id = Some(self.id);
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
        let (job, client) = (&self.observation, &self.client);
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
        let read = read(&self.client, &self.id, self.observation.ends_if_unknown());
        let Ok(result) = timeout(limit, read).await else { return false };
        let has_changed = self.observation.add(result);
        if let (true, Some(job), Some(on_progress)) =
            (has_changed, self.observation.current.as_ref(), &mut self.on_progress)
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
    internal_span!(
        WAIT,
        "iothub_wait",
        "wait_for_job",
        iothub.hub = hub,
        // An invalid id may be anything, such as a key by mistake.
        iothub.job_id = Some(job_id).filter(|id| is_job_id(id)),
        iothub.job_status = Empty,
    )
}
