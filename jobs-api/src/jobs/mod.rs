//! Jobs beyond single calls: requests, their validation, outcomes, listings, reports, waiting, batches.

// Before `batch`: the page of `JobRequest` lists its methods in the order of these.
mod request;

pub(crate) mod batch;
pub(crate) mod change;
mod compare;
pub(crate) mod condition;
mod cycle;
pub(crate) mod devices;
pub(crate) mod ensure;
pub(crate) mod id;
mod lost_response;
pub(crate) mod outcome;
pub(crate) mod pager;
mod poll_timer;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod report;
pub(crate) mod validate;
pub(crate) mod wait;
