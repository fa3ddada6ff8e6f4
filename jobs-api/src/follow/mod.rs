//! Jobs beyond single calls: waits, reports and batches, on the public face of [`Client`](crate::Client) alone.

// The page of `Client` lists its methods in the order of these.
pub(crate) mod wait;

pub(crate) mod report;

pub(crate) mod batch;

mod poll_timer;
mod settings;
