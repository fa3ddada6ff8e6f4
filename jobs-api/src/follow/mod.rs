//! Jobs beyond single calls: waits, reports and batches, on the public face of [`Client`](crate::Client) alone.
//!
//! A wait polls one job to its end; a report reads the rows of a job that has ended; a batch creates many jobs, and has
//! a wait and a report for each. All that they know is read from the hub: a program that is repeated after a crash goes
//! on where it was.

// The page of `Client` lists its methods in the order of these.
pub(crate) mod wait;

pub(crate) mod report;

pub(crate) mod batch;

mod poll_timer;
mod settings;
