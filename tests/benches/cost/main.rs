//! The cost of a call: this client, with its default HTTP client, against the generated client alone, against
//! reqwest with serde, and against the pipeline of `azure_core`.
//!
//! `cargo bench -p jobs-api-tests --bench cost` prints CPU time and allocations of a call, the ratios of CPU time, and
//! those of throughput. The aim for a create is at most 1.25 times the CPU time of the generated client alone, and no
//! more CPU time and allocations than `azure_core` takes. Both sides of a row alternate in one process, over TLS and HTTP/1.1, with 16 calls in
//! flight on one thread, whose CPU time and allocations alone count; the server has a thread of its own. Each ratio is the
//! median of the rounds. An argument sets the rounds, another a part of the names of the rows to run.

#![allow(clippy::unwrap_used, reason = "a program, not a library")]
#![allow(unexpected_cfgs, reason = "the features of the library's source")]

#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    clippy::all,
    reason = "the generated client"
)]
#[path = "../../../jobs-api/src/generated.rs"]
#[rustfmt::skip]
mod generated;
#[allow(dead_code, unused_imports, unreachable_pub, reason = "a part of the library's source is used")]
#[path = "../../../jobs-api/src/limits.rs"]
mod limits;
#[allow(dead_code, unused_imports, unreachable_pub, reason = "a part of the library's source is used")]
#[path = "../../../jobs-api/src/runtime/mod.rs"]
mod runtime;
mod server;
mod sides;

use std::io::Write as _;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use self::server::Server;
use self::sides::Sides;

/// Calls under way at once.
const IN_FLIGHT: usize = 16;
/// Calls of one side in one round.
const CALLS: usize = 1600;
const ROUNDS: usize = 25;

/// The cost of one side in one round.
#[derive(Clone, Copy)]
struct Cost {
    cpu: Duration,
    wall: Duration,
    allocations: u64,
}

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let rounds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS);
    let filter = arguments.iter().find(|argument| argument.parse::<usize>().is_err());
    // The tasks of all rounds refer to it.
    let sides: &Sides = Box::leak(Box::new(Sides::new(&Server::start())));
    print(format_args!(
        "{:<48} {:>9} {:>9} {:>7} {:>11} {:>8} {:>8}",
        "row", "µs CPU", "µs CPU", "CPU ×", "throughput ×", "allocs", "allocs"
    ));
    macro_rules! row {
        ($name:literal, $calls:expr, $ours:ident, $other:ident) => {
            if filter.is_none_or(|filter| $name.contains(filter.as_str())) {
                let (mut ours, mut others) = (Vec::new(), Vec::new());
                for round in 0..=rounds {
                    let pair =
                        (run(&runtime, $calls, || sides.$ours()), run(&runtime, $calls, || sides.$other()));
                    // The first round connects and warms up.
                    if round > 0 {
                        ours.push(pair.0);
                        others.push(pair.1);
                    }
                }
                print_row($name, $calls, &ours, &others);
            }
        };
    }
    row!("create: client / generated alone", CALLS, create, create_generated);
    row!("create: client / reqwest", CALLS, create, create_reqwest);
    row!("create: client / azure_core", CALLS, create, create_azure);
    row!("create: generated alone / reqwest", CALLS, create_generated, create_reqwest);
    row!("create unpaced: client / generated alone", CALLS, create_unpaced, create_generated);
    row!("create with a new key / with the same", CALLS, create_with_new_key, create);
    row!("page of 100 jobs: client / generated alone", CALLS / 8, list, list_generated);
    row!("page of 100 jobs: client / reqwest", CALLS / 8, list, list_reqwest);
    row!("404: client / reqwest", CALLS, not_found, not_found_reqwest);
}

/// Runs the calls of one side, so many at once, each in a task of its own as in a service.
fn run<Fut>(runtime: &Runtime, calls: usize, call: impl Fn() -> Fut + Copy + Send + 'static) -> Cost
where
    Fut: Future<Output = ()> + Send,
{
    let (cpu, wall) = (ThreadTime::now(), Instant::now());
    let run = async {
        let mut lanes = JoinSet::new();
        for _ in 0..IN_FLIGHT {
            lanes.spawn(async move {
                for _ in 0..calls / IN_FLIGHT {
                    call().await;
                }
            });
        }
        while let Some(lane) = lanes.join_next().await {
            lane.unwrap();
        }
    };
    let allocations = allocation_counter::measure(|| runtime.block_on(run)).count_total;
    Cost { cpu: cpu.elapsed(), wall: wall.elapsed(), allocations }
}

fn print_row(name: &str, calls: usize, ours: &[Cost], others: &[Cost]) {
    let micros =
        |costs: &[Cost]| median(costs.iter().map(|cost| cost.cpu.as_secs_f64())) / calls as f64 * 1e6;
    let ratio =
        |of: fn(&Cost) -> f64| median(ours.iter().zip(others).map(|(ours, other)| of(ours) / of(other)));
    let (cpu, wall) = (ratio(|cost| cost.cpu.as_secs_f64()), ratio(|cost| cost.wall.as_secs_f64()));
    let allocations =
        |costs: &[Cost]| median(costs.iter().map(|cost| cost.allocations as f64)) / calls as f64;
    let (ours_allocated, others_allocated) = (allocations(ours), allocations(others));
    let (ours, others, throughput) = (micros(ours), micros(others), 1.0 / wall);
    print(format_args!(
        "{name:<48} {ours:>9.1} {others:>9.1} {cpu:>7.3} {throughput:>11.3} {ours_allocated:>8.1} \
         {others_allocated:>8.1}"
    ));
}

/// Prints a line, if anybody reads it.
fn print(line: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
