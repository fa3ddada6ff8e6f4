//! Simulation of roll-outs: runs that are killed, and second ones, on a hub that lags and fails.
//!
//! The hub records each call of a device. The invariants compare the record with the plan and with the reports.

mod hub;
mod invariants;
mod scenario;
mod server;

use std::iter::Sum;

use super::play_all;

/// Scenarios of an ordinary test run.
const SCENARIOS: u64 = 50;

/// What happened in a scenario.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    devices: usize,
    requests: usize,
    jobs: usize,
    calls: usize,
    kills: usize,
    second_runs: usize,
    retried: usize,
    stopped: usize,
}

#[test]
#[allow(clippy::print_stdout, reason = "the figures of a long run")]
fn roll_outs_call_each_device_as_planned() {
    let (first, tallies) = play_all(SCENARIOS, scenario::run);
    let scenarios = tallies.len();
    let total: Tally = tallies.into_iter().sum();
    println!("{scenarios} roll-outs from seed {first}: {total:?}");
    if scenarios as u64 >= SCENARIOS {
        // Each kind of event is frequent enough to matter.
        for count in [total.kills, total.second_runs, total.retried, total.stopped] {
            assert!(count > scenarios / 10, "{total:?}");
        }
        assert!(total.stopped < scenarios * 9 / 10, "{total:?}");
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |sum, one| Self {
            devices: sum.devices + one.devices,
            requests: sum.requests + one.requests,
            jobs: sum.jobs + one.jobs,
            calls: sum.calls + one.calls,
            kills: sum.kills + one.kills,
            second_runs: sum.second_runs + one.second_runs,
            retried: sum.retried + one.retried,
            stopped: sum.stopped + one.stopped,
        })
    }
}
