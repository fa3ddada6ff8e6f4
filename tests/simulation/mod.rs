//! Simulation: calls against a hub that fails at random and remembers what truly happened.
//!
//! Each scenario follows from its seed alone. Time is virtual, sockets are local. A violation prints its
//! seed; `SIMULATION_SEED=<seed>` replays it, `SIMULATION_SCENARIOS=<n>` runs another number of scenarios
//! and `SIMULATION_START=<seed>` begins at another one.

mod clock;
mod connector;
mod draws;
mod faults;
mod hub;
mod invariants;
mod message;
mod roll_outs;
mod scenario;
mod server;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use self::invariants::Tally;

/// Scenarios of an ordinary test run.
const SCENARIOS: u64 = 2_000;
/// Outcomes of a hundred unknown ones that one more reading within the deadline may have settled.
const KNOWABLE_PERCENT: u64 = 3;
/// Violations that are printed at most.
const SHOWN: usize = 20;

#[test]
#[allow(clippy::print_stdout, reason = "the figures of a long run")]
fn calls_report_truly_what_happened() {
    let (first, tallies) = play_all(SCENARIOS, scenario::run);
    let (scenarios, mut total) = (tallies.len() as u64, Tally::default());
    tallies.iter().for_each(|tally| total.add(tally));
    if scenarios >= SCENARIOS {
        // The faults are dense enough to matter, and not so dense that nothing succeeds.
        let Tally { calls, successes, resolved, failures, settled, unknown, knowable, .. } = total;
        let share = 100.0 * knowable as f64 / unknown as f64;
        println!(
            "{scenarios} scenarios from seed {first}: {share:.2} % of unknown outcomes knowable, {total:?}"
        );
        assert!(knowable * 100 <= unknown * KNOWABLE_PERCENT, "{total:?}");
        assert!(successes > calls / 5 && failures > calls / 5 && unknown > calls / 20, "{total:?}");
        assert!(resolved > calls / 80 && settled > calls / 80, "{total:?}");
    }
}

/// Runs as many scenarios as the environment says, or else this many. Returns the first seed and the results.
fn play_all<T: Send>(scenarios: u64, run: impl Fn(u64, &Path) -> Result<T, String> + Sync) -> (u64, Vec<T>) {
    let variable = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, scenarios) = match variable("SIMULATION_SEED") {
        Some(seed) => (seed, 1),
        None => {
            (variable("SIMULATION_START").unwrap_or(0), variable("SIMULATION_SCENARIOS").unwrap_or(scenarios))
        }
    };
    let directory = tempfile::tempdir().unwrap();
    let (next, results, violations) = (AtomicU64::new(first), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let socket = directory.path().join(thread.to_string());
            let (next, results, violations, run) = (&next, &results, &violations, &run);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + scenarios {
                        return;
                    }
                    match catch_unwind(AssertUnwindSafe(|| run(seed, &socket))) {
                        Ok(Ok(result)) => results.lock().unwrap().push(result),
                        Ok(Err(violation)) => violations.lock().unwrap().push((seed, violation)),
                        Err(_) => violations.lock().unwrap().push((seed, "a panic, see above".into())),
                    }
                }
            });
        }
    });
    let (results, mut violations) = (results.into_inner().unwrap(), violations.into_inner().unwrap());
    violations.sort();
    let shown: Vec<_> =
        violations.iter().take(SHOWN).map(|(seed, text)| format!("SIMULATION_SEED={seed} {text}")).collect();
    assert!(
        violations.is_empty(),
        "{} of {scenarios} scenarios violate a promise\n{}",
        violations.len(),
        shown.join("\n\n")
    );
    (first, results)
}
