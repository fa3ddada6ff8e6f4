//! A plan: the value from which everything else follows.

use std::fmt;
use std::iter;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, TimeDelta, Utc};
use hmac_sha256::Hash;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::schedule::{Estimate, Policy};
use crate::error::Error;
use crate::generated::types::JobRequest;
use crate::jobs::condition::{Condition, chunk_device_ids};
use crate::jobs::validate::check_request;

/// The version of the form in which plans are written.
const VERSION: u32 = 1;
/// The hub's history.
const HISTORY: TimeDelta = TimeDelta::days(30);

/// The plan of a roll-out: its devices in waves, its rules, and through these the ids of all its jobs.
///
/// [`RollOut::plan`](crate::RollOut::plan) makes it, and [`Client::roll_out`](crate::Client::roll_out) runs it. Save it
/// before the first run, in any format of serde, and run the same plan to resume: it alone says which jobs belong to the
/// roll-out. A plan of a million devices is as large as their ids: 25 MB of JSON if these have 20 characters, and 60 MB
/// of memory.
///
/// Reading it back fails if its version is another one, or if devices or rules were edited.
#[derive(Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct RollOutPlan(Contents);

#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Contents {
    /// Read first, so that another form is reported as such.
    #[serde(deserialize_with = "read_version")]
    version: u32,
    name: String,
    created: DateTime<Utc>,
    policy: Policy,
    /// With the condition that selects the fleet. The jobs that exist are compared with it.
    request: JobRequest,
    /// Of name, time and policy, and of each wave.
    digests: Vec<String>,
    /// The parts of each wave, whose devices fit into the condition of a job.
    waves: Vec<Vec<Vec<String>>>,
}

impl RollOutPlan {
    /// Makes a plan of the devices of each wave.
    pub(super) fn new(
        name: String,
        created: DateTime<Utc>,
        mut request: JobRequest,
        policy: Policy,
        waves: Vec<Vec<String>>,
    ) -> Result<Self, Error> {
        // Each job has its own.
        (request.job_id, request.max_execution_time_in_seconds) = (None, None);
        let parts_of = |devices: &Vec<String>| chunk_device_ids(devices).map(<[String]>::to_vec).collect();
        let waves: Vec<Vec<_>> = waves.iter().map(parts_of).collect();
        let most_parts = waves.iter().map(Vec::len).max().unwrap_or_default();
        let digests = Vec::new();
        let mut plan = Self(Contents { version: VERSION, name, created, policy, request, digests, waves });
        plan.0.digests = plan.0.digests();
        let longest_id = plan.job_id(plan.waves().len(), most_parts, plan.policy().retries + 1);
        check_request(&longest_id, &plan.request([""]))
            .map_err(|error| error.in_operation("plan", Some(&longest_id)))?;
        Ok(plan)
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns when the plan was made, by the hub's clock.
    pub fn created(&self) -> DateTime<Utc> {
        self.0.created
    }

    /// Returns the devices of each wave.
    pub fn devices(&self) -> impl Iterator<Item = impl Iterator<Item = &str>> {
        self.waves().iter().map(|parts| parts.iter().flatten().map(String::as_str))
    }

    /// Returns the ids of the jobs that run for every device once. A job of the nth try ends with `-tn` instead.
    pub fn job_ids(&self) -> impl Iterator<Item = String> {
        let waves = (1..).zip(self.waves());
        waves.flat_map(move |(wave, parts)| (1..=parts.len()).map(move |part| self.job_id(wave, part, 1)))
    }

    /// Estimates how long the roll-out takes on a hub of this rate: 10 devices a second on free, S1 and S2, at least
    /// one for each unit; 50 for each unit of S3. See [`Estimate`].
    pub fn estimate(&self, devices_per_second: u32) -> Estimate {
        let parts: Vec<usize> = self.waves().iter().map(Vec::len).collect();
        Estimate::of(self.devices().flatten().count(), &parts, self.policy(), devices_per_second)
    }

    /// Returns the parts of each wave.
    pub(super) fn waves(&self) -> &[Vec<Vec<String>>] {
        &self.0.waves
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Returns the condition that selects the fleet.
    pub(super) fn condition(&self) -> &str {
        self.0.request.query_condition.as_deref().unwrap_or_default()
    }

    /// Returns the id of a job; all numbers begin with 1.
    pub(super) fn job_id(&self, wave: usize, part: usize, attempt: u32) -> String {
        format!("{}-w{wave}-p{part}-t{attempt}", self.0.name)
    }

    /// Returns the request for these devices.
    pub(super) fn request<I: IntoIterator<Item: AsRef<str>>>(&self, devices: I) -> JobRequest {
        let request = self.0.request.clone().with_max_execution_time(self.policy().limit());
        JobRequest { query_condition: Some(Condition::device_ids(devices).to_string()), ..request }
    }

    /// Checks that the hub cannot have forgotten jobs of the plan.
    pub(super) fn check_age(&self, now: DateTime<Utc>) -> Result<(), Error> {
        if now - self.created() < HISTORY {
            return Ok(());
        }
        let rule = "must not be as old as the hub's history of 30 days: its jobs could run again; \
                    hint: make another plan under another name";
        Err(Error::invalid_request("the plan", rule).in_operation("roll_out", Some(self.name())))
    }
}

impl Contents {
    fn digests(&self) -> Vec<String> {
        let of_rules = digest(&(&self.name, &self.created, &self.policy));
        iter::once(of_rules).chain(self.waves.iter().map(digest)).collect()
    }

    /// Returns the place of an edit.
    fn find_edit(&self) -> Option<String> {
        let digests = self.digests();
        let numbers = 0..digests.len().max(self.digests.len());
        let mut edited = numbers.filter(|number| digests.get(*number) != self.digests.get(*number));
        edited.next().map(|number| match number.checked_sub(1) {
            None => "name, created or policy".to_owned(),
            Some(index) => format!("waves[{index}]"),
        })
    }
}

/// Returns a digest of plain data, which shows an edit.
fn digest(data: &impl Serialize) -> String {
    BASE64.encode(Hash::hash(&serde_json::to_vec(data).unwrap_or_default()))
}

fn read_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        VERSION => Ok(VERSION),
        other => Err(D::Error::custom(format_args!("a plan of version {other}; this crate reads {VERSION}"))),
    }
}

impl<'de> Deserialize<'de> for RollOutPlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let contents = Contents::deserialize(deserializer)?;
        match contents.find_edit() {
            Some(place) => Err(D::Error::custom(format_args!("the plan was edited: {place}"))),
            None => Ok(Self(contents)),
        }
    }
}

/// Shows the sizes: a plan may have a million devices.
impl fmt::Debug for RollOutPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waves: Vec<usize> = self.devices().map(Iterator::count).collect();
        f.debug_struct("RollOutPlan")
            .field("name", &self.0.name)
            .field("waves", &waves)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::generated::types::CloudToDeviceMethod;

    /// Makes a plan of a single wave of devices whose ids have 20 characters.
    fn plan(devices: usize) -> RollOutPlan {
        let devices = (0..devices).map(|n| format!("device-{n:013}")).collect();
        let policy = Policy { limit_seconds: 60, ..Policy::default() };
        let request = JobRequest::device_method(CloudToDeviceMethod::new("m"), "*");
        RollOutPlan::new("n".to_owned(), Utc::now(), request, policy, vec![devices]).unwrap()
    }

    #[test]
    fn plan_of_a_million_devices_is_hardly_larger_than_their_ids() {
        let part_of_a_million = 100;
        let plan = plan(1_000_000 / part_of_a_million);
        let file = serde_json::to_string(&plan).unwrap();
        assert!(file.len() * part_of_a_million < 25_000_000, "{}", file.len());
        assert_eq!(serde_json::from_str::<RollOutPlan>(&file).unwrap(), plan);
    }

    #[test]
    fn parts_fit_into_conditions_and_have_each_device_once() {
        let plan = plan(1000);
        let parts = &plan.waves()[0];
        assert_eq!(plan.job_ids().collect::<Vec<_>>(), ["n-w1-p1-t1", "n-w1-p2-t1", "n-w1-p3-t1"]);
        assert!(parts.iter().all(|part| plan.request(part).query_condition.unwrap().len() <= 8192));
        assert_eq!(parts.concat(), plan.devices().flatten().collect::<Vec<_>>());
        assert_eq!(parts.concat().len(), 1000);
    }

    #[tokio::test]
    async fn plan_older_than_the_history_is_refused_before_any_call() {
        let mut plan = plan(1);
        assert!(plan.check_age(plan.created() + HISTORY - TimeDelta::seconds(1)).is_ok());
        plan.0.created -= HISTORY;
        let unreachable = "HostName=none.invalid;SharedAccessKeyName=n;SharedAccessKey=a2V5";
        let client = Client::from_connection_string(unreachable).unwrap();
        let error = client.roll_out(&plan).report().await.unwrap_err();
        assert!(
            error.to_string().starts_with("roll_out of n was not sent: the plan must not be as old"),
            "{error}"
        );
    }
}
