//! Successful answers that must not be believed: they are about another job, or say nothing of it.
//!
//! Such an answer is unreadable. After a change it counts as a lost response: the job is then read.

use std::future::IntoFuture;

use progenitor_client::Error;

use crate::generated::types::{JobResponse, JobStatus};
use crate::runtime::{Failure, Reply};

type Answer = Result<Reply<JobResponse>, Failure>;

/// Returns the answer to a reading of the job `id`, unless it is about another job.
pub(super) async fn check_reading(id: &str, answer: impl IntoFuture<Output = Answer>) -> Answer {
    let answer = answer.await?;
    match &answer.value().job_id {
        // Older hubs accept upper case: whether they keep it is not known.
        Some(other) if !other.eq_ignore_ascii_case(id) => {
            Err(unusable(format!("it is about the job {other:?}")))
        }
        _ => Ok(answer),
    }
}

/// Returns the answer to a change of the job `id`, unless it is about another job, or names neither the job nor its
/// state.
pub(super) async fn check_change(id: &str, answer: impl IntoFuture<Output = Answer>) -> Answer {
    let answer = check_reading(id, answer).await?;
    match (&answer.value().job_id, &answer.value().status) {
        (_, Some(JobStatus::Unknown)) => {
            Err(unusable("it does not show the job: its status is `unknown`".into()))
        }
        (None, None) => Err(unusable("it names neither the job nor its status".into())),
        _ => Ok(answer),
    }
}

fn unusable(reason: String) -> Failure {
    Failure(Box::new(Error::Custom(reason)))
}
