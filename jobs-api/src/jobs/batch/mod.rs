//! Batches: many jobs, created as the hub has slots, each followed to its end.

mod run;

pub use self::run::RunJobs;
