//! A wait under way: its jobs, and when they are polled.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::timeout;

use super::observation::Observation;
use super::settings::{OnProgress, Settings};
use crate::client::Client;
use crate::error::Error;
use crate::follow::poll_timer::PollTimer;
use crate::generated::types::JobResponse;

/// Polls jobs until each has ended.
pub(super) struct Polling<'a> {
    pub(super) client: Client,
    pub(super) timer: PollTimer,
    observations: BTreeMap<String, Observation>,
    on_progress: Option<OnProgress<'a>>,
    /// The first request, which the timeout does not end, is over.
    pub(super) has_polled: bool,
}

impl<'a> Polling<'a> {
    pub(super) fn start(
        client: Client,
        ids: impl IntoIterator<Item = String>,
        settings: &Settings,
        on_progress: Option<OnProgress<'a>>,
    ) -> Self {
        let timer = PollTimer::start(settings.timeout, &settings.intervals);
        let observe = |id| (id, Observation::new(settings.not_found_after));
        let observations = ids.into_iter().map(observe).collect();
        Self { client, timer, observations, on_progress, has_polled: false }
    }

    /// Returns the observation of a job that is waited for.
    pub(super) fn observation(&mut self, id: &str) -> Option<&mut Observation> {
        self.observations.get_mut(id)
    }

    /// Returns the ids of the jobs whose wait is not over.
    pub(super) fn pending(&self) -> BTreeSet<String> {
        self.observations.iter().filter(|(_, job)| !job.is_final()).map(|(id, _)| id.clone()).collect()
    }

    /// Returns true if the timeout has passed, which does not end the first poll.
    pub(super) fn is_expired(&self) -> bool {
        self.has_polled && self.timer.is_expired()
    }

    /// Polls a job. Returns true if its state has changed.
    pub(super) async fn poll(&mut self, id: &str) -> bool {
        let limit = if self.has_polled { self.timer.remaining() } else { Duration::MAX };
        self.has_polled = true;
        let client = self.client.clone();
        let is_last = self.observations.get(id).is_some_and(Observation::ends_if_unknown);
        let read = async {
            if is_last {
                client.get_scheduled_job(id).await.map(Some)
            } else {
                client.find_scheduled_job(id).await
            }
        };
        match timeout(limit, read).await {
            Ok(result) => self.record(id, result),
            Err(_) => false,
        }
    }

    /// Adds the result of a poll. Returns true if the state of the job has changed.
    pub(super) fn record(&mut self, id: &str, result: Result<Option<JobResponse>, Error>) -> bool {
        let Some(observation) = self.observations.get_mut(id) else { return false };
        let has_changed = observation.add(result);
        if let (true, Some(job), Some(on_progress)) =
            (has_changed, observation.current(), &mut self.on_progress)
        {
            on_progress(job);
        }
        has_changed
    }

    /// Sleeps until a job is to be polled, the first time not at all. Returns false if each wait is over, or the
    /// timeout comes first.
    pub(super) async fn sleep(&mut self) -> bool {
        let now = self.client.hub_time();
        let waiting = || self.observations.values().filter(|job| !job.is_final());
        let Some(to_start) = waiting().map(|job| job.time_to_start(now)).min() else { return false };
        if !self.has_polled {
            return true;
        }
        let to_end = waiting().filter_map(|job| job.time_to_end(&self.client));
        let to_end = to_end.filter(|time| !time.is_zero()).min();
        self.timer.sleep(to_start, to_end).await
    }

    /// Returns the latest state of each job, or the error that ended the wait for it.
    pub(super) fn into_results(self) -> BTreeMap<String, Result<JobResponse, Error>> {
        self.observations.into_iter().map(|(id, job)| (id.clone(), job.into_result(id))).collect()
    }
}
