//! Batches: many jobs, created as the hub has slots, each followed to its end.

mod comparison;
mod error;
mod progress;
mod request;
mod run;
mod runner;
mod trace;

pub use self::error::{BatchError, JobFailure};
pub use self::progress::BatchProgress;
pub use self::request::BatchRequest;
pub use self::run::RunJobs;
