//! Waiting for jobs to end.
//!
//! A job is polled at a growing interval. A job that is scheduled for later is polled again shortly before
//! its start. Completed, failed and cancelled all end the wait.

mod job;
mod jobs;
mod observation;
mod poll_timer;
mod span;

pub use self::job::WaitForJob;
pub use self::jobs::WaitForJobs;
pub(super) use self::poll_timer::INTERVALS;
