//! Queries: the items that a listing asks for.

use super::validate::check_job_id;
use crate::error::Error;
use crate::generated::types::{DeviceJobStatus, JobStatus, JobType};

/// A selection of jobs by type and status; all jobs by default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JobFilter {
    pub(super) job_type: Option<JobType>,
    pub(super) status: Option<JobStatus>,
}

impl JobFilter {
    /// Selects jobs of this type.
    #[must_use]
    pub fn job_type(mut self, job_type: impl Into<Option<JobType>>) -> Self {
        self.job_type = job_type.into();
        self
    }

    /// Selects jobs in this status.
    #[must_use]
    pub fn status(mut self, status: impl Into<Option<JobStatus>>) -> Self {
        self.status = status.into();
        self
    }
}

/// The items that a listing asks for.
#[derive(Clone, Debug)]
pub(super) enum Query {
    Jobs(JobFilter),
    DeviceJobs { job_id: String, status: Option<DeviceJobStatus> },
}

impl Query {
    /// Returns the name of the operation.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Jobs(_) => "query_scheduled_jobs",
            Self::DeviceJobs { .. } => "query_device_jobs",
        }
    }

    /// Returns the id of the job whose rows are listed.
    pub(super) fn job_id(&self) -> Option<&str> {
        match self {
            Self::Jobs(_) => None,
            Self::DeviceJobs { job_id, .. } => Some(job_id),
        }
    }

    /// Returns the query in the hub's query language.
    pub(super) fn to_text(&self) -> Result<String, Error> {
        let Self::DeviceJobs { job_id, status } = self else { return Ok(String::new()) };
        check_job_id(job_id)?;
        let mut text = format!("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '{job_id}'");
        if let Some(status) = status {
            if !status.as_str().chars().all(|c| c.is_ascii_alphabetic()) {
                return Err(Error::invalid_request("status", "must have ASCII letters only"));
            }
            text += &format!(" AND devices.jobs.status = '{status}'");
        }
        Ok(text)
    }
}
