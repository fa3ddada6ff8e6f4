//! Roll-outs: a request on a fleet, wave after wave, on the public face of [`Client`](crate::Client) alone.
//!
//! The plan is a value and the hub its journal: the ids of all jobs follow from the plan, and what became of them is
//! read from the hub.

pub(crate) mod builder;
pub(crate) mod control;
mod driver;
pub(crate) mod event;
pub(crate) mod outcome;
mod part;
pub(crate) mod plan;
mod reading;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod schedule;
pub(crate) mod stop;
pub(crate) mod wave;
mod waves;
