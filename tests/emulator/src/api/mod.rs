//! The hub's operations over HTTP.

mod admission;
mod handlers;
mod job_list;
mod method;
mod page;
mod row_query;
mod twin;
mod twin_query;

pub(crate) use admission::{Refusal, admit, throttle};
pub(crate) use handlers::carry_out;
