//! The queries of listings: what they select, in the hub's query language where they are sent in it.
//!
//! The text is made as late as the request of a page, so that a listing can be built without a `Result`: the error of
//! an id or a condition that is not valid is its first item.

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
    Rows { job_id: String, status: Option<DeviceJobStatus> },
    Devices { operation: &'static str, columns: &'static str, condition: String },
}

impl Query {
    /// Returns the name of the operation.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Jobs(_) => "query_scheduled_jobs",
            Self::Rows { .. } => "query_device_jobs",
            Self::Devices { operation, .. } => operation,
        }
    }

    /// Returns true if the hub meters it as a query.
    pub(super) fn is_metered(&self) -> bool {
        !matches!(self, Self::Jobs(_))
    }

    /// Returns the job that it is about.
    pub(super) fn job_id(&self) -> Option<&str> {
        match self {
            Self::Rows { job_id, .. } => Some(job_id),
            Self::Jobs(_) | Self::Devices { .. } => None,
        }
    }

    /// Returns the status and the type of the jobs that it selects.
    pub(super) fn job_filter(&self) -> (Option<&JobStatus>, Option<&JobType>) {
        match self {
            Self::Jobs(JobFilter { status, job_type }) => (status.as_ref(), job_type.as_ref()),
            Self::Rows { .. } | Self::Devices { .. } => (None, None),
        }
    }

    /// Returns the query in the hub's query language; `None` for a list of jobs, which is sent in another form.
    pub(super) fn to_text(&self) -> Result<Option<String>, Error> {
        match self {
            Self::Jobs(_) => Ok(None),
            Self::Rows { job_id, status } => rows(job_id, status.as_ref()).map(Some),
            Self::Devices { columns, condition, .. } => devices(columns, condition).map(Some),
        }
    }
}

fn rows(job_id: &str, status: Option<&DeviceJobStatus>) -> Result<String, Error> {
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

fn devices(columns: &str, condition: &str) -> Result<String, Error> {
    check_condition(Some(condition))?;
    let condition = condition.trim();
    let source = match condition {
        "*" => "FROM devices".to_owned(),
        _ if names_collection(condition) => condition.to_owned(),
        _ => format!("FROM devices WHERE {condition}"),
    };
    let text = format!("SELECT {columns} {source}");
    let (length, own) = (text.chars().count(), condition.chars().count());
    if length > QUERY_LENGTH {
        let most = QUERY_LENGTH - (length - own);
        let rule = format!("must have at most {most} characters in a query; it has {own}");
        return Err(Error::invalid_request("queryCondition", rule));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::condition::Condition;

    fn count(condition: impl Into<String>) -> Result<String, Error> {
        devices("COUNT() AS numberOfDevices", &condition.into())
    }

    #[test]
    fn condition_becomes_a_query_on_its_collection() {
        let building = Condition::tag("building").eq("43");
        for (condition, query) in [
            ("*".to_owned(), "SELECT COUNT() AS numberOfDevices FROM devices"),
            (
                building.clone().build().unwrap(),
                "SELECT COUNT() AS numberOfDevices FROM devices WHERE tags.building = '43'",
            ),
            (
                building.build_on_modules().unwrap(),
                "SELECT COUNT() AS numberOfDevices FROM devices.modules WHERE tags.building = '43'",
            ),
        ] {
            assert_eq!(count(condition).unwrap(), query);
        }
        assert_eq!(devices("deviceId", " * ").unwrap(), "SELECT deviceId FROM devices");
        for source in ["FROM devices.modules", "from\n devices.modules", "FROM\tdevices.modules"] {
            assert_eq!(devices("deviceId", source).unwrap(), format!("SELECT deviceId {source}"));
        }
    }

    #[test]
    fn unusable_condition_is_an_invalid_request() {
        for condition in ["", " ", "SELECT * FROM devices", &"x".repeat(8193)] {
            assert!(
                matches!(devices("deviceId", condition), Err(Error::InvalidRequest { .. })),
                "{condition}"
            );
        }
    }

    #[test]
    fn status_that_is_no_word_is_an_invalid_request() {
        for status in ["", "a b", "x' OR 'a' = 'a", "é"] {
            let status = DeviceJobStatus::UnknownValue(status.to_owned());
            assert!(matches!(rows("job", Some(&status)), Err(Error::InvalidRequest { .. })), "{status}");
        }
    }

    #[test]
    fn condition_leaves_room_for_the_rest_of_the_query() {
        assert!(count("x".repeat(8139)).is_ok());
        let error = count("x".repeat(8140)).unwrap_err().to_string();
        assert!(error.contains("at most 8139 characters in a query; it has 8140"), "{error}");
    }
}
