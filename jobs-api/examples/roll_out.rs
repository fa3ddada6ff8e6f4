//! Rolls a setting out in waves: 1 % of the devices, 10 %, then the rest; a wave with failures ends the roll-out.
//!
//! Needs no Azure account: without `IOTHUB_CONNECTION_STRING` it starts an emulated hub with 12 devices. With
//! `--troubled` two of them are offline, and the roll-out stops.
//!
//! ```sh
//! cargo run --example roll_out
//! cargo run --example roll_out -- --troubled
//! IOTHUB_CONNECTION_STRING='HostName=…' cargo run --example roll_out -- --condition "tags.building = '43'"
//! ```

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

mod exit;
mod hub;

use std::error::Error;
use std::process::ExitCode;

use bpaf::{OptionParser, Parser, construct, long};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use jobs_api::types::{JobRequest, Twin};
use jobs_api::{Client, JobId, JobOutcome};
use serde_json::json;

use exit::exit_code;
use hub::Hub;

/// The part of the devices that has the setting after each wave, in percent.
const WAVES: [usize; 3] = [1, 10, 100];

struct Arguments {
    troubled: bool,
    condition: String,
}

fn command_line() -> OptionParser<Arguments> {
    let troubled = long("troubled").help("Let two devices of the emulated hub be offline").switch();
    let condition = long("condition")
        .help("Condition that selects the devices; * selects all")
        .argument("CONDITION")
        .fallback("tags.building = '43'".to_owned())
        .display_fallback();
    construct!(Arguments { troubled, condition })
        .to_options()
        .descr("Sets the desired interval of devices in waves of 1 %, 10 % and the rest.")
        .footer("Uses the hub of IOTHUB_CONNECTION_STRING, or an emulated one if that is not set.")
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(command_line().run()).await)
}

async fn run(Arguments { troubled, condition }: Arguments) -> Result<(), Box<dyn Error>> {
    let Hub { client, emulator: _emulator } = Hub::connect(troubled).await?;
    let mut devices: Vec<String> = client.devices(&condition).try_collect().await?;
    // In a fixed order a repeated roll-out begins with the same devices.
    devices.sort_unstable();
    let mut done = 0;
    for percent in WAVES {
        let end = (devices.len() * percent).div_ceil(100);
        if end > done {
            println!("Up to {percent} %: devices {} to {end} of {}.", done + 1, devices.len());
            run_wave(&client, &devices[done..end]).await?;
            done = end;
        }
    }
    println!("All {done} devices have the setting.");
    Ok(())
}

/// Updates these devices. A list that is too long for a single job takes several.
async fn run_wave(client: &Client, devices: &[String]) -> Result<(), Box<dyn Error>> {
    let patch = Twin::patch().with_desired(json!({ "interval": 30 }));
    let request = JobRequest::twin_update(patch, "*").for_devices(devices);
    let requests = stream::iter([(JobId::unique("interval-30")?, request)]);
    let (id, result) = client.run_jobs(requests).next().await.ok_or("the wave has no result")?;
    let report = result?;
    println!("{id}: {}, {} of {} devices updated", report.outcome(), report.succeeded, report.devices);
    report.failures.iter().for_each(|failure| println!("  {failure}"));
    match report.outcome() {
        JobOutcome::Succeeded => Ok(()),
        outcome => Err(format!("the roll-out stops: this wave {outcome}").into()),
    }
}
