//! Comparison of a request's jobs with those of the hub, before the first of them is created.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::error::JobFailure;
use super::request::Job;
use crate::client::Client;
use crate::error::Error;
use crate::jobs::compare::{Likeness, Verdict};

/// How a job begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Start {
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
    jobs: &[Job],
    concurrency: usize,
) -> Vec<Result<Start, Error>> {
    let reads: Vec<_> = jobs.iter().map(|job| job.compare(client)).collect();
    match stream::iter(reads).buffered(concurrency).try_collect().await {
        Ok(found) => begin_all(jobs, found),
        Err(unread) => fail_all(jobs, unread),
    }
}

fn begin_all(jobs: &[Job], found: Vec<Option<Likeness>>) -> Vec<Result<Start, Error>> {
    let is_other = |likeness: &&Likeness| likeness.verdict != Verdict::Same;
    let first_conflict = jobs
        .iter()
        .zip(&found)
        .find_map(|(job, likeness)| Some((&job.id, likeness.as_ref().filter(is_other)?)));
    let begin = |(job, likeness): (&Job, &Option<Likeness>)| match (likeness, first_conflict) {
        (Some(likeness), _) if likeness.verdict == Verdict::Same => Ok(Start::Follow),
        (Some(likeness), _) => Err(likeness.conflict(&job.id)),
        (None, Some((id, likeness))) => Err(likeness.conflict(id)),
        (None, None) => Ok(Start::Create),
    };
    jobs.iter().zip(&found).map(begin).collect()
}

/// Returns the failures of all jobs after one could not be read: a change of the list would go unnoticed.
fn fail_all(jobs: &[Job], unread: JobFailure) -> Vec<Result<Start, Error>> {
    let (unread_id, is_retryable) = (unread.job_id, unread.error.is_retryable());
    let mut unread = Some(unread.error);
    let mut fail = |job: &Job| {
        let error = unread.take_if(|_| job.id == unread_id);
        error.unwrap_or_else(|| Error::ListNotCompared { job_id: unread_id.clone(), is_retryable })
    };
    jobs.iter().map(|job| Err(fail(job))).collect()
}
