//! A scenario: a plan, a hub, and runs of which some are killed.

use std::path::Path;
use std::time::Duration;

use chrono::{SubsecRound as _, Timelike as _, Utc};
use fastrand::Rng;
use futures_util::StreamExt as _;
use futures_util::future::{Either, select, try_join};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{
    Client, ClientBuilder, Error, FailureKind, RollOut, RollOutEvent, RollOutPlan, RollOutReport, Stop,
    StopReason, Wave,
};
use tokio::time::{Instant, sleep, timeout};

use super::Tally;
use super::hub::{Delays, Device, Fate, Hub};
use super::invariants::{Ended, check};
use super::server::{Shared, State};
use crate::simulation::clock::StillClock;
use crate::simulation::faults::delay;
use crate::simulation::scenario::KEY;

/// Longer than any roll-out may take, and short enough that clients know the time of the hub.
const HANG: Duration = Duration::from_secs(20 * 3600);

/// The rules of a roll-out, beside those that the plan shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) soak: Duration,
    pub(super) retries: u32,
    pub(super) retry_after: Duration,
    /// The percentage, and if it is of the wave.
    pub(super) stop: (u32, bool),
    pub(super) hours: Option<(u32, u32)>,
}

pub(super) fn run(seed: u64, socket: &Path) -> Result<Tally, String> {
    let _ = std::fs::remove_file(socket);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    fastrand::seed(seed);
    let rng = Rng::with_seed(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    runtime.block_on(async {
        let still = StillClock::start();
        still.observe(play(rng, &still, socket)).await
    })
}

async fn play(mut rng: Rng, still: &StillClock, socket: &Path) -> Result<Tally, String> {
    let limit = Duration::from_secs([30, 60, 120][rng.usize(..3)]);
    let shared = Shared::new(State {
        hub: hub(&mut rng, limit),
        faults: [0.0, 0.05, 0.3][rng.usize(..3)],
        outage: outage(&mut rng),
        rng: rng.fork(),
        requests: 0,
    });
    shared.listen(still, socket);
    let rules = Rules {
        soak: delay(&mut rng, 600_000),
        retries: rng.u32(..=2),
        retry_after: delay(&mut rng, 300_000),
        stop: ([0, 2, 20, 60][rng.usize(..4)], rng.bool()),
        hours: rng.bool().then(|| hours(&mut rng)),
    };
    let plan = plan(&mut rng, limit, &rules, &client(socket, "planner")).await?;
    let start = Instant::now();
    let mut tally = Tally { devices: plan.devices().map(Iterator::count).sum(), ..Tally::default() };
    let (first, second) = (rng.fork(), rng.bool().then(|| rng.fork()));
    tally.second_runs = usize::from(second.is_some());
    let late = delay(&mut rng, 600_000);
    let stops = second.is_none() && rng.u8(..6) == 0;
    let first = run_until_done(first, socket, "first", &plan, stops, &mut tally.kills);
    let mut ended = match second {
        None => vec![first.await?],
        Some(rng) => {
            let mut kills = 0;
            let second = async {
                sleep(late).await;
                run_until_done(rng, socket, "second", &plan, false, &mut kills).await
            };
            let (first, second) = try_join(first, second).await?;
            vec![first, second]
        }
    };
    let elapsed = start.elapsed();
    let (created, outage) = {
        let mut state = shared.lock();
        state.faults = 0.0;
        (state.hub.jobs.len(), state.outage)
    };
    // Another run reports the same, and creates nothing: but only the program remembers that it stopped a roll-out.
    if ended[0].report.stopped != Some(StopReason::Requested) {
        ended.push(run_until_done(Rng::with_seed(0), socket, "last", &plan, false, &mut 0).await?);
    }
    let state = shared.lock();
    if state.hub.jobs.len() != created {
        let stops: Vec<_> = ended.iter().map(|run| &run.report.stopped).collect();
        return Err(format!(
            "a run after the end created {} jobs: {stops:?}",
            state.hub.jobs.len() - created
        ));
    }
    check(&plan, &rules, &state.hub, &ended)?;
    let slack =
        (outage.1 - outage.0) + Duration::from_secs(2 * 3600) * u32::try_from(tally.kills + 1).unwrap();
    let latest = plan.estimate(10).latest + late + slack;
    if elapsed > latest {
        return Err(format!("it took {elapsed:?}, at most {latest:?} were promised"));
    }
    tally.requests = state.requests;
    tally.jobs = state.hub.jobs.len();
    tally.calls = state.hub.devices.values().map(|device| device.calls.len()).sum();
    tally.retried = usize::from(state.hub.devices.values().any(|device| device.calls.len() > 1));
    tally.stopped = usize::from(ended[0].report.stopped.is_some());
    Ok(tally)
}

/// Runs the plan again and again, killed at random, until it has ended.
async fn run_until_done(
    mut rng: Rng,
    socket: &Path,
    name: &str,
    plan: &RollOutPlan,
    stops: bool,
    kills: &mut usize,
) -> Result<Ended, String> {
    // Another machine reads the plan from its file.
    let plan: RollOutPlan = serde_json::from_str(&serde_json::to_string(plan).unwrap()).unwrap();
    let mut lives = rng.usize(..6);
    let mut stopped = None;
    for life in 0.. {
        let author = format!("{name}-{life}");
        let client = client(socket, &author);
        let longest = if lives == 0 { HANG } else { delay(&mut rng, [5_000, 200_000, 2_000_000][life % 3]) };
        lives = lives.saturating_sub(1);
        // The last life may end with a stop by the program.
        let stop = (lives == 0 && stops).then(|| delay(&mut rng, 1_000_000));
        match timeout(longest, run_once(&client, &plan, &author, stop, &mut stopped)).await {
            Ok(Ok(report)) => return Ok(Ended { report, stopped }),
            // The hub was away for too long.
            Ok(Err(error)) if error.is_retryable() => {}
            Ok(Err(error)) => return Err(format!("{author}: {error}")),
            Err(_) if longest == HANG => return Err(format!("{author} never ends")),
            Err(_) => *kills += 1,
        }
        sleep(delay(&mut rng, 200_000)).await;
    }
    unreachable!()
}

async fn run_once(
    client: &Client,
    plan: &RollOutPlan,
    author: &str,
    stop: Option<Duration>,
    stopped: &mut Option<(String, Instant)>,
) -> Result<RollOutReport, Error> {
    let mut run = client.roll_out(plan);
    let control = run.control();
    let mut stop = std::pin::pin!(async {
        match stop {
            Some(time) => sleep(time).await,
            None => std::future::pending().await,
        }
    });
    loop {
        match select(run.next(), stop.as_mut()).await {
            Either::Left((Some(RollOutEvent::Stopping(_)), _)) => {
                *stopped = Some((author.to_owned(), Instant::now()));
            }
            Either::Left((Some(_), _)) => {}
            Either::Left((None, _)) => return run.report().await,
            Either::Right(_) => {
                control.stop();
                stopped.get_or_insert((author.to_owned(), Instant::now()));
                return run.report().await;
            }
        }
    }
}

async fn plan(rng: &mut Rng, limit: Duration, rules: &Rules, client: &Client) -> Result<RollOutPlan, String> {
    let request =
        JobRequest::device_method(CloudToDeviceMethod::new("update"), "*").with_max_execution_time(limit);
    let waves = match rng.u8(..4) {
        0 => vec![Wave::rest()],
        1 => vec![Wave::devices(rng.usize(1..100)), Wave::rest()],
        _ => vec![Wave::percent(5.0), Wave::percent(25.0), Wave::rest()],
    };
    let (percent, is_of_wave) = rules.stop;
    let stop = match is_of_wave {
        true => Stop::failed_percent_of_wave_above(percent.into()),
        false => Stop::failed_percent_of_done_above(percent.into()),
    };
    let mut roll_out = RollOut::new("update", request)
        .waves(waves)
        .soak(rules.soak)
        .retry(rules.retries, rules.retry_after)
        .stop_when(stop.ignoring([FailureKind::NoRow]));
    if let Some((from, to)) = rules.hours {
        roll_out = roll_out.hours(from, to);
    }
    loop {
        match roll_out.clone().plan(client).await {
            Ok(plan) => return Ok(plan),
            Err(error) if error.is_retryable() => sleep(Duration::from_secs(60)).await,
            Err(error) => return Err(format!("no plan: {error}")),
        }
    }
}

fn hub(rng: &mut Rng, limit: Duration) -> Hub {
    let lag = |rng: &mut Rng, longest| if rng.bool() { delay(rng, longest) } else { Duration::ZERO };
    let longest = u64::try_from(limit.as_millis()).unwrap();
    let delays = Delays {
        queued: delay(rng, 60_000),
        running: delay(rng, longest),
        create_lag: lag(rng, 25_000),
        cancel_lag: lag(rng, 25_000),
        row_lag: lag(rng, 25_000),
    };
    let count = match rng.u8(..40) {
        0 => rng.usize(1..=5_000),
        1..=9 => rng.usize(1..=1_000),
        10..=19 => rng.usize(1..=20),
        _ => rng.usize(1..=250),
    };
    let trouble = [0, 0, 5, 30][rng.usize(..4)];
    // Long ids make small parts.
    let width = if rng.u8(..4) > 0 { 120 } else { 10 };
    let devices = (0..count).map(|n| (format!("device-{n:0width$}"), device(rng, trouble))).collect();
    let epoch = (Instant::now(), Utc::now().trunc_subsecs(0));
    Hub { devices, jobs: Default::default(), delays, slots: [1, 5, 10][rng.usize(..3)], epoch }
}

fn device(rng: &mut Rng, trouble: u8) -> Device {
    let mut fate = || match rng.u8(..100) {
        roll if roll >= trouble => Fate::Succeeds,
        roll if roll % 3 == 0 => Fate::Answers,
        roll if roll % 3 == 1 => Fate::Offline,
        _ => Fate::Refuses,
    };
    let fates = vec![fate(), fate(), fate()];
    Device { fates, is_ghost: trouble > 0 && rng.u8(..100) == 0, calls: Vec::new() }
}

/// Returns hours that close for two hours a day, soon after the start or soon before it.
///
/// A client whose clock is more than a day behind the hub's does not follow that one: no scenario lasts so long.
fn hours(rng: &mut Rng) -> (u32, u32) {
    let opening = (Utc::now().hour() + rng.u32(..=3)) % 24;
    (opening, (opening + 22) % 24)
}

fn outage(rng: &mut Rng) -> (Instant, Instant) {
    let start = Instant::now() + delay(rng, 1_200_000);
    (start, start + if rng.u8(..3) == 0 { delay(rng, 3_600_000) } else { Duration::ZERO })
}

fn client(socket: &Path, author: &str) -> Client {
    let http = reqwest::Client::builder()
        .unix_socket(socket)
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([]);
    let connection_string =
        format!("HostName=hub.localhost;SharedAccessKeyName={author};SharedAccessKey={KEY}");
    ClientBuilder::from_connection_string(&connection_string)
        .unwrap()
        .endpoint("http://127.0.0.1:1")
        .http_client(http.build().unwrap())
        .build()
        .unwrap()
}
