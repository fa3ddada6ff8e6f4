//! The hub's meters, by tier and units.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::meter::{Admission, Meter};
use super::rate_limit::RateLimit;
use crate::limits::{THROTTLE_BURST, THROTTLE_QUEUE};
use crate::mutex::Mutex;
use crate::tier::Tier;

/// Throttling of a hub.
///
/// Metered operations pass at once while the burst lasts, then wait in a queue that drains at the rate,
/// then are rejected with 429. The service documents the rates and this order, but neither the burst nor
/// the queue: by default the burst is what the rate brings in 60 s, and the longest wait is 40 s, the longest
/// that was seen.
///
/// ```
/// use std::time::Duration;
/// use jobs_emulator::Throttle;
///
/// let small_burst = Throttle::documented()
///     .burst(Duration::from_secs(1))
///     .queue(Duration::ZERO);
/// ```
#[derive(Clone, Debug)]
pub struct Throttle {
    is_on: bool,
    burst: Duration,
    queue: Duration,
    counts_reads: bool,
    job_operations: Option<RateLimit>,
    queries: Option<RateLimit>,
    device_operations: Option<RateLimit>,
}

impl Throttle {
    /// Meters nothing but what a limit is set for. How many jobs may be active at once is no meter: it follows
    /// the tier, or `EmulatorBuilder::concurrent_jobs`.
    pub const fn off() -> Self {
        Self { is_on: false, ..Self::documented() }
    }

    /// Meters by the documented rates of the hub's tier and units.
    pub const fn documented() -> Self {
        Self {
            is_on: true,
            burst: THROTTLE_BURST,
            queue: THROTTLE_QUEUE,
            counts_reads: true,
            job_operations: None,
            queries: None,
            device_operations: None,
        }
    }

    /// Sets the burst of the documented rates, as the time in which the rate brings as much.
    #[must_use]
    pub const fn burst(mut self, time: Duration) -> Self {
        self.burst = time;
        self
    }

    /// Sets the queue of the documented rates, as the longest wait in it.
    #[must_use]
    pub const fn queue(mut self, time: Duration) -> Self {
        self.queue = time;
        self
    }

    /// Sets whether reading a job counts as a job operation, which the documentation leaves open; it does
    /// by default.
    #[must_use]
    pub const fn counts_reads(mut self, counts: bool) -> Self {
        self.counts_reads = counts;
        self
    }

    /// Meters create, cancel, list and read by this limit instead of the documented one.
    #[must_use]
    pub const fn job_operations(mut self, limit: RateLimit) -> Self {
        self.job_operations = Some(limit);
        self
    }

    /// Meters queries by this limit instead of the documented one.
    #[must_use]
    pub const fn queries(mut self, limit: RateLimit) -> Self {
        self.queries = Some(limit);
        self
    }

    /// Meters the devices that jobs reach by this limit instead of the documented one. Its queue is
    /// endless: a job waits, its devices do not fail.
    #[must_use]
    pub const fn device_operations(mut self, limit: RateLimit) -> Self {
        self.device_operations = Some(limit);
        self
    }
}

impl Default for Throttle {
    /// Meters by the documented rates.
    fn default() -> Self {
        Self::documented()
    }
}

/// Kind of a metered request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Metered {
    /// Create, cancel or list.
    JobOperation,
    /// Read a job.
    JobRead,
    Query,
}

impl Metered {
    /// Returns the name of the kind in the text of a rejection: an assumption, since only those of the
    /// registry and of configurations, `CRUD` and `ConfigurationWrite`, were seen.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::JobOperation | Self::JobRead => "Jobs",
            Self::Query => "Query",
        }
    }
}

/// The meters of a hub; none for what has no limit.
#[derive(Debug)]
pub(crate) struct Meters {
    counts_reads: bool,
    job_operations: Option<Mutex<Meter>>,
    queries: Option<Mutex<Meter>>,
}

impl Meters {
    /// Makes the meters of requests, and that of the devices which jobs reach.
    pub(crate) fn new(throttle: &Throttle, tier: Tier, units: u32) -> (Self, Option<Meter>) {
        let shaped = |rate: RateLimit| {
            rate.with_burst(rate.operations_in(throttle.burst)).with_queue(rate.operations_in(throttle.queue))
        };
        let meter = |limit: Option<RateLimit>, documented: RateLimit| {
            limit.or(throttle.is_on.then_some(documented)).map(Meter::new)
        };
        let job_operations = shaped(RateLimit::per_minute(tier.job_operations_per_minute(units)));
        let queries = shaped(RateLimit::per_minute(tier.queries_per_minute(units)));
        let device_operations = RateLimit::per_second(tier.device_operations_per_second(units));
        let meters = Self {
            counts_reads: throttle.counts_reads,
            job_operations: meter(throttle.job_operations, job_operations).map(Mutex::new),
            queries: meter(throttle.queries, queries).map(Mutex::new),
        };
        (meters, meter(throttle.device_operations, device_operations))
    }

    /// Counts a request at `now`; returns `None` if it is not metered.
    pub(crate) fn admit(&self, metered: Metered, now: DateTime<Utc>) -> Option<Admission> {
        let meter = match metered {
            Metered::JobRead if !self.counts_reads => None,
            Metered::JobOperation | Metered::JobRead => self.job_operations.as_ref(),
            Metered::Query => self.queries.as_ref(),
        };
        meter.map(|meter| meter.lock().admit(now))
    }

    /// Fills all buckets.
    pub(crate) fn reset(&self) {
        [&self.job_operations, &self.queries].into_iter().flatten().for_each(|meter| meter.lock().reset());
    }

    /// Returns how many job operations and how many queries would pass at once at `now`.
    pub(crate) fn available(&self, now: DateTime<Utc>) -> [Option<i64>; 2] {
        [&self.job_operations, &self.queries]
            .map(|meter| meter.as_ref().map(|meter| meter.lock().available(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn immediate(meters: &Meters, metered: Metered) -> usize {
        let now = DateTime::UNIX_EPOCH;
        let is_immediate =
            |admission: Option<_>| admission.is_none_or(|admission| admission == Admission::Immediate);
        (0..10_000).take_while(|_| is_immediate(meters.admit(metered, now))).count()
    }

    #[test]
    fn documented_rates_scale_with_tier_and_units() {
        let (meters, _) = Meters::new(&Throttle::documented(), Tier::S1, 1);
        assert_eq!(immediate(&meters, Metered::JobOperation), 100);
        assert_eq!(immediate(&meters, Metered::JobRead), 0, "reads share the meter of job operations");
        assert_eq!(immediate(&meters, Metered::Query), 20);
        let (meters, _) = Meters::new(&Throttle::documented(), Tier::S3, 1);
        assert_eq!(immediate(&meters, Metered::JobOperation), 5_000);
        assert_eq!(immediate(&meters, Metered::Query), 1_000);
        let (meters, _) = Meters::new(&Throttle::documented().burst(Duration::from_secs(6)), Tier::S2, 2);
        assert_eq!(immediate(&meters, Metered::JobOperation), 20);
    }

    #[test]
    fn reads_are_free_if_they_do_not_count() {
        let (meters, _) = Meters::new(&Throttle::documented().counts_reads(false), Tier::S1, 1);
        assert_eq!(immediate(&meters, Metered::JobRead), 10_000);
    }

    #[test]
    fn nothing_but_a_limit_of_its_own_is_metered_when_throttling_is_off() {
        let (meters, devices) = Meters::new(&Throttle::off(), Tier::S1, 1);
        assert!(devices.is_none());
        assert_eq!(immediate(&meters, Metered::Query), 10_000);
        assert_eq!(meters.available(DateTime::UNIX_EPOCH), [None, None]);
        let throttle = Throttle::off().job_operations(RateLimit::per_minute(60).with_burst(3));
        let (meters, devices) = Meters::new(&throttle, Tier::S1, 1);
        assert!(devices.is_none());
        assert_eq!(immediate(&meters, Metered::JobOperation), 3);
        assert_eq!(immediate(&meters, Metered::Query), 10_000);
    }
}
