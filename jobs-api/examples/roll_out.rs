//! Rolls a setting out in waves: 1 % of the devices, 10 %, then the rest; a wave with failures ends the roll-out.
//!
//! The name of the roll-out makes the ids of its jobs: with the same name it resumes after a crash, and updates no
//! device again. A wave that has other devices by then is a conflict, and ends it.
//!
//! Needs no Azure account: without `--hub` it starts an emulated hub with 150 devices. With
//! `--troubled` the twins of two of them are full, and the roll-out stops after ten.
//!
//! ```sh
//! cargo run --example roll_out
//! cargo run --example roll_out -- --troubled
//! IOTHUB_CONNECTION_STRING='HostName=…' cargo run --example roll_out -- --hub --condition "tags.building = '43'"
//! ```

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

#[macro_use]
mod program;
mod consent;
mod hub;

use std::error::Error;
use std::process::ExitCode;

use bpaf::{OptionParser, Parser, construct, long};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jobs_api::types::{JobRequest, Twin};
use jobs_api::{Client, JobOutcome};

use hub::Hub;
use program::{exit_code, start};

/// The part of the devices that has the setting after each wave, in percent.
const WAVES: [usize; 3] = [1, 10, 100];

struct Arguments {
    hub: bool,
    yes: bool,
    troubled: bool,
    name: String,
    condition: String,
}

fn command_line() -> OptionParser<Arguments> {
    let hub = hub::hub();
    let yes = long("yes").help("Do not ask before a real hub is changed").switch();
    let troubled = long("troubled").help("Let the twins of two devices of the emulated hub be full").switch();
    let name = long("name")
        .help("Name of the roll-out: the same one resumes it; after a failed wave choose another")
        .argument("NAME")
        .fallback("interval-30".to_owned())
        .display_fallback();
    let condition = long("condition")
        .help("Condition that selects the devices; * selects all")
        .argument("CONDITION")
        .fallback("tags.building = '43'".to_owned())
        .display_fallback();
    construct!(Arguments { hub, yes, troubled, name, condition })
        .to_options()
        .descr("Sets the desired interval of devices in waves of 1 %, 10 % and the rest.")
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(start(command_line())).await)
}

async fn run(Arguments { hub, yes, troubled, name, condition }: Arguments) -> Result<(), Box<dyn Error>> {
    let hub = Hub::connect(hub, 150, troubled).await?;
    consent::obtain(&hub, "set `interval` to 30", &condition, yes).await?;
    roll_out(&hub.client, &name, &condition).await
}

async fn roll_out(client: &Client, name: &str, condition: &str) -> Result<(), Box<dyn Error>> {
    let mut devices: Vec<String> = client.devices(condition).try_collect().await?;
    // In a fixed order a resumed roll-out has the same waves.
    devices.sort_unstable();
    let mut done = 0;
    for percent in WAVES {
        let end = (devices.len() * percent).div_ceil(100);
        if end > done {
            println!("Up to {percent} %: devices {} to {end} of {}.", done + 1, devices.len());
            run_wave(client, &format!("{name}-wave-{percent}"), &devices[done..end]).await?;
            done = end;
        }
    }
    println!("All {done} devices have the setting.");
    Ok(())
}

/// Updates these devices. A wave that is done is reported again, and one that runs is followed.
async fn run_wave(client: &Client, id: &str, devices: &[String]) -> Result<(), Box<dyn Error>> {
    let patch = Twin::patch().with_desired([("interval", 30)]);
    // A list that is too long for a single job takes several.
    let request = JobRequest::twin_update(patch, "*").for_devices(devices);
    let mut batch = client.run_jobs(stream::iter([(id, request)]));
    let (_, result) = batch.next().await.ok_or("the wave has no result")?;
    let report = result?;
    println!("{id}: {}, {} of {} devices updated", report.outcome(), report.succeeded, report.devices);
    report.failures.iter().for_each(|failure| println!("  {failure}"));
    report.devices_without_row.iter().for_each(|device| println!("  {device}: no result"));
    match report.outcome() {
        JobOutcome::Succeeded => Ok(()),
        outcome => Err(format!("the roll-out stops: this wave {outcome}").into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jobs_emulator::{Emulator, Pace};

    use super::*;

    const QUICK: Pace =
        Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::from_millis(100) };

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
        for _ in 0..2 {
            roll_out(&hub.client, "interval", "tags.building = '43'").await.unwrap();
            assert_eq!(updated(&emulator), 100);
        }
        assert_eq!(
            creations(&emulator),
            ["interval-wave-1-part-1", "interval-wave-10-part-1", "interval-wave-100-part-1"]
        );
    }

    #[tokio::test]
    async fn wave_with_failures_ends_the_roll_out() {
        let hub = Hub::emulate(150, true, QUICK).await.unwrap();
        let emulator = hub.emulator.unwrap();
        let error = roll_out(&hub.client, "interval", "tags.building = '43'").await.unwrap_err();
        assert_eq!(error.to_string(), "the roll-out stops: this wave completed with 2 failed devices");
        assert_eq!(updated(&emulator), 8);
        assert_eq!(creations(&emulator), ["interval-wave-1-part-1", "interval-wave-10-part-1"]);
    }
}
