//! Reboots the devices of each floor, one job after another, and resumes after Ctrl-C or a kill.
//!
//! There is no journal: the id of each job is made of the date and the floor, so that the same batch finds what
//! the hub has already done. Needs no Azure account: without `--hub` it starts an emulated hub
//! with one job slot. That ends with the program; `--crash-after` shows there how a batch resumes.
//!
//! ```sh
//! cargo run --example nightly_batch
//! cargo run --example nightly_batch -- --crash-after 2
//! IOTHUB_CONNECTION_STRING='HostName=…' cargo run --example nightly_batch -- --hub 1 2 3
//! ```

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

#[macro_use]
mod program;
mod consent;
mod hub;
mod spinner;

use std::error::Error;
use std::process::ExitCode;

use bpaf::{OptionParser, Parser, construct, long, positional};
use chrono::Utc;
use futures_util::stream::{self, StreamExt as _};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Client, JobOutcome};
use tokio::signal::ctrl_c;

use hub::Hub;
use program::{exit_code, start};
use spinner::ask;

struct Arguments {
    hub: bool,
    yes: bool,
    crash_after: Option<usize>,
    floors: Vec<i32>,
}

fn command_line() -> OptionParser<Arguments> {
    let hub = hub::hub();
    let yes = long("yes").help("Do not ask before a real hub is changed").switch();
    let crash_after = long("crash-after")
        .help("Drop the batch after this many results, as a crash would, and run it again")
        .argument("RESULTS")
        .optional();
    let floors = positional("FLOOR").help("Values of the tag `floor`; 1 to 4 by default").many();
    construct!(Arguments { hub, yes, crash_after, floors })
        .to_options()
        .descr("Reboots the devices of each floor once a day.")
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(start(command_line())).await)
}

async fn run(Arguments { hub, yes, crash_after, mut floors }: Arguments) -> Result<(), Box<dyn Error>> {
    let hub = Hub::connect(hub, 12, false).await?;
    if floors.is_empty() {
        floors.extend(1..=4);
    }
    let list = floors.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
    consent::obtain(&hub, "call `reboot`", &format!("tags.floor IN [{list}]"), yes).await?;
    let client = hub.client;
    let today = Utc::now().format("%Y-%m-%d").to_string();
    if let Some(results) = crash_after {
        run_batch(&client, &today, &floors, results).await?;
        println!("Crashed after {results} results; running the same batch again.");
    }
    tokio::select! {
        result = run_batch(&client, &today, &floors, usize::MAX) => result,
        _ = ctrl_c() => Err("interrupted: the running job goes on; run this again today to resume".into()),
    }
}

/// Runs the jobs of a day, up to this many results.
async fn run_batch(
    client: &Client,
    today: &str,
    floors: &[i32],
    results: usize,
) -> Result<(), Box<dyn Error>> {
    let requests = floors.iter().map(|floor| {
        let condition = format!("tags.floor = {floor}");
        let request = JobRequest::device_method(CloudToDeviceMethod::new("reboot"), condition);
        (format!("reboot-{today}-floor-{floor}"), request)
    });
    let mut batch = client.run_jobs(stream::iter(requests)).take(results);
    let mut unfinished = 0;
    while let Some((id, result)) = ask("waiting for a job", batch.next()).await {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::TryStreamExt as _;
    use jobs_api::JobFilter;
    use jobs_emulator::Pace;

    use super::*;

    #[tokio::test]
    async fn real_hub_is_changed_after_consent_alone() {
        let emulated = Hub::emulate(12, false, Pace::default()).await.unwrap();
        let real = Hub { client: emulated.client.clone(), emulator: None };
        for (answer, yes, is_given) in
            [("", false, false), ("n\n", false, false), ("y\n", false, true), ("", true, true)]
        {
            let consent = consent::obtain_from(answer.as_bytes(), &real, "call `reboot`", "*", yes).await;
            assert_eq!(consent.is_ok(), is_given, "{answer} {yes}");
        }
        let received = emulated.emulator.unwrap().requests();
        assert_eq!(received.iter().map(|request| &*request.path).collect::<Vec<_>>(), ["/devices/query"; 4]);
    }

    #[tokio::test]
    async fn batch_goes_on_after_a_crash() {
        let pace =
            Pace { queued: Duration::ZERO, scheduled: Duration::ZERO, running: Duration::from_millis(100) };
        let Hub { client, emulator: _emulator } = Hub::emulate(12, false, pace).await.unwrap();
        run_batch(&client, "2030-01-01", &[1, 2, 3, 4], 2).await.unwrap();
        run_batch(&client, "2030-01-01", &[1, 2, 3, 4], usize::MAX).await.unwrap();
        let jobs: Vec<_> = client.query_scheduled_jobs(JobFilter::default()).try_collect().await.unwrap();
        let mut ids: Vec<_> = jobs.iter().map(|job| job.id()).collect();
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3, 4].map(|floor| format!("reboot-2030-01-01-floor-{floor}")));
        assert!(jobs.iter().all(|job| job.counts().succeeded == 3), "{jobs:?}");
    }
}
