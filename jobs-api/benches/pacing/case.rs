//! One case of the table: callers, a hub, and what is aimed at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::print;
use crate::hub::{self, Hub, HubSettings, Reply};
use crate::pace::{BreakerSettings, Class, Deadlines, Limits, Pace, Subject};
use crate::tier::Tier;

/// Longer than any case takes: a call that is lost is lost by the pace.
const DEADLINE: Duration = Duration::from_secs(100_000);
/// The defaults of `RetryPolicy`: the breaker, and the first and the longest wait after a failure.
const BREAKER: BreakerSettings = BreakerSettings { failures: 5, longest_pause: Duration::from_secs(30) };
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) configured: Option<(Tier, u32)>,
    pub(crate) hub: HubSettings,
    pub(crate) rival: Option<Rival>,
    pub(crate) callers: usize,
    pub(crate) calls: usize,
    /// The end of each job is seen, by polls that expect it.
    pub(crate) is_watched: bool,
    /// Lets the times of requests, responses and rivals differ at random.
    pub(crate) seed: Option<u64>,
    pub(crate) aim: Aim,
}

/// Another program that sends at an even pace and does not retry.
pub(crate) struct Rival {
    pub(crate) share: f64,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Aim {
    pub(crate) ratio: f64,
    pub(crate) rejected: f64,
    /// The time that may be added to the least time.
    pub(crate) after: Duration,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            name: "",
            configured: None,
            hub: HubSettings::default(),
            rival: None,
            callers: 1,
            calls: 1,
            is_watched: false,
            seed: None,
            aim: Aim::default(),
        }
    }
}

/// The counts of a run.
#[derive(Default)]
struct Counts {
    next: AtomicUsize,
    sent: AtomicUsize,
    rejected: AtomicUsize,
    lost: AtomicUsize,
}

impl Case {
    /// Returns true if the hub has neither burst nor queue.
    pub(crate) fn is_bare(&self) -> bool {
        self.hub.burst <= 1.0 && self.hub.queue <= 0.0
    }

    /// Returns false for a hub without burst and queue if calls overtake each other on their way to it.
    pub(crate) fn is_possible(&self) -> bool {
        self.seed.is_none() || !self.is_bare() || 60.0 / self.hub.rate > hub::variation().as_secs_f64()
    }

    /// Runs the case and prints its line. Returns true if the aims are met.
    pub(crate) fn run(&self, is_real: bool) -> bool {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(!is_real).build();
        runtime.unwrap().block_on(self.simulate())
    }

    async fn simulate(&self) -> bool {
        let limits = self.configured.map_or(Limits::default(), |(tier, units)| tier.limits(units).unwrap());
        let (pace, hub) = (Arc::new(Pace::new(limits)), Arc::new(Hub::new(self.hub, self.seed)));
        let counts = Arc::new(Counts::default());
        let start = Instant::now();
        let rival = self.rival.as_ref().map(|rival| {
            let (hub, rate) = (hub.clone(), self.hub.rate * rival.share);
            tokio::spawn(async move {
                let mut next = Instant::now();
                loop {
                    tokio::spawn({
                        let hub = hub.clone();
                        async move { hub.send(false).await }
                    });
                    next += hub.jitter(Duration::from_secs_f64(60.0 / rate));
                    tokio::time::sleep_until(next).await;
                }
            })
        });
        let callers: Vec<_> = (0..self.callers)
            .map(|_| {
                let (pace, hub, counts) = (pace.clone(), hub.clone(), counts.clone());
                let (calls, takes_slot, is_watched) =
                    (self.calls, self.hub.slots < usize::MAX, self.is_watched);
                tokio::spawn(async move {
                    loop {
                        let number = counts.next.fetch_add(1, Ordering::Relaxed);
                        if number >= calls {
                            return;
                        }
                        let id = format!("job-{number}");
                        if !create(&pace, &hub, &counts, takes_slot.then_some(&id)).await {
                            counts.lost.fetch_add(1, Ordering::Relaxed);
                        } else if is_watched {
                            tokio::spawn(watch(pace.clone(), hub.clone(), id));
                        }
                    }
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
        let took = start.elapsed();
        if let Some(rival) = rival {
            rival.abort();
        }
        self.report(took, &hub, &counts)
    }

    fn report(&self, took: Duration, hub: &Hub, counts: &Counts) -> bool {
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let share = 1.0 - self.rival.as_ref().map_or(0.0, |rival| rival.share);
        // A rate that is configured is kept: the burst that the hub has is not used.
        let burst = if self.configured.is_some() { 1.0 } else { self.hub.burst };
        let outage = self.hub.outage.map_or(Duration::ZERO, |(_, duration)| duration);
        let least = |gap: f64| outage + hub.least(self.calls, self.callers, gap / share, burst);
        // The least time that the way to the hub allows.
        let (least, possible) = (least(hub.interval()), least(hub.gap(self.aim.rejected)));
        let ratio = took.as_secs_f64() / least.as_secs_f64();
        let aim = (possible.mul_f64(self.aim.ratio) + self.aim.after).as_secs_f64() / least.as_secs_f64();
        let rejected = count(&counts.rejected) as f64 / count(&counts.sent) as f64;
        let lost = count(&counts.lost);
        let is_met = ratio <= aim && rejected <= self.aim.rejected && lost == 0;
        print(format_args!(
            "{:<10} {:<40} {:>7} {:>6} {:>9.2} {:>9.2} {ratio:>6.3} {aim:>6.3} {:>7.2} % {lost:>5}{}",
            self.name,
            self.describe_hub(),
            self.callers,
            self.calls,
            least.as_secs_f64(),
            took.as_secs_f64(),
            rejected * 100.0,
            if is_met { "" } else { "  MISSED" },
        ));
        is_met
    }

    fn describe_hub(&self) -> String {
        let HubSettings { rate, burst, queue, slots, job, stated, outage } = self.hub;
        let mut hub = format!("{rate:.0}/min");
        if burst > 1.0 {
            hub += &format!(", burst {burst:.0}");
        }
        if queue > 0.0 {
            hub += &format!(", queue {queue:.0}");
        }
        if let Some(stated) = stated {
            hub += &format!(", wait {} s", stated.as_secs());
        }
        if let Some((_, duration)) = outage {
            hub += &format!(", outage {} min", duration.as_secs() / 60);
        }
        if let Some(rival) = &self.rival {
            hub += &format!(", rival {:.0} %", rival.share * 100.0);
        }
        if slots < usize::MAX {
            hub = format!(
                "{slots} slots, jobs of {} s{}",
                job.as_secs(),
                if self.is_watched { ", seen" } else { "" }
            );
        }
        if self.seed.is_some() {
            hub += ", uneven";
        }
        hub
    }
}

fn subject(class: Class, job: Option<&String>) -> Subject<'_> {
    let creates = job.map(|id| (id.as_str(), Instant::now()));
    Subject { class, is_query: false, creates, goes_first: false, breaker: BREAKER }
}

/// Makes a call until it is accepted, as the pipeline does in a batch. Returns false if it is lost.
async fn create(pace: &Pace, hub: &Hub, counts: &Counts, job: Option<&String>) -> bool {
    let mut call = pace.call(subject(Class::Change, job));
    let deadline = Some(Instant::now() + DEADLINE);
    let mut backoff = BACKOFF.0;
    loop {
        if call.admit(Deadlines { call: deadline, slot: deadline }).await.is_err() {
            return false;
        }
        counts.sent.fetch_add(1, Ordering::Relaxed);
        let reply = hub.send(job.is_some()).await;
        call.record(hub.answer(reply));
        match reply {
            Reply::Accepted => return true,
            Reply::Throttled => drop(counts.rejected.fetch_add(1, Ordering::Relaxed)),
            Reply::SlotBusy => {}
            Reply::Failed => {
                sleep(backoff / 2).await;
                backoff = (backoff * 2).min(BACKOFF.1);
            }
        }
    }
}

/// Polls a job as the client's wait does, until it has ended.
async fn watch(pace: Arc<Pace>, hub: Arc<Hub>, id: String) {
    let start = Instant::now();
    loop {
        let pause = pace.time_to_end(&id, 0).filter(|time| !time.is_zero());
        let pause =
            pause.unwrap_or(start.elapsed() / 10).clamp(Duration::from_millis(500), Duration::from_secs(10));
        sleep(pause).await;
        let mut call = pace.call(subject(Class::Read, None));
        if call.admit(Deadlines::default()).await.is_err() {
            return;
        }
        let has_ended = start.elapsed() >= hub.job();
        let reply = hub.send(false).await;
        call.record(hub.answer(reply));
        if reply == Reply::Accepted && has_ended {
            pace.record_job_end(&id);
            return;
        }
    }
}
