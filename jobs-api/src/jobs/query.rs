//! The queries of listings: what they select, in the hub's query language where they are sent in it.

use super::condition::names_collection;
use super::validate::{check_condition, check_job_id};
use crate::error::Error;
use crate::generated::types::{DeviceJobStatus, JobStatus, JobType};
use crate::limits::QUERY_LENGTH;

/// A selection of jobs by type and status; all jobs by default.
///
/// ```
/// use jobs_api::JobFilter;
/// use jobs_api::types::{JobStatus, JobType};
///
/// let failed_updates = JobFilter::default()
///     .job_type(JobType::ScheduleUpdateTwin)
///     .status(JobStatus::Failed);
/// ```
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
#[derive(Clone)]
pub(super) enum Query {
    Jobs(JobFilter),
    DeviceJobs { job_id: String, status: Option<DeviceJobStatus> },
    Devices { select: Select, condition: String },
}

/// The columns of a query on devices.
#[derive(Clone, Copy)]
pub(super) enum Select {
    Id,
    Count,
}

impl Query {
    /// Returns the name of the operation.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Jobs(_) => "query_scheduled_jobs",
            Self::DeviceJobs { .. } => "query_device_jobs",
            Self::Devices { select: Select::Count, .. } => "count_devices",
            Self::Devices { select: Select::Id, .. } => "query_devices",
        }
    }

    /// Returns true if the hub meters it as a query.
    pub(super) fn is_metered(&self) -> bool {
        !matches!(self, Self::Jobs(_))
    }

    /// Returns the job that it is about.
    pub(super) fn job_id(&self) -> Option<&str> {
        match self {
            Self::DeviceJobs { job_id, .. } => Some(job_id),
            Self::Jobs(_) | Self::Devices { .. } => None,
        }
    }

    /// Returns the query in the hub's query language; empty for a list of jobs, which is sent otherwise.
    pub(super) fn to_text(&self) -> Result<String, Error> {
        match self {
            Self::Jobs(_) => Ok(String::new()),
            Self::DeviceJobs { job_id, status } => device_jobs(job_id, status.as_ref()),
            Self::Devices { select, condition } => devices(*select, condition),
        }
    }
}

fn device_jobs(job_id: &str, status: Option<&DeviceJobStatus>) -> Result<String, Error> {
    check_job_id(job_id)?;
    let mut text = format!("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '{job_id}'");
    if let Some(status) = status {
        let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic());
        if !is_word(status.as_str()) {
            return Err(Error::invalid_request("status", "must be a word of ASCII letters"));
        }
        text += &format!(" AND devices.jobs.status = '{status}'");
    }
    Ok(text)
}

fn devices(select: Select, condition: &str) -> Result<String, Error> {
    check_condition(Some(condition))?;
    let condition = condition.trim();
    let columns = match select {
        Select::Id => "deviceId",
        Select::Count => "COUNT() AS numberOfDevices",
    };
    let source = match condition {
        "*" => "FROM devices".to_owned(),
        _ if names_collection(condition) => condition.to_owned(),
        _ => format!("FROM devices WHERE {condition}"),
    };
    let text = format!("SELECT {columns} {source}");
    let length = text.chars().count();
    if length > QUERY_LENGTH {
        let rule = format!(
            "must have at most {} characters in a query; it has {}",
            QUERY_LENGTH - (length - condition.chars().count()),
            condition.chars().count()
        );
        return Err(Error::invalid_request("queryCondition", rule));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::condition::Condition;

    fn text(select: Select, condition: impl Into<String>) -> Result<String, Error> {
        Query::Devices { select, condition: condition.into() }.to_text()
    }

    #[test]
    fn condition_becomes_a_query_on_its_collection() {
        let building = Condition::tag("building").eq("43");
        for (condition, count) in [
            (Condition::all(), "SELECT COUNT() AS numberOfDevices FROM devices"),
            (building.clone(), "SELECT COUNT() AS numberOfDevices FROM devices WHERE tags.building = '43'"),
            (
                building.on_modules(),
                "SELECT COUNT() AS numberOfDevices FROM devices.modules WHERE tags.building = '43'",
            ),
        ] {
            assert_eq!(text(Select::Count, condition).unwrap(), count);
        }
        assert_eq!(text(Select::Id, " * ").unwrap(), "SELECT deviceId FROM devices");
        for source in ["FROM devices.modules", "from\n devices.modules", "FROM\tdevices.modules"] {
            assert_eq!(text(Select::Id, source).unwrap(), format!("SELECT deviceId {source}"));
        }
    }

    #[test]
    fn unusable_condition_is_an_invalid_request() {
        for condition in ["", " ", "SELECT * FROM devices", &"x".repeat(8193)] {
            assert!(matches!(text(Select::Id, condition), Err(Error::InvalidRequest { .. })), "{condition}");
        }
        let unusable = text(Select::Id, Condition::device_ids(["a"; 0])).unwrap_err();
        assert!(unusable.to_string().contains("a list of values must not be empty"), "{unusable}");
    }

    #[test]
    fn status_that_is_no_word_is_an_invalid_request() {
        for status in ["", "a b", "x' OR 'a' = 'a", "é"] {
            let status = DeviceJobStatus::UnknownValue(status.to_owned());
            assert!(
                matches!(device_jobs("job", Some(&status)), Err(Error::InvalidRequest { .. })),
                "{status}"
            );
        }
    }

    #[test]
    fn condition_leaves_room_for_the_rest_of_the_query() {
        assert!(text(Select::Count, "x".repeat(8139)).is_ok());
        let error = text(Select::Count, "x".repeat(8140)).unwrap_err().to_string();
        assert!(error.contains("at most 8139 characters in a query; it has 8140"), "{error}");
    }
}
