//! What the hub shows of a plan: its jobs, the devices of a retry, and the results.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use tokio::time::sleep;

use super::driver::Driver;
use super::outcome::LastWord;
use super::part::Part;
use crate::error::Error;
use crate::follow::report::DeviceFailure;
use crate::generated::types::{DeviceJob, JobResponse};
use crate::jobs::condition::Literal;

/// The first wait for rows that lag behind their job, and the longest; they double.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Driver<'_> {
    /// Finds out whether a part has begun: its first job exists as the plan has it, or the ids are taken.
    pub(super) async fn find_start(&self, part: &mut Part<'_>) -> Result<(), Error> {
        let job = self.client.find_scheduled_job(&self.plan.job_id(part.wave, part.number, 1)).await?;
        part.has_begun = job.is_some();
        job.iter().try_for_each(|job| job.check_request(&self.plan.request(part.devices)))
    }

    /// Returns the devices of a job of the plan by its condition, which another run may have made: some of the part.
    pub(super) fn devices_of<'a>(
        &self,
        job: &JobResponse,
        part: &'a [String],
    ) -> Result<Vec<&'a String>, Error> {
        let condition = job.query_condition.as_deref().unwrap_or_default();
        let is_named = |id: &&String| condition.contains(&Literal::from(*id).0);
        let devices: Vec<&String> = part.iter().filter(is_named).collect();
        job.check_request(&self.plan.request(&devices))?;
        Ok(devices)
    }

    /// Lists the devices that the plan does not have, although its condition selects them now.
    pub(super) async fn find_later_devices(&self) -> Result<Vec<String>, Error> {
        let planned: HashSet<&str> = self.plan.devices().flatten().collect();
        let mut devices: Vec<String> = self.client.devices(self.plan.condition()).try_collect().await?;
        devices.retain(|id| !planned.contains(id.as_str()));
        Ok(devices)
    }

    /// Reads the rows of a job that ended: again, until each device has a final one or the time for rows is over.
    pub(super) async fn read_results(
        &self,
        job: &JobResponse,
        devices: usize,
    ) -> Result<HashMap<String, LastWord>, Error> {
        let deadline = self.end_of(job) + TimeDelta::from_std(self.rows_timeout).unwrap_or_default();
        // The hub counts the devices that it found: the others have no row.
        let expected = job.device_count().map_or(devices, |count| devices.min(count as usize));
        let (mut results, mut wait) = (HashMap::new(), FIRST_WAIT);
        loop {
            let is_last = self.client.hub_time() >= deadline;
            match self.read_rows(job, &mut results).await {
                Err(error) if is_last => return Err(error),
                Ok(()) if is_last || results.len() >= expected => return Ok(results),
                _ => sleep(wait).await,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
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
