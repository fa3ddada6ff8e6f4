//! Jobs: requests and their checks, conditions, listings, outcomes, and what a lost response means.

mod request;

mod answer;
pub(crate) mod change;
pub(crate) mod compare;
pub(crate) mod condition;
mod cycle;
pub(crate) mod id;
pub(crate) mod listings;
mod lost_response;
pub(crate) mod outcome;
pub(crate) mod pager;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod validate;
