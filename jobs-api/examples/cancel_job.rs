//! Cancels a job that is not running yet.
//!
//! Needs no Azure account: without `--hub` it starts an emulated hub and schedules a
//! job there for an hour from now.
//!
//! ```sh
//! cargo run --example cancel_job
//! IOTHUB_CONNECTION_STRING='HostName=…' cargo run --example cancel_job -- --hub reboot-43
//! ```

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

#[macro_use]
mod program;
mod hub;
mod progress;
mod spinner;

use std::error::Error;
use std::process::ExitCode;

use bpaf::{OptionParser, Parser, construct, positional};
use chrono::{TimeDelta, Utc};
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use tokio::signal::ctrl_c;

use hub::Hub;
use program::{exit_code, start};
use progress::follow;
use spinner::ask;

struct Arguments {
    hub: bool,
    job_id: String,
}

fn command_line() -> OptionParser<Arguments> {
    let hub = hub::hub();
    let job_id =
        positional("JOB_ID").help("The job to cancel").fallback("reboot-43".to_owned()).display_fallback();
    construct!(Arguments { hub, job_id }).to_options().descr("Cancels a job that is not running yet.")
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

async fn run(Arguments { hub, job_id }: Arguments) -> Result<(), Box<dyn Error>> {
    let Hub { client, emulator } = Hub::connect(hub, 12, false).await?;
    if emulator.is_some() {
        let request = JobRequest::device_method(CloudToDeviceMethod::new("reboot"), "*");
        let request = request.with_start_time(Utc::now() + TimeDelta::hours(1));
        client.create_scheduled_job(&job_id, &request).await?;
        println!("{job_id}: scheduled for an hour from now");
    }
    match ask("cancelling the job", client.cancel_scheduled_job(&job_id)).await {
        Err(error) if error.is_not_cancellable() => {
            println!("{job_id}: too late to cancel, waiting for its end");
            println!("{job_id}: {}", follow(&client, &job_id).await?.outcome());
        }
        cancelled => println!("{job_id}: {}", cancelled?.outcome()),
    }
    Ok(())
}
