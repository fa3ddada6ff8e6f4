//! Batches: many jobs, created as the hub has slots, each followed to its end.

mod request;
mod results;
mod run;

pub use self::request::BatchRequest;
pub use self::run::RunJobs;
