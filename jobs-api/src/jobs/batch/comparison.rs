//! Comparison of a list's jobs with those of the hub.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::error::Error;
use crate::generated::types::JobRequest;
use crate::jobs::compare::Likeness;
use crate::jobs::ensure::compare_job;
use crate::pipeline::Pipeline;

/// The states of a list's jobs before the first of them is created.
#[derive(Debug)]
pub(super) struct Comparison(Vec<State>);

/// The state of a job that may be followed or created.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// The job exists as requested.
    Same,
    /// The hub has no job of this id.
    Missing,
}

#[derive(Debug)]
enum State {
    Found(Found),
    /// The job exists, and is not known to be the one requested.
    Conflict(Likeness),
}

impl Comparison {
    /// Reads the jobs of these ids, as many at a time as the concurrency.
    ///
    /// # Errors
    ///
    /// The error of a job that cannot be read, with the index of the job.
    pub(super) async fn read(
        pipeline: Arc<Pipeline>,
        jobs: impl Iterator<Item = (String, JobRequest)>,
        concurrency: usize,
    ) -> Result<Self, (usize, Error)> {
        let states = stream::iter(jobs.enumerate()).map(|(index, (id, request))| {
            let pipeline = pipeline.clone();
            async move {
                let likeness = compare_job(&pipeline, &id, &request).await.map_err(|error| (index, error))?;
                Ok::<_, (usize, Error)>(match likeness {
                    None => State::Found(Found::Missing),
                    Some(Likeness::Same) => State::Found(Found::Same),
                    Some(likeness) => State::Conflict(likeness),
                })
            }
        });
        Ok(Self(states.buffered(concurrency).try_collect().await?))
    }

    /// Returns the state of a job, or a conflict as an index and a comparison: those of the job itself, or, if it
    /// is missing, of the first one that differs.
    pub(super) fn find(&self, index: usize) -> Result<Found, (usize, Likeness)> {
        match self.0.get(index) {
            Some(State::Conflict(likeness)) => Err((index, likeness.clone())),
            Some(State::Found(Found::Same)) => Ok(Found::Same),
            _ => {
                let mut states = self.0.iter().enumerate();
                let conflict = states.find_map(|(index, state)| match state {
                    State::Conflict(likeness) => Some((index, likeness.clone())),
                    State::Found(_) => None,
                });
                conflict.map_or(Ok(Found::Missing), Err)
            }
        }
    }
}
