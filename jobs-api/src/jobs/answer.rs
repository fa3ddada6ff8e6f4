//! Successful answers that must not be believed: they are about another job, or say nothing of it.
//!
//! Such an answer is unreadable. After a change it counts as a lost response: the job is then read.

use std::future::Future;

use progenitor_client::{Error, ResponseValue};

use crate::generated::types::{JobResponse, JobStatus};

type Answer<E> = Result<ResponseValue<JobResponse>, Error<E>>;

/// Returns the answer to a reading of the job `id`, unless it is about another job.
pub(super) async fn check_reading<E>(id: &str, answer: impl Future<Output = Answer<E>>) -> Answer<E> {
    let answer = answer.await?;
    match &answer.job_id {
        // Older hubs accept upper case: whether they keep it is not known.
        Some(other) if !other.eq_ignore_ascii_case(id) => {
            Err(Error::Custom(format!("it is about the job {other:?}")))
        }
        _ => Ok(answer),
    }
}

/// Returns the answer to a change of the job `id`, unless it is about another job, or names neither the job nor its
/// state.
pub(super) async fn check_change<E>(id: &str, answer: impl Future<Output = Answer<E>>) -> Answer<E> {
    let answer = check_reading(id, answer).await?;
    match (&answer.job_id, &answer.status) {
        (_, Some(JobStatus::Unknown)) => {
            Err(Error::Custom("it does not show the job: its status is `unknown`".into()))
        }
        (None, None) => Err(Error::Custom("it names neither the job nor its status".into())),
        _ => Ok(answer),
    }
}
