//! Rolls a setting out in waves: 5 % of the devices, 25 %, then the rest; too many failures in a wave stop it.
//!
//! The plan is kept in a file, and the hub remembers what was done. Kill the program at any point, and run it again
//! with the same file: no device is updated again. Ctrl-C stops the roll-out for good.
//!
//! Needs no Azure account: without `--hub` it starts an emulated hub with 150 devices. With
//! `--troubled` the twins of two of them are full, and the roll-out stops.
//!
//! ```sh
//! cargo run --example roll_out
//! cargo run --example roll_out -- --troubled
//! IOTHUB_CONNECTION_STRING='HostName=…' cargo run --example roll_out -- --hub --plan plan.json --dry-run
//! ```

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

#[macro_use]
mod program;
mod consent;
mod hub;
mod spinner;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bpaf::{OptionParser, Parser, construct, long};
use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use jobs_api::types::{JobRequest, Twin};
use jobs_api::{Client, RollOut, RollOutEvent, RollOutPlan, Stop, Wave};
use tokio::signal::ctrl_c;

use hub::Hub;
use program::{exit_code, start};
use spinner::ask;

/// Devices that a hub of S1 updates in a second.
const DEVICES_PER_SECOND: u32 = 10;

struct Arguments {
    hub: bool,
    yes: bool,
    troubled: bool,
    dry_run: bool,
    soak: u64,
    plan: Option<PathBuf>,
    name: String,
    condition: String,
}

fn command_line() -> OptionParser<Arguments> {
    let hub = hub::hub();
    let yes = long("yes").help("Do not ask before a real hub is changed").switch();
    let troubled = long("troubled").help("Let the twins of two devices of the emulated hub be full").switch();
    let dry_run = long("dry-run").help("Show the plan, and change nothing").switch();
    let soak = long("soak")
        .help("Wait this long between two waves")
        .argument("SECONDS")
        .fallback(2)
        .display_fallback();
    let plan = long("plan")
        .help("File of the plan: made if it does not exist, resumed if it does")
        .argument("FILE")
        .optional();
    let name = long("name")
        .help("Name of a new plan, of which the ids of its jobs are made")
        .argument("NAME")
        .fallback("interval-30".to_owned())
        .display_fallback();
    let condition = long("condition")
        .help("Condition that selects the devices of a new plan; * selects all")
        .argument("CONDITION")
        .fallback("tags.building = '43'".to_owned())
        .display_fallback();
    construct!(Arguments { hub, yes, troubled, dry_run, soak, plan, name, condition })
        .to_options()
        .descr("Sets the desired interval of devices in waves of 5 %, 25 % and the rest.")
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(start(command_line())).await)
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let hub = Hub::connect(arguments.hub, 150, arguments.troubled).await?;
    let plan = load_or_make(&hub.client, &arguments).await?;
    describe(&plan);
    if arguments.dry_run {
        return Ok(());
    }
    consent::obtain(&hub, "set `interval` to 30", &arguments.condition, arguments.yes).await?;
    if let Some(path) = &arguments.plan {
        save(&plan, path)?;
    }
    roll_out(&hub.client, &plan).await
}

/// Reads the plan from its file, or makes one.
async fn load_or_make(client: &Client, arguments: &Arguments) -> Result<RollOutPlan, Box<dyn Error>> {
    if let Some(path) = arguments.plan.as_ref().filter(|path| path.exists()) {
        println!("Resuming the plan of {}.", path.display());
        return Ok(serde_json::from_slice(&fs::read(path)?)?);
    }
    let patch = Twin::patch().with_desired([("interval", 30)]);
    let request = JobRequest::twin_update(patch, &arguments.condition)
        .with_max_execution_time(Duration::from_secs(600));
    let roll_out = RollOut::new(&arguments.name, request)
        .waves([Wave::percent(5.0), Wave::percent(25.0), Wave::rest()])
        .soak(Duration::from_secs(arguments.soak))
        .stop_when(Stop::failed_percent_of_wave_above(2.0))
        .retry(2, Duration::from_secs(1));
    Ok(ask("reading the devices", roll_out.plan(client)).await?)
}

/// Saves the plan unless it is saved. A crash leaves a whole file or none.
fn save(plan: &RollOutPlan, path: &Path) -> Result<(), Box<dyn Error>> {
    if path.exists() {
        return Ok(());
    }
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, serde_json::to_vec_pretty(plan)?)?;
    Ok(fs::rename(unfinished, path)?)
}

fn describe(plan: &RollOutPlan) {
    let sizes: Vec<String> = plan.devices().map(|wave| wave.count().to_string()).collect();
    let estimate = plan.estimate(DEVICES_PER_SECOND);
    println!(
        "{}: {} devices in waves of {}; {} jobs, some {} operations, {} seconds, at most {} minutes.",
        plan.name(),
        estimate.devices,
        sizes.join(", "),
        estimate.jobs,
        estimate.operations,
        estimate.expected.as_secs(),
        estimate.latest.as_secs() / 60
    );
}

/// Runs the plan with a progress bar. Ctrl-C stops it.
async fn roll_out(client: &Client, plan: &RollOutPlan) -> Result<(), Box<dyn Error>> {
    let devices: usize = plan.devices().map(Iterator::count).sum();
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} devices, {msg}")?;
    let bar = ProgressBar::new(devices as u64).with_style(style);
    let mut run = client.roll_out(plan);
    let control = run.control();
    loop {
        tokio::select! {
            event = run.next() => match event {
                Some(event) => show(&bar, &event),
                None => break,
            },
            _ = ctrl_c() => control.stop(),
        }
    }
    bar.finish_and_clear();
    let report = run.report().await?;
    println!("{} of {devices} devices have the setting.", report.succeeded());
    report.failed().for_each(|device| println!("  {device}"));
    report.jobs_beyond_recall.iter().for_each(|job| println!("  {job} ran on after the stop"));
    if !report.joined_later.is_empty() {
        println!("{} devices joined later: they need another plan.", report.joined_later.len());
    }
    match report.stopped {
        Some(reason) => Err(format!("the roll-out stopped: {reason}").into()),
        None => Ok(()),
    }
}

fn show(bar: &ProgressBar, event: &RollOutEvent) {
    match event {
        RollOutEvent::WaveStarted { wave, .. } => bar.set_message(format!("wave {wave}")),
        RollOutEvent::WaitingUntil(time) => bar.set_message(format!("waiting until {}", time.format("%T"))),
        RollOutEvent::JobStarted { job_id, .. } => bar.set_message(job_id.clone()),
        RollOutEvent::JobEnded { succeeded, .. } => bar.inc(*succeeded as u64),
        RollOutEvent::WaveEnded { wave, counts, .. } => {
            bar.suspend(|| println!("Wave {wave}: {} of {} devices.", counts.succeeded, counts.devices));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use jobs_emulator::{Emulator, Pace};

    use super::*;

    const QUICK: Pace =
        Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::from_millis(100) };

    fn arguments(plan: Option<PathBuf>) -> Arguments {
        let (name, condition) = ("interval".to_owned(), "tags.building = '43'".to_owned());
        Arguments { hub: false, yes: true, troubled: false, dry_run: false, soak: 0, plan, name, condition }
    }

    /// Returns how many pumps have the setting.
    fn updated(emulator: &Emulator) -> usize {
        let twins = (1..=150).filter_map(|number| emulator.twin(&format!("pump-{number:03}")));
        twins.filter(|twin| twin["properties"]["desired"]["interval"] == 30).count()
    }

    /// Returns the last segments of the paths of all creations.
    fn creations(emulator: &Emulator) -> Vec<String> {
        let requests = emulator.requests().into_iter().filter(|request| request.method == "PUT");
        requests.filter_map(|request| Some(request.path.rsplit('/').next()?.to_owned())).collect()
    }

    #[tokio::test]
    async fn healthy_devices_are_updated_in_three_waves_and_only_once() {
        let hub = Hub::emulate(150, false, QUICK).await.unwrap();
        let emulator = hub.emulator.unwrap();
        let path = std::env::temp_dir().join(format!("roll-out-{}.json", std::process::id()));
        for _ in 0..2 {
            let plan = load_or_make(&hub.client, &arguments(Some(path.clone()))).await.unwrap();
            save(&plan, &path).unwrap();
            roll_out(&hub.client, &plan).await.unwrap();
            assert_eq!(updated(&emulator), 100);
        }
        fs::remove_file(path).unwrap();
        assert_eq!(creations(&emulator), ["interval-w1-p1-t1", "interval-w2-p1-t1", "interval-w3-p1-t1"]);
    }

    #[tokio::test]
    async fn wave_with_failures_stops_the_roll_out() {
        let hub = Hub::emulate(150, true, QUICK).await.unwrap();
        let emulator = hub.emulator.unwrap();
        let plan = load_or_make(&hub.client, &arguments(None)).await.unwrap();
        let error = roll_out(&hub.client, &plan).await.unwrap_err().to_string();
        assert!(error.starts_with("the roll-out stopped: wave "), "{error}");
        assert!(updated(&emulator) <= 98);
        assert!(
            creations(&emulator).iter().any(|id| id.ends_with("-t3")),
            "failed devices are tried three times"
        );
    }
}
