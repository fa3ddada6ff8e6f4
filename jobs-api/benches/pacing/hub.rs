//! A hub that meters: a bucket of tokens, a queue behind it, and slots for running jobs.

use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

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
}

impl Default for HubSettings {
    fn default() -> Self {
        Self { rate: 100.0, burst: 1.0, queue: 0.0, slots: usize::MAX, job: Duration::ZERO }
    }
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Reply {
    Accepted,
    Throttled,
    SlotBusy,
}

pub(crate) struct Hub {
    settings: HubSettings,
    state: Mutex<State>,
    /// `None` if every request and response takes the same time.
    random: Option<Mutex<Rng>>,
}

struct State {
    tokens: f64,
    since: Instant,
    /// The ends of the jobs that run.
    jobs: Vec<Instant>,
}

impl Hub {
    pub(crate) fn new(settings: HubSettings, seed: Option<u64>) -> Self {
        let state = State { tokens: settings.burst, since: Instant::now(), jobs: Vec::new() };
        let random = seed.map(|seed| Mutex::new(Rng::with_seed(seed)));
        Self { settings, state: Mutex::new(state), random }
    }

    /// Returns the duration of a job.
    pub(crate) fn job(&self) -> Duration {
        self.settings.job
    }

    /// Sends a call to the hub.
    pub(crate) async fn send(&self, is_create: bool) -> Reply {
        sleep(self.jitter(WAY)).await;
        let (reply, delay) = self.receive(is_create);
        sleep(delay + self.jitter(WAY)).await;
        reply
    }

    /// Returns a random time that is this one on average, if the hub has a seed.
    pub(crate) fn jitter(&self, time: Duration) -> Duration {
        let Some(random) = &self.random else { return time };
        time.mul_f64(1.0 + JITTER * (2.0 * random.lock().unwrap().f64() - 1.0))
    }

    fn receive(&self, is_create: bool) -> (Reply, Duration) {
        let HubSettings { rate, burst, queue, slots, job } = self.settings;
        let per_second = rate / 60.0;
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
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

    /// Returns the least time that so many calls of so many callers take, with this share of the rate.
    pub(crate) fn least(&self, calls: usize, callers: usize, share: f64) -> Duration {
        let HubSettings { rate, burst, slots, job, .. } = self.settings;
        let metered = (calls as f64 - burst).max(0.0) / (rate / 60.0 * share);
        let by_callers = calls as f64 / callers as f64 * (WAY * 2).as_secs_f64();
        let by_slots =
            if slots < usize::MAX { (calls.div_ceil(slots) - 1) as f64 * job.as_secs_f64() } else { 0.0 };
        Duration::from_secs_f64(metered.max(by_callers).max(by_slots)) + WAY * 2
    }
}
