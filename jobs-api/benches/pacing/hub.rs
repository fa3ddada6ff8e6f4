//! A hub that meters: a bucket of tokens, a queue behind it, slots for running jobs, and an outage.

use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use crate::pace::Failure;

/// The time that a request or a response takes, on average.
const WAY: Duration = Duration::from_millis(25);
/// The part by which that time differs with a seed, up and down.
const JITTER: f64 = 0.4;

/// The limits of a hub.
#[derive(Clone, Copy)]
pub(crate) struct HubSettings {
    /// Calls a minute.
    pub(crate) rate: f64,
    /// Calls that a full bucket allows at once, at least 1.
    pub(crate) burst: f64,
    /// Calls that are held back until the bucket has room for them.
    pub(crate) queue: f64,
    pub(crate) slots: usize,
    /// The duration of a job.
    pub(crate) job: Duration,
    /// The wait that a rejection states.
    pub(crate) stated: Option<Duration>,
    /// The time from which on every call fails, and for how long.
    pub(crate) outage: Option<(Duration, Duration)>,
}

impl Default for HubSettings {
    fn default() -> Self {
        let (job, stated, outage) = (Duration::ZERO, None, None);
        Self { rate: 100.0, burst: 1.0, queue: 0.0, slots: usize::MAX, job, stated, outage }
    }
}

/// Returns the shortest and the longest time of a request or a response with a seed, in milliseconds.
fn ways() -> (u64, u64) {
    let milliseconds = |factor| (WAY.mul_f64(factor).as_secs_f64() * 1000.0).round() as u64;
    (milliseconds(1.0 - JITTER), milliseconds(1.0 + JITTER))
}

/// Returns by how much the times of two requests differ at most.
pub(crate) fn variation() -> Duration {
    let (least, most) = ways();
    Duration::from_millis(most - least)
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reply {
    Accepted,
    Throttled,
    SlotBusy,
    Failed,
}

pub(crate) struct Hub {
    settings: HubSettings,
    state: Mutex<State>,
    /// `None` if every request and response takes the same time.
    random: Option<Mutex<Rng>>,
}

struct State {
    start: Instant,
    tokens: f64,
    since: Instant,
    /// The ends of the jobs that run.
    jobs: Vec<Instant>,
}

impl Hub {
    pub(crate) fn new(settings: HubSettings, seed: Option<u64>) -> Self {
        let now = Instant::now();
        let state = State { start: now, tokens: settings.burst, since: now, jobs: Vec::new() };
        let random = seed.map(|seed| Mutex::new(Rng::with_seed(seed)));
        Self { settings, state: Mutex::new(state), random }
    }

    /// Returns the duration of a job.
    pub(crate) fn job(&self) -> Duration {
        self.settings.job
    }

    /// Returns what a reply means for the pace.
    pub(crate) fn answer(&self, reply: Reply) -> Result<(), Failure> {
        match reply {
            Reply::Accepted => Ok(()),
            Reply::Throttled => Err(Failure::Throttled(self.settings.stated)),
            Reply::SlotBusy => Err(Failure::SlotBusy(None)),
            Reply::Failed => Err(Failure::Transient(None)),
        }
    }

    /// Sends a call to the hub.
    pub(crate) async fn send(&self, is_create: bool) -> Reply {
        sleep(self.way()).await;
        let (reply, delay) = self.receive(is_create);
        sleep(delay + self.way()).await;
        reply
    }

    /// Returns the time of a request or a response, of whole milliseconds: timers round up to them.
    fn way(&self) -> Duration {
        let (least, most) = ways();
        match &self.random {
            Some(random) => Duration::from_millis(random.lock().unwrap().u64(least..=most)),
            None => WAY,
        }
    }

    /// Returns a random time that is this one on average, if the hub has a seed.
    pub(crate) fn jitter(&self, time: Duration) -> Duration {
        let Some(random) = &self.random else { return time };
        time.mul_f64(1.0 + JITTER * (2.0 * random.lock().unwrap().f64() - 1.0))
    }

    fn receive(&self, is_create: bool) -> (Reply, Duration) {
        let HubSettings { rate, burst, queue, slots, job, outage, .. } = self.settings;
        let per_second = rate / 60.0;
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let time = now - state.start;
        if outage.is_some_and(|(start, duration)| time >= start && time < start + duration) {
            return (Reply::Failed, Duration::ZERO);
        }
        state.tokens = (state.tokens + (now - state.since).as_secs_f64() * per_second).min(burst);
        state.since = now;
        let left = state.tokens - 1.0 + 1e-6;
        if left < -queue {
            return (Reply::Throttled, Duration::ZERO);
        }
        state.tokens -= 1.0;
        let delay = Duration::from_secs_f64((-left).max(0.0) / per_second);
        if is_create && slots < usize::MAX {
            state.jobs.retain(|end| *end > now);
            if state.jobs.len() >= slots {
                return (Reply::SlotBusy, delay);
            }
            state.jobs.push(now + job);
        }
        (Reply::Accepted, delay)
    }

    /// Returns the least seconds between two accepted calls, if that part of them is rejected.
    ///
    /// A hub without burst and queue accepts a call T after the one that it accepted before, and timers count
    /// whole milliseconds: T is rounded up. If each call takes one of n successive milliseconds on its way, as
    /// likely as any other, then (n - k)(n - k + 1)/2n² of them are faster than the one before by k or more,
    /// and arrive too early if they are sent T + k - 1 after it. The k of a part p that is rejected yields
    /// (T + k - 1)/(1 - p). No uneven pace does better, since the part is convex in k.
    pub(crate) fn gap(&self, rejected: f64) -> f64 {
        let HubSettings { burst, queue, .. } = self.settings;
        let interval = self.interval();
        if burst > 1.0 || queue > 0.0 {
            return interval;
        }
        let milliseconds = (interval * 1000.0 - 1e-6).ceil();
        if self.random.is_none() {
            return milliseconds / 1000.0;
        }
        let (least, most) = ways();
        let ways = (most - least + 1) as f64;
        let slower = ((1.0 + 8.0 * ways * ways * rejected).sqrt() - 1.0) / 2.0;
        (milliseconds + ways - slower - 1.0) / 1000.0 / (1.0 - rejected)
    }

    /// Returns the seconds between two calls at the rate.
    pub(crate) fn interval(&self) -> f64 {
        60.0 / self.settings.rate
    }

    /// Returns the least time that so many calls of so many callers take, with so many seconds between them, if this
    /// many go at once.
    pub(crate) fn least(&self, calls: usize, callers: usize, gap: f64, burst: f64) -> Duration {
        let HubSettings { slots, job, .. } = self.settings;
        let metered = (calls as f64 - burst).max(0.0) * gap;
        let by_callers = calls as f64 / callers as f64 * (WAY * 2).as_secs_f64();
        let by_slots =
            if slots < usize::MAX { (calls.div_ceil(slots) - 1) as f64 * job.as_secs_f64() } else { 0.0 };
        Duration::from_secs_f64(metered.max(by_callers).max(by_slots)) + WAY * 2
    }
}
