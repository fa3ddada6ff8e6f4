//! Waiting for jobs to end.
//!
//! A job is polled at a growing interval. A job that is scheduled for later is polled again shortly before
//! its start. Completed, failed and cancelled all end the wait. The hub may not show a job for a while after its
//! creation: only a job that stays unknown is not found.

mod job;
mod jobs;
mod observation;
mod polling;
pub(super) mod settings;
mod span;

pub use self::job::WaitForJob;
pub use self::jobs::WaitForJobs;
