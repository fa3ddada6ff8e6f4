//! Waiting for jobs to end.
//!
//! A job is polled at an interval that starts short and grows; one that is scheduled for later is left
//! alone until shortly before its start. Completed, failed and cancelled end the wait alike.

mod job;
mod jobs;
mod pace;
mod seen;

pub use self::job::WaitForJob;
pub use self::jobs::WaitForJobs;
use crate::types::JobResponse;

/// What is called with each state of a job that differs from the one before.
type OnProgress<'a> = Box<dyn FnMut(&JobResponse) + Send + 'a>;
