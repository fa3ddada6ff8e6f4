//! Comparison of a list's jobs with those of the hub, before the first of them is created.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::error::JobFailure;
use super::job::Job;
use crate::client::Client;
use crate::error::Error;
use crate::jobs::compare::Likeness;

/// How a job begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Start {
    /// It is read first, and followed or created.
    Read,
    /// The hub does not show a job of its id: it is created.
    Create,
    /// It exists as requested, and is followed.
    Follow,
}

/// Compares the jobs of a request, as many at a time as the concurrency. Returns how each begins, or why it must not.
///
/// If a job exists and differs, those that exist as requested are followed, and no other is created. If a job cannot be
/// read, none is.
pub(super) async fn compare_jobs(
    client: &Client,
    jobs: Vec<Job>,
    concurrency: usize,
) -> Vec<Result<(Job, Start), JobFailure>> {
    if jobs.len() <= 1 {
        return jobs.into_iter().map(|job| Ok((job, Start::Read))).collect();
    }
    let reads = stream::iter(jobs.clone()).map(|job| {
        let client = client.clone();
        async move { job.compare(&client).await.map_err(|error| job.failure(error)) }
    });
    match reads.buffered(concurrency).try_collect::<Vec<_>>().await {
        Ok(found) => begin_all(jobs, &found),
        Err(unread) => fail_all(&jobs, unread),
    }
}

fn begin_all(jobs: Vec<Job>, found: &[Option<Likeness>]) -> Vec<Result<(Job, Start), JobFailure>> {
    let conflict = |(job, likeness): (&Job, &Option<Likeness>)| {
        let likeness = likeness.clone().filter(|likeness| *likeness != Likeness::Same)?;
        Some((job.id(), likeness))
    };
    let first_conflict = jobs.iter().zip(found).find_map(conflict);
    let begin = |(job, likeness): (&Job, &Option<Likeness>)| match (likeness, &first_conflict) {
        (Some(Likeness::Same), _) => Ok((job.clone(), Start::Follow)),
        (Some(likeness), _) => Err(job.failure(likeness.clone().conflict(&job.id()))),
        (None, Some((id, likeness))) => Err(job.failure(likeness.clone().conflict(id))),
        (None, None) => Ok((job.clone(), Start::Create)),
    };
    jobs.iter().zip(found).map(begin).collect()
}

/// Returns the failures of all jobs after one could not be read: a change of the list would go unnoticed.
fn fail_all(jobs: &[Job], unread: JobFailure) -> Vec<Result<(Job, Start), JobFailure>> {
    let (unread_id, is_retryable) = (unread.job_id.clone(), unread.error.is_retryable());
    let mut unread = Some(unread);
    let fail = |job: &Job| match unread.take_if(|unread| unread.job_id == job.id()) {
        Some(unread) => Err(unread),
        None => Err(job.failure(Error::ListNotCompared { job_id: unread_id.clone(), is_retryable })),
    };
    jobs.iter().map(fail).collect()
}
