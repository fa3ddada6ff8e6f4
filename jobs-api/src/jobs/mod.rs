//! Jobs: requests and their checks, conditions, listings, outcomes, and what a lost response means.
//!
//! `request.rs` and `outcome.rs` give the generated types constructors and accessors. `job.rs` has the operations
//! on one job, `listings.rs` those on many. A change comes with two functions for the pipeline: one reads the
//! job, and one in `lost_response.rs` concludes from it whether the change was made. `compare.rs` knows in which forms a
//! hub shows what it was sent.

mod request;

pub(crate) mod compare;
pub(crate) mod condition;
mod cycle;
pub(crate) mod id;
pub(crate) mod job;
pub(crate) mod listings;
mod lost_response;
pub(crate) mod outcome;
pub(crate) mod pager;
pub(crate) mod query;
pub(crate) mod validate;
