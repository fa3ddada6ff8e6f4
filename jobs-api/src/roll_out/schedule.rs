//! When jobs may run: the rules of a plan, and the estimate that follows from them.

use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::stop::Stop;

/// Parts of a wave in progress at a time: as many as any hub runs jobs.
pub(super) const PARTS_IN_PROGRESS: usize = 10;
/// Seconds that a job takes beyond its time limit: to be shown, polled, and its rows to be read.
const OVERHEAD: u64 = 120;
/// Rows of a page of results, and devices of a page as the run looks for those that joined later.
const PAGE: usize = 100;
/// Calls for a job: its search, its creation, and ten polls.
const OPERATIONS: usize = 12;

/// When jobs may start, what is retried, and when the roll-out stops.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Policy {
    /// The time limit of each job.
    pub(super) limit_seconds: u32,
    pub(super) soak_seconds: u32,
    pub(super) retries: u32,
    pub(super) retry_after_seconds: u32,
    pub(super) stops: Vec<Stop>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hours: Option<Hours>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_before: Option<DateTime<Utc>>,
}

/// Hours of each day, in UTC.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Hours {
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Policy {
    pub(super) fn limit(&self) -> Duration {
        Duration::from_secs(self.limit_seconds.into())
    }

    pub(super) fn soak(&self) -> TimeDelta {
        TimeDelta::seconds(self.soak_seconds.into())
    }

    pub(super) fn retry_after(&self) -> TimeDelta {
        TimeDelta::seconds(self.retry_after_seconds.into())
    }

    /// Returns the first time from `now` on at which a job may start.
    pub(super) fn next_start(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let now = self.not_before.map_or(now, |start| start.max(now));
        let limit = TimeDelta::seconds(self.limit_seconds.into());
        self.hours.map_or(now, |hours| hours.next_start(now, limit))
    }
}

impl Hours {
    pub(super) fn are_of_a_day(self) -> bool {
        self.from < 24 && self.to <= 24
    }

    /// Returns the hours from the opening to the closing, of the next day if that is the earlier one.
    pub(super) fn length(self) -> TimeDelta {
        let midnight = if self.to <= self.from { 24 } else { 0 };
        TimeDelta::hours(midnight + i64::from(self.to) - i64::from(self.from))
    }

    /// Returns the first time from `now` on from which a job of this time limit ends before the closing.
    fn next_start(self, now: DateTime<Utc>, limit: TimeDelta) -> DateTime<Utc> {
        let midnight = now.date_naive().and_time(NaiveTime::MIN).and_utc();
        let openings = (-1..).map(|day| midnight + TimeDelta::hours(24 * day + i64::from(self.from)));
        // Two openings from now on suffice, since the limit is shorter than the hours.
        let mut openings = openings.take(3);
        let opening = openings.find(|opening| now <= *opening + self.length() - limit);
        opening.map_or(now, |opening| opening.max(now))
    }
}

/// How large a roll-out is, and how long it takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// Devices.
    pub devices: usize,
    /// Jobs, if no device has to be tried again.
    pub jobs: usize,
    /// Creations, reads and queries, if no device has to be tried again and no job is polled more than 10 times.
    pub operations: usize,
    /// How long it takes if every device answers at once: at the hub's rate for devices, with the soak times, without
    /// the given hours.
    pub expected: Duration,
    /// How long it takes at most: if the hub runs one job after another, each to its time limit, and every device is
    /// tried as often as possible. Pauses, approvals, outages, and slots that other jobs hold come on top.
    pub latest: Duration,
}

impl Estimate {
    /// Estimates a plan whose waves have so many parts.
    pub(super) fn of(devices: usize, parts: &[usize], policy: &Policy, devices_per_second: u32) -> Self {
        let jobs: usize = parts.iter().sum();
        let tries = jobs as u64 * u64::from(policy.retries + 1);
        // A part that waits for its retry keeps its place.
        let rounds: usize = parts.iter().map(|parts| parts.div_ceil(PARTS_IN_PROGRESS)).sum();
        let pauses = rounds as u64 * u64::from(policy.retries) * u64::from(policy.retry_after_seconds);
        let soaks = parts.len().saturating_sub(1) as u64 * u64::from(policy.soak_seconds);
        let limit = u64::from(policy.limit_seconds);
        // Each job may just miss the hours.
        let closed =
            policy.hours.map(|hours| (TimeDelta::days(1) - hours.length()).num_seconds().unsigned_abs());
        let waits = closed.map_or(0, |closed| closed + limit);
        let work = (devices as u64).div_ceil(devices_per_second.max(1).into());
        Self {
            devices,
            jobs,
            operations: jobs * OPERATIONS + 2 * devices.div_ceil(PAGE),
            expected: Duration::from_secs(work + soaks),
            latest: Duration::from_secs(tries * (limit + OVERHEAD + waits) + pauses + soaks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(hours: (u32, u32), limit: i64, now: &str) -> String {
        let hours = Hours { from: hours.0, to: hours.1 };
        let now = now.parse().unwrap();
        hours.next_start(now, TimeDelta::minutes(limit)).format("%d %H:%M").to_string()
    }

    #[test]
    fn job_starts_only_if_its_limit_ends_within_the_hours() {
        assert_eq!(start((9, 17), 60, "2030-01-02T03:00:00Z"), "02 09:00");
        assert_eq!(start((9, 17), 60, "2030-01-02T12:34:00Z"), "02 12:34");
        assert_eq!(start((9, 17), 60, "2030-01-02T16:00:00Z"), "02 16:00");
        assert_eq!(start((9, 17), 60, "2030-01-02T16:01:00Z"), "03 09:00");
        assert_eq!(start((9, 17), 480, "2030-01-02T09:01:00Z"), "03 09:00");
    }

    #[test]
    fn hours_may_include_midnight() {
        assert_eq!(start((22, 4), 60, "2030-01-02T01:00:00Z"), "02 01:00");
        assert_eq!(start((22, 4), 60, "2030-01-02T03:01:00Z"), "02 22:00");
        assert_eq!(start((22, 4), 60, "2030-01-02T23:59:00Z"), "02 23:59");
        assert_eq!(start((0, 24), 60, "2030-01-02T23:30:00Z"), "03 00:00");
        assert_eq!(Hours { from: 22, to: 4 }.length(), TimeDelta::hours(6));
    }

    #[test]
    fn estimate_adds_up_the_longest_times() {
        let policy = Policy {
            limit_seconds: 60,
            soak_seconds: 1000,
            retries: 1,
            retry_after_seconds: 100,
            ..Policy::default()
        };
        let estimate = Estimate::of(12_000, &[1, 2, 21], &policy, 10);
        assert_eq!((estimate.jobs, estimate.operations), (24, 24 * 12 + 240));
        assert_eq!(estimate.expected.as_secs(), 1200 + 2 * 1000);
        // Each of 48 jobs to its limit, a pause for each ten parts of a wave, and two soak times.
        assert_eq!(estimate.latest.as_secs(), 48 * (60 + 120) + 5 * 100 + 2 * 1000);
        let at_night = Policy { hours: Some(Hours { from: 22, to: 4 }), ..policy };
        let waits = Estimate::of(12_000, &[1, 2, 21], &at_night, 10).latest - estimate.latest;
        assert_eq!(waits.as_secs(), 48 * (18 * 3600 + 60));
    }
}
