//! Batches: many jobs, created as the hub has slots, each followed to its end.
//!
//! 1. A request is split into its jobs, one or those of the parts of its list, and checked (`request.rs`).
//! 2. All jobs of a request are compared with those of the hub before the first is created (`comparison.rs`): a list
//!    that has changed since an earlier run would otherwise call its devices a second time.
//! 3. Each job is created unless it exists, waited for, and its report read (`runner.rs`); requests, and the jobs of
//!    each, run as many at a time as the concurrency allows (`run.rs`).
//! 4. The reports of a request are merged; a job without one makes the result an error that has the rest (`error.rs`).
//!
//! One state, which all of these share, has the counts and the jobs in progress (`progress.rs`). The stream of the
//! progress shows it, `RunJobs::stop` cancels by it, and the events of the log have its sums (`trace.rs`).

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
