//! A plan: the value from which everything else follows.

use std::collections::HashSet;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::TryStreamExt as _;
use hmac_sha256::Hash;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::RollOutError;
use super::schedule::{Estimate, Policy};
use super::wave::hex;
use crate::client::Client;
use crate::error::Error;
use crate::generated::types::JobRequest;
use crate::jobs::condition::Condition;
use crate::limits::JOB_ID_LENGTH;

/// The version of the form in which plans are written.
const VERSION: u32 = 1;
/// The hub's history.
const HISTORY: TimeDelta = TimeDelta::days(30);

/// The plan of a roll-out: its devices in waves, its rules, and through these the ids of all its jobs.
///
/// [`RollOut::plan`](crate::RollOut::plan) makes it, and [`Client::roll_out`] runs it. Save it before the first run, in
/// any format of serde, and run the same plan to resume: it alone says which jobs belong to the roll-out. A plan of a
/// million devices is as large as their ids: 25 MB of JSON if these have 20 characters, and 60 MB of memory.
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
    /// Of the name, the time, the rules and the digests of the waves.
    digest: String,
    policy: Policy,
    /// With the condition that selects the fleet. The jobs that exist are compared with it.
    request: JobRequest,
    waves: Vec<PlannedWave>,
}

/// The devices of a wave, each part of which fits into the condition of a job.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PlannedWave {
    digest: String,
    pub(super) parts: Vec<Vec<String>>,
}

impl PlannedWave {
    fn new(name: &str, devices: Vec<String>) -> Self {
        let conditions = Condition::split_device_ids(&devices);
        // No id of a device has a space.
        let sizes = conditions.iter().map(|condition| condition.to_string().split(", ").count());
        let mut devices = devices.into_iter();
        let parts: Vec<Vec<String>> = sizes.map(|size| devices.by_ref().take(size).collect()).collect();
        Self { digest: digest(&(name, &parts)), parts }
    }

    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }
}

impl RollOutPlan {
    /// Makes a plan of the devices of each wave.
    pub(super) fn new(
        name: String,
        created: DateTime<Utc>,
        mut request: JobRequest,
        policy: Policy,
        waves: Vec<Vec<String>>,
    ) -> Result<Self, RollOutError> {
        // Each job has its own.
        (request.job_id, request.max_execution_time_in_seconds) = (None, None);
        let waves = waves.into_iter().map(|devices| PlannedWave::new(&name, devices)).collect();
        let mut contents =
            Contents { version: VERSION, name, created, digest: String::new(), policy, request, waves };
        contents.digest = contents.digest();
        let plan = Self(contents);
        let longest = plan.waves().iter().map(|wave| wave.parts.len()).max().unwrap_or_default();
        let id = plan.job_id(plan.waves().len(), longest, plan.policy().retries + 1);
        match id.len().checked_sub(*JOB_ID_LENGTH.end()) {
            None | Some(0) => Ok(plan),
            Some(excess) => Err(RollOutError::invalid(
                "the name",
                format!("must be {excess} characters shorter: the ids of its jobs would be as long as {id}"),
            )),
        }
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
        self.waves().iter().map(|wave| wave.parts.iter().flatten().map(String::as_str))
    }

    /// Returns the ids of the jobs that run for every device once. A job of the nth try ends with `-tn` instead.
    pub fn job_ids(&self) -> impl Iterator<Item = String> {
        let parts = (1..)
            .zip(self.waves())
            .flat_map(|(wave, planned)| (1..=planned.parts.len()).map(move |part| (wave, part)));
        parts.map(|(wave, part)| self.job_id(wave, part, 1))
    }

    /// Estimates how long the roll-out takes on a hub of this rate: 10 devices a second on free, S1 and S2, at least
    /// one for each unit; 50 for each unit of S3. See [`Estimate`].
    pub fn estimate(&self, devices_per_second: u32) -> Estimate {
        let parts: Vec<usize> = self.waves().iter().map(|wave| wave.parts.len()).collect();
        let devices = self.waves().iter().map(PlannedWave::len).sum();
        Estimate::of(devices, &parts, self.policy(), devices_per_second)
    }

    /// Lists the devices that the condition of the request selects now and the plan does not have: they joined later,
    /// and belong to another plan.
    ///
    /// # Errors
    ///
    /// Those of [`Client::devices`].
    pub async fn find_later_devices(&self, client: &Client) -> Result<Vec<String>, Error> {
        let planned: HashSet<&str> = self.devices().flatten().collect();
        let condition = self.0.request.query_condition.clone().unwrap_or_default();
        let mut devices: Vec<String> = client.devices(condition).try_collect().await?;
        devices.retain(|id| !planned.contains(id.as_str()));
        Ok(devices)
    }

    pub(super) fn waves(&self) -> &[PlannedWave] {
        &self.0.waves
    }

    pub(super) fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// Returns the id of a job; all numbers begin with 1.
    pub(super) fn job_id(&self, wave: usize, part: usize, attempt: u32) -> String {
        format!("{}-w{wave}-p{part}-t{attempt}", self.0.name)
    }

    /// Returns the request for these devices.
    pub(super) fn request<'a>(&self, devices: impl IntoIterator<Item = &'a String>) -> JobRequest {
        let request = self.0.request.clone().with_max_execution_time(self.policy().limit());
        JobRequest { query_condition: Some(self.condition(devices)), ..request }
    }

    /// Returns the condition that selects these devices.
    pub(super) fn condition<'a>(&self, devices: impl IntoIterator<Item = &'a String>) -> String {
        Condition::device_ids(devices).to_string()
    }

    /// Checks that the hub cannot have forgotten jobs of the plan.
    pub(super) fn check_age(&self, now: DateTime<Utc>) -> Result<(), RollOutError> {
        let created = self.created();
        if now - created < HISTORY { Ok(()) } else { Err(RollOutError::Expired { created }) }
    }
}

impl Contents {
    fn digest(&self) -> String {
        let waves: Vec<&str> = self.waves.iter().map(|wave| wave.digest.as_str()).collect();
        digest(&(&self.name, &self.created, &self.policy, waves))
    }

    /// Returns the place of an edit.
    fn find_edit(&self) -> Option<String> {
        let is_edited = |wave: &PlannedWave| wave.digest != digest(&(&self.name, &wave.parts));
        match self.waves.iter().position(is_edited) {
            Some(index) => Some(format!("waves[{index}]")),
            None => (self.digest != self.digest()).then(|| "name, created, policy or waves".to_owned()),
        }
    }
}

/// Returns a digest of plain data, which shows an edit.
fn digest(data: &impl Serialize) -> String {
    let text = serde_json::to_vec(data).unwrap_or_default();
    hex(Hash::hash(&text))
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
        let waves: Vec<usize> = self.waves().iter().map(PlannedWave::len).collect();
        f.debug_struct("RollOutPlan")
            .field("name", &self.0.name)
            .field("waves", &waves)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a plan of a single wave of devices whose ids have 20 characters.
    fn plan(devices: usize) -> RollOutPlan {
        let devices = (0..devices).map(|n| format!("device-{n:013}")).collect();
        let policy = Policy { limit_seconds: 60, ..Policy::default() };
        RollOutPlan::new("n".to_owned(), Utc::now(), JobRequest::default(), policy, vec![devices]).unwrap()
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
        let parts = &plan.waves()[0].parts;
        assert_eq!(plan.job_ids().collect::<Vec<_>>(), ["n-w1-p1-t1", "n-w1-p2-t1", "n-w1-p3-t1"]);
        assert!(parts.iter().all(|part| plan.condition(part).len() <= 8192));
        assert_eq!(parts.concat(), plan.devices().flatten().collect::<Vec<_>>());
        assert_eq!(plan.waves()[0].len(), 1000);
    }

    #[tokio::test]
    async fn plan_older_than_the_history_is_refused_before_any_call() {
        let mut plan = plan(1);
        assert!(plan.check_age(plan.created() + HISTORY - TimeDelta::seconds(1)).is_ok());
        plan.0.created -= HISTORY;
        let unreachable = "HostName=none.invalid;SharedAccessKeyName=n;SharedAccessKey=a2V5";
        let client = Client::from_connection_string(unreachable).unwrap();
        let error = client.roll_out(&plan).report().await.unwrap_err();
        assert!(matches!(error, RollOutError::Expired { .. }), "{error}");
    }
}
