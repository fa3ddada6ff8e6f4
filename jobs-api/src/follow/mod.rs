//! Jobs beyond single calls: waits, reports and batches, on the public face of [`Client`](crate::Client) alone.

pub(crate) mod batch;
pub(crate) mod report;
pub(crate) mod wait;

mod face;
mod poll_timer;
mod settings;
mod span;
