//! Lost responses: conclusions from a reading of the job about a change whose outcome is unknown.
//!
//! A hub does not show a job, or what was done to it, at once: `unknown` and an earlier status are no evidence.
//!
//! | the hub shows | create | ensure | cancel |
//! |---|---|---|---|
//! | no job, or that of another id | none yet | none yet | none yet |
//! | a job that differs | not made | refused: a conflict | |
//! | the job, created well before the first attempt | not made | made | |
//! | the job, created since | made | made | |
//! | the job, without the date of its creation | none yet | made | |
//! | a job that cannot be compared | unknown, or not made if it was created before | refused: not certain | |
//! | a cancelled job | | | made |
//! | a job that runs or has ended otherwise | | | not made |
//!
//! A create compares the dates, since another program may have created the same job: to `ensure` that is no difference.

use chrono::{DateTime, TimeDelta, Utc};

use super::compare::{Likeness, Verdict, compare};
use super::outcome::JobOutcome;
use crate::generated::types::{JobRequest, JobResponse, JobStatus};
use crate::pipeline::operation::Conclusion;
use crate::runtime::Timestamp;

/// How far the clocks of a hub's machines may be apart: one dates the job, others the answers.
const CLOCK_SPREAD: TimeDelta = TimeDelta::seconds(5);

/// Concludes about the creation of the job `id` as in this request, the one that was sent. `sent` is the earliest
/// time by the hub's clock of the first attempt.
pub(super) fn conclude_create(
    id: &str,
    request: &JobRequest,
    job: Box<JobResponse>,
    sent: Option<DateTime<Utc>>,
) -> Option<Conclusion<JobResponse>> {
    let likeness = compare_shown(id, request, &job)?;
    if likeness.verdict == Verdict::Differs {
        // Another job has the id: a pending attempt will be refused.
        return Some(Conclusion::NotApplied);
    }
    let (created, sent) = job.created_time.as_ref().and_then(Timestamp::to_utc).zip(sent)?;
    Some(match likeness.verdict {
        _ if sent - created > CLOCK_SPREAD => Conclusion::NotApplied,
        Verdict::Same if created >= sent => Conclusion::Applied(job),
        _ => Conclusion::Unknown,
    })
}

/// Concludes about the creation of the job `id` unless it exists as in this request, the one that was sent.
pub(super) fn conclude_ensure(
    id: &str,
    request: &JobRequest,
    job: Box<JobResponse>,
) -> Option<Conclusion<JobResponse>> {
    let likeness = compare_shown(id, request, &job)?;
    match likeness.verdict {
        Verdict::Same => Some(Conclusion::Applied(job)),
        // The next answer may have the date by which an immediate start is known.
        Verdict::Unclear if job.created_time.is_none() => None,
        _ => Some(Conclusion::Refused(likeness.conflict(id))),
    }
}

/// Concludes about the cancellation of the job `id`.
pub(super) fn conclude_cancel(id: &str, job: Box<JobResponse>) -> Option<Conclusion<JobResponse>> {
    match job.outcome() {
        _ if job.id() != id => None,
        JobOutcome::Cancelled => Some(Conclusion::Applied(job)),
        // The hub refuses to cancel a job that runs or has ended, at any later time too.
        outcome if outcome.is_final() || job.status == Some(JobStatus::Running) => {
            Some(Conclusion::NotApplied)
        }
        _ => None,
    }
}

/// Compares the job, unless the answer is not about it, whoever gave it, or does not show it.
fn compare_shown(id: &str, request: &JobRequest, job: &JobResponse) -> Option<Likeness> {
    (job.id() == id && job.is_shown()).then(|| compare(job, request))
}

#[cfg(test)]
mod tests;
