//! Reboots the devices of each floor, one job after another, and resumes after Ctrl-C or a kill.
//!
//! There is no journal: the id of each job is made of the date and the floor, so that the same batch finds what
//! the hub has already done. Needs no Azure account: without `IOTHUB_CONNECTION_STRING` it starts an emulated hub
//! with one job slot. That ends with the program; `--crash-after` shows there how a batch resumes.
//!
//! ```sh
//! cargo run --example nightly_batch
//! cargo run --example nightly_batch -- --crash-after 2
//! IOTHUB_CONNECTION_STRING='HostName=…' cargo run --example nightly_batch -- 1 2 3
//! ```

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

mod exit;
mod hub;

use std::error::Error;
use std::process::ExitCode;

use bpaf::{OptionParser, Parser, construct, long, positional};
use chrono::Utc;
use futures_util::stream::{self, StreamExt as _};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Client, Condition, JobOutcome};
use tokio::signal::ctrl_c;

use exit::exit_code;
use hub::Hub;

struct Arguments {
    crash_after: Option<usize>,
    floors: Vec<i32>,
}

fn command_line() -> OptionParser<Arguments> {
    let crash_after = long("crash-after")
        .help("Drop the batch after this many results, as a crash would, and run it again")
        .argument("RESULTS")
        .optional();
    let floors = positional("FLOOR").help("Values of the tag `floor`; 1 to 4 by default").many();
    construct!(Arguments { crash_after, floors })
        .to_options()
        .descr("Reboots the devices of each floor once a day.")
        .footer("Uses the hub of IOTHUB_CONNECTION_STRING, or an emulated one if that is not set.")
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(command_line().run()).await)
}

async fn run(Arguments { crash_after, mut floors }: Arguments) -> Result<(), Box<dyn Error>> {
    let Hub { client, emulator: _emulator } = Hub::connect(false).await?;
    if floors.is_empty() {
        floors.extend(1..=4);
    }
    if let Some(results) = crash_after {
        run_batch(&client, &floors, results).await?;
        println!("Crashed after {results} results; running the same batch again.");
    }
    tokio::select! {
        result = run_batch(&client, &floors, usize::MAX) => result,
        _ = ctrl_c() => Err("interrupted: the running job goes on; run this again today to resume".into()),
    }
}

/// Runs the jobs of today, up to this many results.
async fn run_batch(client: &Client, floors: &[i32], results: usize) -> Result<(), Box<dyn Error>> {
    let today = Utc::now().format("%Y-%m-%d");
    let requests = floors.iter().map(|floor| {
        let condition = Condition::tag("floor").eq(*floor);
        let request = JobRequest::device_method(CloudToDeviceMethod::new("reboot"), condition);
        (format!("reboot-{today}-floor-{floor}"), request)
    });
    let mut batch = client.run_jobs(stream::iter(requests)).take(results);
    let mut unfinished = 0;
    while let Some((id, result)) = batch.next().await {
        match result {
            Ok(report) => {
                println!("{id}: {}, {} devices", report.outcome(), report.devices);
                unfinished += usize::from(report.outcome() != JobOutcome::Succeeded);
                report.failures.iter().for_each(|failure| println!("  {failure}"));
            }
            Err(error) => {
                println!("{id}: {error}");
                unfinished += 1;
            }
        }
    }
    if unfinished == 0 { Ok(()) } else { Err(format!("{unfinished} jobs did not succeed everywhere").into()) }
}
