//! Jobs: what is requested, their rows, and their course over time.

mod device_row;
mod job;
mod request;
mod row;
mod schedule;
mod store;
mod timeline;

pub(crate) use device_row::DeviceRow;
pub(crate) use job::{Job, job_not_found};
pub(crate) use request::parse_job_request;
pub(crate) use schedule::{HandlerCall, Progress, Schedule, ScheduleSettings};
