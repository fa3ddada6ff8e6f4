//! One case of the table: callers, a hub, and what is aimed at.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::print;
use crate::hub::{Hub, HubSettings, Reply};
use crate::pacer::queue::Class;
use crate::pacer::tier::{Limits, Tier};
use crate::pacer::{Answer, Call, Deadlines, Pacer};

/// Longer than any case takes: a call that is lost is lost by the pacer.
const DEADLINE: Duration = Duration::from_secs(100_000);

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) told: Option<(Tier, u32)>,
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

pub(crate) struct Aim {
    pub(crate) ratio: f64,
    pub(crate) rejected: f64,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            name: "",
            told: None,
            hub: HubSettings::default(),
            rival: None,
            callers: 1,
            calls: 1,
            is_watched: false,
            seed: None,
            aim: Aim { ratio: 1.0, rejected: 0.0 },
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
    /// Runs the case and prints its line. Returns true if the aims are met.
    pub(crate) fn run(&self, is_real: bool) -> bool {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(!is_real).build();
        runtime.unwrap().block_on(self.simulate())
    }

    async fn simulate(&self) -> bool {
        let limits = self.told.map_or(Limits::default(), |(tier, units)| tier.limits(units).unwrap());
        let (pacer, hub) = (Arc::new(Pacer::new(limits)), Arc::new(Hub::new(self.hub, self.seed)));
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
                let (pacer, hub, counts) = (pacer.clone(), hub.clone(), counts.clone());
                let (calls, takes_slot, is_watched) =
                    (self.calls, self.hub.slots < usize::MAX, self.is_watched);
                tokio::spawn(async move {
                    loop {
                        let number = counts.next.fetch_add(1, Ordering::Relaxed);
                        if number >= calls {
                            return;
                        }
                        let id = format!("job-{number}");
                        if !create(&pacer, &hub, &counts, takes_slot.then_some(&id)).await {
                            counts.lost.fetch_add(1, Ordering::Relaxed);
                        } else if is_watched {
                            tokio::spawn(watch(pacer.clone(), hub.clone(), id));
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
        let least = hub.least(self.calls, self.callers, hub.interval() / share);
        // The least time that the way to the hub allows.
        let possible = hub.least(self.calls, self.callers, hub.gap(self.aim.rejected) / share);
        let ratio = took.as_secs_f64() / least.as_secs_f64();
        let aim = self.aim.ratio * possible.as_secs_f64() / least.as_secs_f64();
        let rejected = count(&counts.rejected) as f64 / count(&counts.sent) as f64;
        let lost = count(&counts.lost);
        let is_met = ratio <= aim && rejected <= self.aim.rejected && lost == 0;
        print(format_args!(
            "{:<9} {:<40} {:>7} {:>6} {:>9.2} {:>9.2} {ratio:>6.3} {aim:>6.3} {:>7.2} % {lost:>5}{}",
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
        let HubSettings { rate, burst, queue, slots, job } = self.hub;
        let mut hub = format!("{rate:.0}/min");
        if burst > 1.0 {
            hub += &format!(", burst {burst:.0}");
        }
        if queue > 0.0 {
            hub += &format!(", queue {queue:.0}");
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

/// Makes a call until it is accepted, as the pipeline does. Returns false if it is lost.
async fn create(pacer: &Pacer, hub: &Hub, counts: &Counts, job: Option<&String>) -> bool {
    let mut call = Call::new(Class::Change, false, job.map(String::as_str));
    let deadline = Some(Instant::now() + DEADLINE);
    loop {
        let deadlines = Deadlines { turn: deadline, slot: deadline };
        let Ok(permit) = pacer.turn(&mut call, deadlines).await else { return false };
        counts.sent.fetch_add(1, Ordering::Relaxed);
        let reply = hub.send(job.is_some()).await;
        permit.record(Some(match reply {
            Reply::Accepted => Answer::Success,
            Reply::Throttled => Answer::Throttled { retry_after: None },
            Reply::SlotBusy => Answer::SlotBusy { retry_after: None },
        }));
        match reply {
            Reply::Accepted => return true,
            Reply::Throttled => drop(counts.rejected.fetch_add(1, Ordering::Relaxed)),
            Reply::SlotBusy => {}
        }
    }
}

/// Polls a job as the client's wait does, until it has ended.
async fn watch(pacer: Arc<Pacer>, hub: Arc<Hub>, id: String) {
    let start = Instant::now();
    loop {
        let pause = pacer.time_to_end(&id, 0).filter(|time| !time.is_zero());
        let pause =
            pause.unwrap_or(start.elapsed() / 10).clamp(Duration::from_millis(500), Duration::from_secs(10));
        sleep(pause).await;
        let mut call = Call::new(Class::Read, false, None);
        let deadlines = Deadlines { turn: None, slot: None };
        let Ok(permit) = pacer.turn(&mut call, deadlines).await else { return };
        let has_ended = start.elapsed() >= hub.job();
        let reply = hub.send(false).await;
        let is_accepted = reply == Reply::Accepted;
        permit.record(Some(if is_accepted {
            Answer::Success
        } else {
            Answer::Throttled { retry_after: None }
        }));
        if is_accepted && has_ended {
            pacer.record_job_end(&id);
            return;
        }
        if is_accepted {
            pacer.record_running(&id);
        }
    }
}
