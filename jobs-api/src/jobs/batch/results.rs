//! The results of a batch: those of a request's jobs become one.

use std::collections::HashMap;

use crate::error::Error;
use crate::jobs::report::JobReport;

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
    /// The error of the first job that has one, and its index.
    error: Option<(usize, Error)>,
}

impl Results {
    /// Adds the result of a request's job. Returns that of the request with its last job.
    pub(super) fn add(
        &mut self,
        origin: Origin,
        index: usize,
        result: Result<JobReport, Error>,
    ) -> Option<(String, Result<JobReport, Error>)> {
        if origin.jobs <= 1 {
            return Some((origin.id, result));
        }
        let partial = self.0.entry(origin.number).or_default();
        partial.ended += 1;
        match (result, &mut partial.report) {
            (Ok(report), Some(merged)) => merged.merge(report),
            (Ok(report), None) => partial.report = Some(report),
            (Err(error), _) => {
                if partial.error.as_ref().is_none_or(|(first, _)| index < *first) {
                    partial.error = Some((index, error));
                }
            }
        }
        if partial.ended < origin.jobs {
            return None;
        }
        let Partial { report, error, .. } = self.0.remove(&origin.number)?;
        let result = match error {
            Some((_, error)) => Err(error),
            None => {
                let mut report = report?;
                report.job.job_id = Some(origin.id.clone());
                report.job.query_condition = None;
                Ok(report)
            }
        };
        Some((origin.id, result))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: usize) -> Origin {
        Origin { number, id: format!("request-{number}"), jobs: 3 }
    }

    fn report(devices: u64) -> Result<JobReport, Error> {
        Ok(JobReport { devices, ..JobReport::default() })
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
    fn error_of_the_first_job_is_returned_when_all_have_ended() {
        let mut results = Results::default();
        assert!(results.add(origin(0), 2, Err(Error::EndlessListing)).is_none());
        assert!(results.add(origin(0), 1, Err(Error::from_status(403, ""))).is_none());
        let error = results.add(origin(0), 0, report(1)).unwrap().1.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), 403);
    }

    #[test]
    fn single_job_keeps_its_report() {
        let single = Origin { jobs: 1, ..origin(0) };
        assert_eq!(Results::default().add(single, 0, report(7)).unwrap().1.unwrap().job.job_id, None);
    }
}
