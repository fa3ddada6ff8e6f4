//! The results of a batch: those of a request's jobs become one.

use std::collections::{BTreeMap, HashMap};

use super::error::{BatchError, JobFailure};
use crate::follow::report::JobReport;

/// The requests of which some jobs have ended, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Results(HashMap<usize, Partial>);

/// The request to which a job belongs.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The number of the request in its batch.
    pub(super) number: usize,
    pub(super) id: String,
    /// The jobs of the request.
    pub(super) jobs: usize,
}

/// The results of a request's jobs so far.
#[derive(Debug, Default)]
struct Partial {
    ended: usize,
    report: Option<JobReport>,
    /// By the index of the job.
    failures: BTreeMap<usize, JobFailure>,
}

impl Results {
    /// Adds the result of a request's job. Returns that of the request with its last job.
    pub(super) fn add(
        &mut self,
        origin: Origin,
        index: usize,
        result: Result<JobReport, JobFailure>,
    ) -> Option<(String, Result<JobReport, BatchError>)> {
        let partial = self.0.entry(origin.number).or_default();
        partial.ended += 1;
        match (result, &mut partial.report) {
            (Ok(report), Some(merged)) => merged.merge(report),
            (Ok(report), None) => partial.report = Some(report),
            (Err(failure), _) => drop(partial.failures.insert(index, failure)),
        }
        if partial.ended < origin.jobs {
            return None;
        }
        let Partial { mut report, failures, .. } = self.0.remove(&origin.number)?;
        if let Some(report) = report.as_mut().filter(|_| origin.jobs > 1) {
            report.job.job_id = Some(origin.id.clone());
            report.job.query_condition = None;
            if !report.outcome().is_final() {
                // A job that has ended gave the end so far.
                report.job.end_time = None;
            }
        }
        let result = if failures.is_empty() {
            Ok(report?)
        } else {
            Err(BatchError::new(origin.jobs, failures.into_values(), report)?)
        };
        Some((origin.id, result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn origin(number: usize) -> Origin {
        Origin { number, id: format!("request-{number}"), jobs: 3 }
    }

    fn report(devices: u64) -> Result<JobReport, JobFailure> {
        Ok(JobReport { devices, ..JobReport::default() })
    }

    fn failure(job_id: &str, devices: &[&str], error: Error) -> Result<JobReport, JobFailure> {
        let devices = devices.iter().map(|id| (*id).to_owned()).collect();
        Err(JobFailure { job_id: job_id.to_owned(), devices, error })
    }

    #[test]
    fn result_of_a_request_comes_with_its_last_job() {
        let mut results = Results::default();
        for (number, index) in [(0, 1), (1, 0), (1, 2), (0, 0)] {
            assert!(results.add(origin(number), index, report(10)).is_none());
        }
        let (id, result) = results.add(origin(1), 1, report(1)).unwrap();
        let result = result.unwrap();
        assert_eq!((id.as_str(), result.devices, result.job.id()), ("request-1", 21, "request-1"));
        assert_eq!(results.add(origin(0), 2, report(5)).unwrap().1.unwrap().devices, 25);
        assert!(results.0.is_empty(), "nothing is kept");
    }

    #[test]
    fn report_of_jobs_that_have_not_all_ended_has_no_end() {
        let job = |status: &str| {
            let job = serde_json::json!({ "status": status, "endTime": "2026-11-25T10:10:00Z" });
            Ok(JobReport { job: serde_json::from_value(job).unwrap(), ..JobReport::default() })
        };
        for (last, has_end) in [("running", false), ("completed", true)] {
            let mut results = Results::default();
            assert!(results.add(origin(0), 0, job("completed")).is_none());
            assert!(results.add(origin(0), 1, job(last)).is_none());
            let report = results.add(origin(0), 2, job("completed")).unwrap().1.unwrap();
            assert_eq!(report.job.end_time.is_some(), has_end, "{last}");
        }
    }

    #[test]
    fn error_has_each_failure_and_the_report_of_the_others() {
        let mut results = Results::default();
        let refused = || Error::from_status(403, "");
        assert!(results.add(origin(0), 2, failure("c", &["y", "z"], Error::EndlessListing)).is_none());
        assert!(results.add(origin(0), 1, report(7)).is_none());
        let (id, result) = results.add(origin(0), 0, failure("a", &["x"], refused())).unwrap();
        let error = result.unwrap_err();
        assert_eq!(error.failures().map(|failure| failure.job_id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(error.first_error().status().unwrap().as_u16(), 403);
        let report = error.report().unwrap();
        assert_eq!((report.devices, report.job.id()), (7, id.as_str()));
        let text = format!("2 of 3 jobs have no report: a (1 device: x): {}", refused());
        assert_eq!(error.to_string(), text);
        let last = error.failures().last().unwrap().to_string();
        assert!(last.starts_with("c (2 devices: y to z): the listing would never end"), "{last}");
    }

    #[test]
    fn ids_of_devices_keep_the_error_on_one_line() {
        for devices in [&["a\n\u{1B}[1mb"][..], &["a\r\nb", "c\u{202E}d"]] {
            let text = failure("job", devices, Error::EndlessListing).unwrap_err().to_string();
            assert!(!text.contains(|c: char| c.is_control() || c == '\u{202E}'), "{text:?}");
        }
    }

    #[test]
    fn single_job_keeps_its_report_and_its_error() {
        let single = || Origin { jobs: 1, ..origin(0) };
        let mut results = Results::default();
        assert_eq!(results.add(single(), 0, report(7)).unwrap().1.unwrap().job.job_id, None);
        let error =
            results.add(single(), 0, failure("a", &[], Error::EndlessListing)).unwrap().1.unwrap_err();
        assert_eq!(error.to_string(), Error::EndlessListing.to_string());
        assert!(error.report().is_none() && results.0.is_empty());
    }
}
