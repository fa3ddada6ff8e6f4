//! Jobs: what is requested, their rows, and their course over time.

mod device_row;
mod direct_call;
mod execution;
mod handler_calls;
mod job;
mod method;
mod request;
mod row;
mod schedule;
mod slots;
mod store;
mod timeline;
mod times;

pub(crate) use direct_call::DirectCall;
pub(crate) use handler_calls::HandlerCall;
pub(crate) use job::job_not_found;
pub(crate) use method::Method;
pub(crate) use request::parse_job_request;
pub(crate) use schedule::{Progress, Schedule, ScheduleSettings};
