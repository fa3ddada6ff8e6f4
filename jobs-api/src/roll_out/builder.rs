//! Making a plan.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
use futures_util::stream::TryStreamExt as _;

use super::plan::RollOutPlan;
use super::schedule::{Hours, Policy};
use super::stop::{Stop, WHOLE};
use super::wave::{Size, Wave, order};
use crate::client::Client;
use crate::error::Error;
use crate::generated::types::JobRequest;
use crate::jobs::condition::names_collection;
use crate::limits::{DEFAULT_EXECUTION_TIME, LATEST_START};

/// The longest time limit of a job, in seconds: as long as the history of a hub.
const LONGEST_EXECUTION_TIME: u32 = 30 * 24 * 60 * 60;
/// The retries that a plan may have.
const RETRIES: u32 = 10;

/// A roll-out to plan: a request, the fleet that its condition selects, and the rules.
///
/// The [plan](Self::plan) is a value that can be saved; [`Client::roll_out`] runs it, and resumes it after a crash, on
/// another machine too.
///
/// ```
/// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
/// use std::time::Duration;
/// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
/// use jobs_api::{RollOut, Stop, Wave};
///
/// let update = CloudToDeviceMethod::new("update");
/// let request = JobRequest::device_method(update, "tags.building = '43'")
///     .with_max_execution_time(Duration::from_secs(900));
/// let plan = RollOut::new("firmware-2-1", request)
///     .waves([Wave::percent(5.0), Wave::percent(25.0), Wave::rest()])
///     .soak(Duration::from_secs(1800))
///     .stop_when(Stop::failed_percent_of_wave_above(2.0).of_at_least(20))
///     .retry(2, Duration::from_secs(600))
///     .plan(&client)
///     .await?;
/// let report = client.roll_out(&plan).report().await?;
/// println!("{} of {} devices", report.succeeded(), report.devices.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a roll-out does nothing until it is planned and run"]
pub struct RollOut {
    name: String,
    request: JobRequest,
    waves: Vec<Wave>,
    policy: Policy,
}

impl RollOut {
    /// Describes a roll-out of this name: lower-case ASCII letters, digits and `-`, short enough for the ids of its
    /// jobs, such as `firmware-2-1-w3-p12-t1`: wave, part and try. By default it is a single wave.
    ///
    /// The condition of the request selects the devices once, as the plan is made. A request without a time limit gets
    /// one of an hour.
    pub fn new(name: impl Into<String>, request: JobRequest) -> Self {
        let limit = request.max_execution_time_in_seconds.unwrap_or(DEFAULT_EXECUTION_TIME);
        let policy = Policy { limit_seconds: u32::try_from(limit).unwrap_or_default(), ..Policy::default() };
        Self { name: name.into(), request, waves: vec![Wave::rest()], policy }
    }

    /// Sets the waves, which together take every device.
    pub fn waves(mut self, waves: impl IntoIterator<Item = Wave>) -> Self {
        self.waves = waves.into_iter().collect();
        self
    }

    /// Waits this long between the end of a wave and the next one; not at all by default. In whole seconds.
    pub fn soak(mut self, time: Duration) -> Self {
        self.policy.soak_seconds = whole_seconds(time);
        self
    }

    /// Adds a rule that stops the roll-out. Without any, a single failed device stops it.
    pub fn stop_when(mut self, stop: Stop) -> Self {
        self.policy.stops.push(stop);
        self
    }

    /// Tries a device that failed up to this many times more, at most 10, each time this long after the end of the
    /// previous job. None by default. In whole seconds.
    ///
    /// A device without a result is not tried again: it may have done the work.
    pub fn retry(mut self, times: u32, after: Duration) -> Self {
        (self.policy.retries, self.policy.retry_after_seconds) = (times, whole_seconds(after));
        self
    }

    /// Creates jobs only between these hours of the day in UTC, by the hub's clock, and only if they end before the
    /// closing at the latest. `hours(22, 4)` includes midnight.
    pub fn hours(mut self, from: u32, to: u32) -> Self {
        self.policy.hours = Some(Hours { from, to });
        self
    }

    /// Creates no job before this time, at most 168 hours ahead by the hub's clock.
    pub fn not_before(mut self, start: DateTime<Utc>) -> Self {
        self.policy.not_before = Some(start);
        self
    }

    /// Reads the ids of the devices and distributes them over the waves, in the order of a hash that spreads
    /// neighbours: SHA-256 of the name, a line feed and the id. Creates nothing.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] if a rule is broken or no device is selected; those of [`Client::devices`].
    pub async fn plan(mut self, client: &Client) -> Result<RollOutPlan, Error> {
        if self.policy.stops.is_empty() {
            self.policy.stops.push(Stop::failed_percent_of_wave_above(0.0));
        }
        self.check()?;
        let waves = self.take_waves(client).await?;
        let created = client.hub_time().trunc_subsecs(0);
        let is_near = self.policy.not_before.is_none_or(|start| start <= created + LATEST_START);
        keep_rules([(is_near, "not_before", "must be at most 168 hours ahead")])?;
        RollOutPlan::new(self.name, created, self.request, self.policy, waves)
    }

    fn check(&self) -> Result<(), Error> {
        let Self { name, request, waves, policy } = self;
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_name = !name.is_empty() && name.chars().all(is_allowed);
        let has_limit = (1..=LONGEST_EXECUTION_TIME).contains(&policy.limit_seconds);
        let limit = i64::from(policy.limit_seconds);
        let has_room = policy.hours.is_none_or(|hours| limit <= hours.length().num_seconds());
        let has_rest_last = waves.iter().rev().skip(1).all(|wave| *wave != Wave::rest());
        let shares = waves.iter().map(Wave::share).fold(0, u32::saturating_add);
        keep_rules([
            (is_name, "the name", "must have lower-case ASCII letters, digits and `-`"),
            (request.start_time.is_none(), "the request", "must have no start: use RollOut::not_before"),
            (!names_collection(self.condition()), "the condition", "must select devices, not modules"),
            (has_limit, "the time limit", "must be of 1 second to 30 days"),
            (!waves.is_empty(), "waves", "must not be empty"),
            (waves.iter().all(|wave| wave.count(1) > 0), "waves", "must each take devices"),
            (has_rest_last, "waves", "must take the rest in the last wave alone"),
            (shares <= WHOLE, "waves", "must add up to at most 100 %"),
            (policy.retries <= RETRIES, "retry", "must be at most 10 times"),
            (policy.stops.iter().all(Stop::is_possible), "stop_when", "must be below 100 %"),
            (policy.hours.is_none_or(Hours::are_of_a_day), "hours", "must be from 0 to 24"),
            (has_room, "hours", "must be as long as the time limit of a job"),
        ])
    }

    fn condition(&self) -> &str {
        self.request.query_condition.as_deref().unwrap_or_default()
    }

    /// Reads the devices and distributes them over the waves.
    async fn take_waves(&self, client: &Client) -> Result<Vec<Vec<String>>, Error> {
        let mut left = order(&self.name, client.devices(self.condition()).try_collect().await?);
        keep_rules([(!left.is_empty(), "the condition", "must select a device")])?;
        let total = left.len();
        let mut waves = Vec::new();
        for wave in &self.waves {
            let Size::Matching(condition) = &wave.0 else {
                waves.push(left.drain(..wave.count(total).min(left.len())).collect());
                continue;
            };
            let matching: HashSet<String> = client.devices(condition).try_collect().await?;
            let devices: Vec<String> = left.extract_if(.., |id| matching.contains(id)).collect();
            let rule = "must select a device that is left, if they have a condition";
            keep_rules([(!devices.is_empty(), "waves", rule)])?;
            waves.push(devices);
        }
        keep_rules([(left.is_empty(), "waves", "must take all devices: end with Wave::rest()")])?;
        Ok(waves)
    }
}

/// Returns the first rule that is not kept: if it is, what it is about, and the rule.
fn keep_rules<const N: usize>(rules: [(bool, &'static str, &'static str); N]) -> Result<(), Error> {
    match rules.into_iter().find(|(is_kept, ..)| !is_kept) {
        Some((_, setting, rule)) => {
            Err(Error::invalid_request(setting, rule).with_target("the roll-out".to_owned()))
        }
        None => Ok(()),
    }
}

fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
