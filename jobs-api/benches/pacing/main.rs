//! The pace of calls against hubs that meter: a table of simulated cases, each with its aims.
//!
//! `cargo bench -p jobs-api --bench pacing` prints it, in simulated time; it ends with an error if an aim is
//! missed. All cases run twice: with requests and responses that take the same time, then with times that
//! differ by up to 40 % at random, by another seed with `SEED=2`. A part of a case's name selects cases,
//! `RATE=5000` those of a hub with this rate, `CALLERS=100` those of so many callers, and `--real-time` runs
//! them by the real clock, whose timers are late: the aims are those of simulated time, and a hub without burst
//! and queue misses them. `--trace` prints what the pace reports. It is the library's own, compiled into
//! this program.
//!
//! The aims are ratios to the least time. A configured rate is kept, so that the least time of these cases is that of
//! the rate, without the burst that the hub has. A hub without burst and queue accepts no more than calls that arrive
//! unevenly, or by timers of a millisecond, allow: there the aim is raised by that, see `Hub::gap`, and calls that may
//! overtake each other are left out. An outage adds its length to the least time.

#![allow(clippy::unwrap_used, reason = "a program that prints, not a library")]

mod case;
mod hub;
#[allow(dead_code, unreachable_pub, unused_imports, reason = "a part of the library's source is used")]
#[path = "../../src/limits.rs"]
mod limits;
#[allow(dead_code, unreachable_pub, unused_imports, reason = "a part of the library's source is used")]
#[path = "../../src/pace/mod.rs"]
mod pace;
#[allow(dead_code, unused_imports, unused_macros, reason = "a part of the library's source is used")]
#[path = "../../src/targets.rs"]
mod targets;
#[allow(dead_code, unreachable_pub, unused_imports, reason = "a part of the library's source is used")]
#[path = "../../src/client/tier.rs"]
mod tier;

use std::io::Write as _;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::Instant;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use self::case::{Aim, Case, Rival};
use self::hub::HubSettings;
use self::tier::Tier;

/// The pace of S1 and S2, and of S3, for one unit: calls a minute.
const SMALL: f64 = 100.0;
const LARGE: f64 = 5000.0;

/// The seed of the cases in which times differ at random.
const SEED: u64 = 1;
/// The calls of these cases for each call of the others: a part of a hundred is a matter of thousands.
const UNEVEN: usize = 5;
/// The aim at a hub without burst and queue, if its rate is not known or calls arrive unevenly.
const BARE: Aim = Aim { ratio: 1.5, rejected: 0.1, after: Duration::ZERO };
/// The calls of each caller while no rate is known: all callers begin at once, and few of these calls are accepted.
const CALLS: usize = 100;

fn main() -> ExitCode {
    let (size, callers) = (read::<f64>("RATE"), read::<usize>("CALLERS"));
    let seed = read("SEED").unwrap_or(SEED);
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    if has("--trace") {
        tracing_subscriber::fmt().with_timer(Clock(OnceLock::new())).init();
    }
    print(format_args!(
        "{:<10} {:<40} {:>7} {:>6} {:>9} {:>9} {:>6} {:>6} {:>9} {:>5}",
        "case", "hub", "callers", "calls", "least s", "took s", "ratio", "aim", "rejected", "lost"
    ));
    let cases = cases().into_iter().chain(cases().into_iter().map(|case| Case {
        aim: if case.is_bare() { BARE } else { case.aim },
        calls: if case.hub.slots < usize::MAX { case.calls } else { case.calls * UNEVEN },
        seed: Some(seed),
        ..case
    }));
    let selected = cases.filter(|case| {
        case.is_possible()
            && case.name.contains(&filter)
            && size.is_none_or(|size| size == case.hub.rate)
            && callers.is_none_or(|callers| callers == case.callers)
    });
    // For a case or two.
    let is_real = has("--real-time");
    let missed = selected.filter(|case| !case.run(is_real)).count();
    print(format_args!("{missed} aims missed"));
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns a number that the environment names.
fn read<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// Prints a line. If nobody reads it any more, the aims still count.
fn print(line: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Shows the simulated time of an event.
struct Clock(OnceLock<Instant>);

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        let now = Instant::now();
        write!(writer, "{:9.3}", (now - *self.0.get_or_init(|| now)).as_secs_f64())
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let hub = |rate, burst, queue| HubSettings { rate, burst, queue, ..HubSettings::default() };
    let aim = |ratio, rejected| Aim { ratio, rejected, ..Aim::default() };
    // A bucket of one call, of a second, and of a minute; and one second's queue.
    let shapes =
        |rate: f64| [(1.0, 0.0), ((rate / 60.0).max(10.0), 0.0), (rate, 0.0), (1.0, (rate / 60.0).max(20.0))];
    for (tier, rate, calls) in [(Tier::S1, SMALL, 300), (Tier::S2, SMALL, 300), (Tier::S3, LARGE, 1000)] {
        for (burst, queue) in shapes(rate) {
            for callers in [1, 10, 100, 1000] {
                cases.push(Case {
                    name: "configured",
                    configured: Some((tier, 1)),
                    hub: hub(rate, burst, queue),
                    callers,
                    calls,
                    aim: aim(1.02, 0.01),
                    ..Case::default()
                });
            }
        }
    }
    for (units, rate) in
        [(1, SMALL), (3, SMALL), (7, SMALL), (70, SMALL), (99, SMALL), (1, LARGE), (2, LARGE)]
    {
        let rate = rate * f64::from(units);
        for (burst, queue) in shapes(rate) {
            let is_bare = burst <= 1.0 && queue == 0.0;
            for callers in [20, 100] {
                cases.push(Case {
                    name: "learned",
                    hub: hub(rate, burst, queue),
                    callers,
                    calls: CALLS * callers + if burst >= 300.0 { burst as usize } else { 0 },
                    aim: if is_bare { BARE } else { aim(1.1, 0.03) },
                    ..Case::default()
                });
            }
        }
        for callers in [20, 100] {
            let stated = Some(Duration::from_secs(10));
            cases.push(Case {
                name: "as seen",
                hub: HubSettings { stated, ..hub(rate, 1.0, rate * 40.0 / 60.0) },
                callers,
                calls: CALLS * callers,
                aim: aim(1.1, 0.03),
                ..Case::default()
            });
        }
    }
    for (tier, rate, calls) in [(Tier::S1, SMALL, 600), (Tier::S3, LARGE, 3000)] {
        for share in [0.3, 0.5] {
            for (burst, queue) in
                [((rate / 60.0).max(10.0), 0.0), (rate.min(100.0), 0.0), (1.0, (rate / 60.0).max(20.0))]
            {
                cases.push(Case {
                    name: "rival",
                    configured: Some((tier, 1)),
                    hub: hub(rate, burst, queue),
                    rival: Some(Rival { share }),
                    callers: 100,
                    calls,
                    aim: aim(1.25, 0.05),
                    ..Case::default()
                });
            }
        }
    }
    for (units, tier, rate, slots) in
        [(1, Tier::S1, SMALL, 1), (3, Tier::S2, 3.0 * SMALL, 5), (1, Tier::S3, LARGE, 10)]
    {
        for seconds in [2, 10, 30, 120] {
            for configured in [Some((tier, units)), None] {
                for is_watched in [false, true] {
                    cases.push(Case {
                        name: if configured.is_some() { "slots" } else { "slots?" },
                        configured,
                        hub: HubSettings { slots, job: Duration::from_secs(seconds), ..hub(rate, 20.0, 0.0) },
                        callers: 40,
                        calls: 40 * slots.min(5),
                        is_watched,
                        aim: aim(1.25, f64::INFINITY),
                        ..Case::default()
                    });
                }
            }
        }
    }
    for minutes in [1, 10, 60] {
        for configured in [Some((Tier::S1, 1)), None] {
            let outage = Some((Duration::from_secs(5), Duration::from_secs(60 * minutes)));
            cases.push(Case {
                name: "outage",
                configured,
                hub: HubSettings { outage, ..hub(SMALL, 10.0, 66.0) },
                callers: 20,
                calls: 60,
                aim: Aim { after: Duration::from_secs(60), ..aim(1.0, 0.03) },
                ..Case::default()
            });
        }
    }
    cases
}
