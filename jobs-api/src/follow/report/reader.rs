//! Reading the report of a job: again, while rows lag behind the job.
//!
//! The hub writes the rows of a job after it has counted its devices. A report that has fewer final rows than the hub
//! counts devices is therefore read again, from the first page on, and the last reading that succeeded is the report.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;
use std::time::Duration;

use futures_util::stream::StreamExt as _;

use super::JobReport;
use crate::client::Client;
use crate::error::Error;
use crate::follow::poll_timer::PollTimer;
use crate::follow::settings::Settings;
use crate::generated::types::{DeviceJob, JobResponse};
use crate::jobs::pager::Page;

/// Rows of a report of which a repetition is found, in some 20 MB.
const DISTINCT_ROWS: usize = 1_000_000;

/// Reads the report of a job, which may be for a list of devices. If the job has ended, it is read again until each
/// device has a final row, or the time is over: once more at its end. Returns the error of the last read if none
/// succeeded.
pub(in crate::follow) async fn read_report(
    client: &Client,
    job: &JobResponse,
    listed: &[String],
    settings: &Settings,
) -> Result<JobReport, Error> {
    let mut timer = PollTimer::start(Some(settings.rows_timeout), &settings.intervals);
    let mut latest = read_once(client, job, listed).await;
    while may_improve(&latest) && job.outcome().is_final() && !timer.remaining().is_zero() {
        timer.sleep(Duration::ZERO, None).await;
        let next = read_once(client, job, listed).await;
        // If it fails, the previous report says what is missing.
        if next.is_ok() || latest.is_err() {
            latest = next;
        }
    }
    latest.map(|(report, _)| report)
}

/// Reads every row once. Returns true with the report if each device that the hub counts has a final row.
async fn read_once(
    client: &Client,
    job: &JobResponse,
    listed: &[String],
) -> Result<(JobReport, bool), Error> {
    let mut sums = Sums::start(job, listed);
    let mut pages = pin!(client.query_device_jobs(job.id()).pages());
    let mut unreadable = None;
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => sums.add(&page),
            // Its rows are missing from the report; those of the other pages are not.
            Err(error @ Error::UnreadableResponse(_)) => unreadable = Some(error),
            Err(error) => return Err(error),
        }
    }
    match unreadable {
        Some(error) if sums.report.devices == 0 => Err(error),
        _ => Ok(sums.finish()),
    }
}

/// Returns true if another read may find more rows, or succeed where this one failed.
fn may_improve(read: &Result<(JobReport, bool), Error>) -> bool {
    match read {
        Ok((_, is_complete)) => !is_complete,
        Err(error) => error.is_retryable() || matches!(error, Error::UnreadableResponse(_)),
    }
}

/// The sums over the rows that were read so far.
struct Sums<'a> {
    job: &'a JobResponse,
    listed: &'a [String],
    report: JobReport,
    seen: SeenRows,
    final_rows: u64,
    /// The devices of the list that have no row.
    without_row: BTreeSet<&'a str>,
}

impl<'a> Sums<'a> {
    fn start(job: &'a JobResponse, listed: &'a [String]) -> Self {
        let report = JobReport::of(job.clone());
        let without_row = listed.iter().map(String::as_str).collect();
        Self { job, listed, report, seen: SeenRows::default(), final_rows: 0, without_row }
    }

    fn add(&mut self, page: &Page<DeviceJob>) {
        for row in &page.items {
            if self.seen.is_repeated(row) {
                continue;
            }
            self.report.add(row, self.job.type_.as_ref());
            self.final_rows += u64::from(row.is_final());
            self.without_row.remove(row.id());
        }
        let unreadable = page.unreadable.len() as u64;
        self.report.devices += unreadable;
        self.report.unreadable += unreadable;
    }

    /// Returns the report, and true if each device that the hub counts has a final row.
    fn finish(self) -> (JobReport, bool) {
        let Self { job, listed, mut report, final_rows, without_row, .. } = self;
        let counted = job.device_count().unwrap_or_default().into();
        let expected = report.devices.max(counted).max(listed.len() as u64);
        let open = expected.saturating_sub(report.succeeded + report.failed);
        report.without_result = open.max(without_row.len() as u64);
        report.devices_without_row = without_row.into_iter().map(str::to_owned).collect();
        let is_complete = final_rows + report.unreadable >= counted;
        (report, is_complete)
    }
}

/// The rows that were read so far, by the hashes of their devices and modules.
#[derive(Default)]
struct SeenRows {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl SeenRows {
    /// Returns true if the row repeats one of the first million. Equal hashes could only turn a success into an
    /// incomplete report.
    fn is_repeated(&mut self, row: &DeviceJob) -> bool {
        let hash = self.hasher.hash_one((&row.device_id, &row.module_id));
        if self.hashes.len() < DISTINCT_ROWS {
            !self.hashes.insert(hash)
        } else {
            self.hashes.contains(&hash)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::types::DeviceJobStatus;

    #[test]
    fn report_of_a_million_devices_is_small_and_counts_the_one_that_is_missing() {
        let job =
            r#"{"status":"completed","deviceJobStatistics":{"deviceCount":1000000,"succeededCount":900000}}"#;
        let job = serde_json::from_str(job).unwrap();
        let row = |n: u32| DeviceJob {
            device_id: Some(n.to_string()),
            status: Some(if n.is_multiple_of(10) {
                DeviceJobStatus::Failed
            } else {
                DeviceJobStatus::Completed
            }),
            ..DeviceJob::default()
        };
        let mut sums = Sums::start(&job, &[]);
        let missing = 999_999;
        for first in (0..1_000_000).step_by(100) {
            let items = (first..first + 100).filter(|n| *n != missing).map(row).collect();
            sums.add(&Page { items, unreadable: vec![], continuation: None });
        }
        let (report, is_complete) = sums.finish();
        assert!(!is_complete);
        assert_eq!((report.devices, report.failed, report.without_result), (999_999, 100_000, 1));
        assert_eq!((report.failures.len(), report.by_status.len()), (1000, 2));
    }

    #[test]
    fn rows_are_told_apart_by_device_and_module_up_to_a_million() {
        let row = |device: &str, module: Option<&str>| DeviceJob {
            device_id: Some(device.to_owned()),
            module_id: module.map(str::to_owned),
            ..DeviceJob::default()
        };
        let mut seen = SeenRows::default();
        for (device, module) in
            [("a", None), ("a", Some("m")), ("a", Some("n")), ("am", None), ("b", Some("m"))]
        {
            assert!(!seen.is_repeated(&row(device, module)), "{device} {module:?}");
            assert!(seen.is_repeated(&row(device, module)), "{device} {module:?}");
        }
        let devices = seen.hashes.len()..DISTINCT_ROWS;
        devices.for_each(|n| assert!(!seen.is_repeated(&row(&n.to_string(), None))));
        assert!(!seen.is_repeated(&row("late", None)) && !seen.is_repeated(&row("late", None)));
        assert!(seen.is_repeated(&row("a", None)));
        assert_eq!(seen.hashes.len(), DISTINCT_ROWS, "memory is bounded");
    }
}
