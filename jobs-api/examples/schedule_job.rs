//! Schedules a twin update and a direct method, follows each to its end, and prints the outcomes.
//!
//! Needs no Azure account: without `--hub` it starts an emulated hub with 12 devices.
//!
//! ```sh
//! cargo run --example schedule_job
//! cargo run --example schedule_job -- --help
//! cargo run --example schedule_job -- --flaky
//! IOTHUB_CONNECTION_STRING='HostName=…' cargo run --example schedule_job -- --hub --condition "tags.building = '43'"
//! ```

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

#[macro_use]
mod program;
mod consent;
mod hub;
mod progress;
mod spinner;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use bpaf::{OptionParser, Parser, construct, long};
use chrono::Utc;
use jobs_api::types::{CloudToDeviceMethod, JobRequest, Twin};
use jobs_api::{Client, JobOutcome};
use jobs_emulator::{Fault, Route, When};
use serde_json::json;
use tokio::signal::ctrl_c;

use hub::Hub;
use program::{exit_code, start};
use progress::follow;
use spinner::ask;

struct Arguments {
    hub: bool,
    yes: bool,
    condition: String,
    job_id: String,
    flaky: bool,
}

fn command_line() -> OptionParser<Arguments> {
    let hub = hub::hub();
    let yes = long("yes").help("Do not ask before a real hub is changed").switch();
    let condition = long("condition")
        .help("Condition that selects the devices: the part of a query after WHERE; * selects all")
        .argument("CONDITION")
        .fallback("tags.building = '43'".to_owned())
        .display_fallback();
    let job_id = long("job-id")
        .help("Prefix of the job ids, before -twin and -method; unique by default")
        .argument("ID")
        .fallback_with(|| Ok::<_, String>(format!("demo-{}", Utc::now().format("%Y%m%d-%H%M%S"))));
    let flaky = long("flaky").help("Make the emulated hub fail one request in three").switch();
    construct!(Arguments { hub, yes, condition, job_id, flaky })
        .to_options()
        .descr("Schedules a twin update and a direct method, and follows both.")
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = start(command_line());
    exit_code(tokio::select! {
        biased;
        outcome = run(arguments) => outcome,
        _ = ctrl_c() => Err("interrupted: a real hub goes on with what it was sent; list_jobs shows it".into()),
    })
}

async fn run(Arguments { hub, yes, condition, job_id, flaky }: Arguments) -> Result<(), Box<dyn Error>> {
    let hub = Hub::connect(hub, 12, false).await?;
    if let (true, Some(emulator)) = (flaky, &hub.emulator) {
        emulator.inject(Route::Any, When::Every(3), Fault::status(503));
        println!("It fails one request in three.");
    }

    consent::obtain(&hub, "set `interval` to 30, then call `reboot`,", &condition, yes).await?;
    let interval = Twin::patch().with_desired([("interval", 30)]);
    let update = JobRequest::twin_update(interval, &condition);
    schedule_and_follow(&hub.client, &format!("{job_id}-twin"), update).await?;

    let reboot = CloudToDeviceMethod::new("reboot").with_payload(json!({ "delay": 5 }));
    let call = JobRequest::device_method(reboot, &condition);
    schedule_and_follow(&hub.client, &format!("{job_id}-method"), call).await
}

async fn schedule_and_follow(client: &Client, id: &str, request: JobRequest) -> Result<(), Box<dyn Error>> {
    let request = request.with_start_time(Utc::now()).with_max_execution_time(Duration::from_secs(3600));
    ask("scheduling the job", client.create_scheduled_job(id, &request)).await?;
    println!("{id}: scheduled");
    let job = follow(client, id).await?;
    let devices = job.counts().total;
    match job.outcome() {
        JobOutcome::Succeeded => {
            println!("{id}: completed on {devices} devices");
            Ok(())
        }
        JobOutcome::CompletedWithFailures(failed) => {
            Err(format!("{id} failed on {failed} of {devices} devices").into())
        }
        outcome => {
            let reason = job.failure_reason.or(job.status_message);
            let reason = reason.as_deref().unwrap_or("the hub gives no reason");
            Err(format!("{id} {outcome}: {reason}").into())
        }
    }
}
