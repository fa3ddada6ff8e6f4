//! What the hub shows of a plan: its jobs, the devices of a retry, and the results.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::sleep;

use super::driver::Driver;
use super::error::RollOutError;
use super::outcome::LastWord;
use crate::error::Error;
use crate::follow::report::DeviceFailure;
use crate::generated::types::{DeviceJob, JobResponse};

/// Reads at a time.
pub(super) const CONCURRENT_READS: usize = 20;
/// The first wait for rows that lag behind their job, and the longest; they double.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Driver<'_> {
    /// Returns the wave and the number of each part whose first job exists: as the plan has it, or the ids are taken.
    pub(super) async fn read_begun(&self) -> Result<HashSet<(usize, usize)>, RollOutError> {
        let mut reads = Vec::new();
        for (wave, planned) in (1..).zip(self.plan.waves()) {
            for (part, devices) in (1..).zip(&planned.parts) {
                reads.push(async move {
                    let job = self.find(&self.plan.job_id(wave, part, 1)).await?;
                    job.iter().try_for_each(|job| job.check_request(&self.plan.request(devices)))?;
                    Ok::<_, RollOutError>(job.map(|_| (wave, part)))
                });
            }
        }
        let reads = stream::iter(reads).buffer_unordered(CONCURRENT_READS);
        let begun: Vec<_> = reads.try_collect().await?;
        Ok(begun.into_iter().flatten().collect())
    }

    /// Reads a job; `None` if the hub does not show it.
    pub(super) async fn find(&self, id: &str) -> Result<Option<JobResponse>, RollOutError> {
        loop {
            match self.client.find_scheduled_job(id).await {
                Ok(job) => return Ok(job),
                Err(error) => self.tolerate(error).await?,
            }
        }
    }

    /// Returns the devices of the job of a retry by its condition, which another run may have made: some of the part.
    pub(super) fn devices_of<'a>(
        &self,
        job: &JobResponse,
        part: &'a [String],
    ) -> Result<Vec<&'a String>, Error> {
        let condition = job.query_condition.as_deref().unwrap_or_default();
        let ids: HashSet<&str> = literals(condition).collect();
        let is_named = |id: &&String| {
            let single = self.plan.condition([*id]);
            literals(&single).all(|literal| ids.contains(literal))
        };
        let devices: Vec<&String> = part.iter().filter(is_named).collect();
        job.check_request(&self.plan.request(devices.iter().copied()))?;
        Ok(devices)
    }

    /// Reads the rows of a job that ended: again, until each device has a final one or the time for rows is over.
    pub(super) async fn read_results(
        &self,
        job: &JobResponse,
        devices: usize,
    ) -> Result<HashMap<String, LastWord>, RollOutError> {
        let deadline = self.end_of(job) + TimeDelta::from_std(self.rows_timeout).unwrap_or_default();
        // The hub counts the devices that it found: the others have no row.
        let counted = job.device_job_statistics.as_ref().and_then(|statistics| statistics.device_count);
        let expected =
            counted.and_then(|count| count.try_into().ok()).map_or(devices, |count| devices.min(count));
        let (mut results, mut wait) = (HashMap::new(), FIRST_WAIT);
        loop {
            let is_last = self.client.hub_time() >= deadline;
            match self.read_rows(job, &mut results).await {
                Ok(()) if is_last || results.len() >= expected => return Ok(results),
                Ok(()) => {
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(error) => self.tolerate(error).await?,
            }
        }
    }

    /// Adds the final rows of a job.
    async fn read_rows(
        &self,
        job: &JobResponse,
        results: &mut HashMap<String, LastWord>,
    ) -> Result<(), Error> {
        let mut rows = self.client.query_device_jobs(job.id());
        while let Some(row) = rows.next().await {
            let mut row = match row {
                Err(Error::UnreadableRow(_)) => continue,
                row => row?,
            };
            row.job_type = row.job_type.or_else(|| job.type_.clone());
            if let Some(word) = last_word(&row) {
                results.entry(row.id().to_owned()).or_insert(word);
            }
        }
        Ok(())
    }

    /// Returns the end of a job that has ended, by the hub's clock.
    pub(super) fn end_of(&self, job: &JobResponse) -> DateTime<Utc> {
        let now = self.client.hub_time();
        job.end_time.as_ref().and_then(|end| end.to_utc()).map_or(now, |end| end.min(now))
    }
}

/// Returns the literals of a condition that lists ids.
fn literals(condition: &str) -> impl Iterator<Item = &str> {
    let list = condition.strip_prefix("deviceId IN [").and_then(|list| list.strip_suffix(']'));
    list.unwrap_or_default().split(", ")
}

/// Returns the result of a row; `None` if it is not final, or says nothing.
fn last_word(row: &DeviceJob) -> Option<LastWord> {
    if row.is_success() {
        return Some(LastWord::Succeeded);
    }
    DeviceFailure::of_row(row).map(|DeviceFailure { kind, reason, .. }| LastWord::Failed { kind, reason })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::follow::report::FailureKind;

    fn word(row: Value) -> Option<LastWord> {
        last_word(&serde_json::from_value(row).unwrap())
    }

    #[test]
    fn row_is_a_result_only_if_it_is_final_and_says_something() {
        let answer = |status: i32| json!({ "deviceMethodResponse": { "status": status, "payload": null } });
        let method = |status: &str, outcome: Value| json!({ "deviceId": "d", "jobType": "scheduleDeviceMethod", "status": status, "outcome": outcome });
        assert_eq!(word(method("completed", answer(204))), Some(LastWord::Succeeded));
        assert_eq!(word(method("completed", json!({}))), None, "a method without an answer");
        assert_eq!(word(method("running", json!({}))), None);
        let Some(LastWord::Failed { kind, .. }) = word(method("completed", answer(500))) else { panic!() };
        assert_eq!(kind, FailureKind::Answered(500));
    }
}
