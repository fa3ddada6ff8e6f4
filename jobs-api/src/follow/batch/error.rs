//! Errors of a batch: the jobs that have no report, beside the report of the others.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::Error;
use crate::error::text::one_line;
use crate::follow::report::JobReport;

/// The reason why a request of a batch has no complete report: at least one of its jobs has none.
///
/// A request without a list has one job, whose error this is. Of a
/// [list of devices](crate::types::JobRequest::for_devices) it names each job that has no report, with its devices,
/// and keeps what the others reported.
///
/// ```
/// # fn example(result: Result<jobs_api::JobReport, jobs_api::BatchError>) {
/// match result {
///     Ok(report) => println!("{}: {} devices", report.outcome(), report.devices),
///     Err(error) => {
///         for failure in error.failures() {
///             println!("{failure}");
///         }
///         if let Some(report) = error.report() {
///             println!("all others: {}, {} devices", report.outcome(), report.devices);
///         }
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct BatchError {
    jobs: usize,
    first: Box<JobFailure>,
    /// In the order of the jobs' numbers, without the first.
    others: Vec<JobFailure>,
    report: Box<JobReport>,
}

/// A job of a batch that has no report, and the reason.
///
/// The job may have run, whatever the error: reading its report may fail too. Repeating the same batch is safe. Its
/// devices make another request, under another id, only if the job does not exist:
///
/// ```
/// # async fn example(client: jobs_api::Client, error: jobs_api::BatchError) {
/// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
///
/// let mut devices = Vec::new();
/// // A creation whose outcome is unknown may still take effect; a job that the hub accepted may run unseen.
/// let may_run = |error: &jobs_api::Error| error.is_outcome_unknown() || error.is_not_found();
/// for failure in error.failures().filter(|failure| !may_run(&failure.error)) {
///     // Unlike a single read, a wait allows for the time until the hub shows a job.
///     let job = client.wait_for_job(&failure.job_id).await;
///     if job.is_err_and(|error| error.is_not_found()) {
///         devices.extend(&failure.devices);
///     }
/// }
/// let reboot = CloudToDeviceMethod::new("reboot");
/// let request = JobRequest::device_method(reboot, "*").for_devices(devices);
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct JobFailure {
    /// The id of the job; empty if it is not a valid one. The job may exist, and may have run.
    pub job_id: String,
    /// The devices of the list that the job is for, in the order of their ids; empty if there is no list, or it
    /// cannot be used.
    pub devices: Vec<String>,
    /// The reason.
    pub error: Error,
}

impl BatchError {
    /// Returns the report of a request with this number of jobs, or the error if some of them, by index, have failed.
    pub(super) fn check(
        jobs: usize,
        failures: BTreeMap<usize, JobFailure>,
        report: JobReport,
    ) -> Result<JobReport, Self> {
        let mut failures = failures.into_values();
        match failures.next().map(Box::new) {
            None => Ok(report),
            Some(first) => Err(Self { jobs, first, others: failures.collect(), report: Box::new(report) }),
        }
    }

    /// Returns the jobs that have no report, in the order of their numbers: at least one.
    pub fn failures(&self) -> impl Iterator<Item = &JobFailure> {
        std::iter::once(&*self.first).chain(&self.others)
    }

    /// Returns the error of the first of these jobs, the only one of a request without a list.
    pub fn first_error(&self) -> &Error {
        &self.first.error
    }

    /// Returns the sum of the other jobs' reports; `None` if there is none.
    pub fn report(&self) -> Option<&JobReport> {
        Some(&*self.report).filter(|report| !report.jobs.is_empty())
    }

    /// Returns true if a job may exist although its creation failed. The same batch, repeated, follows it if it
    /// does, and creates it otherwise.
    pub fn is_outcome_unknown(&self) -> bool {
        self.failures().any(|failure| failure.error.is_outcome_unknown())
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.jobs > 1 {
            write!(f, "{} of {} jobs have no report: ", 1 + self.others.len(), self.jobs)?;
        }
        self.first.fmt(f)
    }
}

impl std::error::Error for BatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The text has the layer of the error itself.
        self.first.error.source()
    }
}

/// Shows the job's id and devices if these are of a list, and the error, on one line.
impl fmt::Display for JobFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.devices[..] {
            [] => {}
            [device] => write!(f, "{} (1 device: {}): ", self.job_id, one_line(device))?,
            [first, .., last] => {
                let (count, first, last) = (self.devices.len(), one_line(first), one_line(last));
                write!(f, "{} ({count} devices: {first} to {last}): ", self.job_id)?;
            }
        }
        self.error.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(job_id: &str, devices: &[&str], error: Error) -> JobFailure {
        let devices = devices.iter().map(|id| (*id).to_owned()).collect();
        JobFailure { job_id: job_id.to_owned(), devices, error }
    }

    fn report(devices: u64) -> JobReport {
        JobReport { devices, jobs: vec![Default::default()], ..JobReport::default() }
    }

    #[test]
    fn error_has_each_failure_and_the_report_of_the_others() {
        let refused = || Error::from_status(403, "");
        let failures =
            [(2, failure("c", &["y", "z"], Error::EndlessListing)), (0, failure("a", &["x"], refused()))];
        let error = BatchError::check(3, failures.into(), report(7)).unwrap_err();
        assert_eq!(error.failures().map(|failure| failure.job_id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(error.first_error().status().unwrap().as_u16(), 403);
        assert_eq!(error.report().unwrap().devices, 7);
        let text = format!("2 of 3 jobs have no report: a (1 device: x): {}", refused());
        assert_eq!(error.to_string(), text);
        let last = error.failures().last().unwrap().to_string();
        assert!(last.starts_with("c (2 devices: y to z): the listing would never end"), "{last}");
    }

    #[test]
    fn ids_of_devices_keep_the_error_on_one_line() {
        for devices in [&["a\n\u{1B}[1mb"][..], &["a\r\nb", "c\u{202E}d"]] {
            let text = failure("job", devices, Error::EndlessListing).to_string();
            assert!(!text.contains(|c: char| c.is_control() || c == '\u{202E}'), "{text:?}");
        }
    }

    #[test]
    fn single_job_keeps_its_report_and_its_error() {
        assert_eq!(BatchError::check(1, BTreeMap::new(), report(7)).unwrap(), report(7));
        let failures = [(0, failure("a", &[], Error::EndlessListing))];
        let error = BatchError::check(1, failures.into(), JobReport::default()).unwrap_err();
        assert_eq!(error.to_string(), Error::EndlessListing.to_string());
        assert!(error.report().is_none());
    }
}
