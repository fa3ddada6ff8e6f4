//! Follows a job to its end, then reports the devices on which it failed, and why.
//!
//! Needs no Azure account: without `--hub` it starts an emulated hub, on which two
//! devices are offline and one does not know the method, and schedules a job there.
//!
//! ```sh
//! cargo run --example watch_job
//! IOTHUB_CONNECTION_STRING='HostName=…' cargo run --example watch_job -- --hub reboot-43
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
use jobs_api::types::{CloudToDeviceMethod, JobRequest};
use jobs_api::{Condition, JobReport};

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
        positional("JOB_ID").help("The job to watch").fallback("reboot-43".to_owned()).display_fallback();
    construct!(Arguments { hub, job_id })
        .to_options()
        .descr("Follows a job and reports the devices on which it failed.")
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(start(command_line())).await)
}

async fn run(Arguments { hub, job_id }: Arguments) -> Result<(), Box<dyn Error>> {
    let Hub { client, emulator } = Hub::connect(hub, 12, true).await?;
    if emulator.is_some() {
        let condition = Condition::tag("building").eq("43").build()?;
        let request = JobRequest::device_method(CloudToDeviceMethod::new("reboot"), condition);
        client.create_scheduled_job(&job_id, &request).await?;
    }
    follow(&client, &job_id).await?;
    let report = ask("reading the results", client.job_report(&job_id)).await?;
    println!("{job_id}: {}", report.outcome());
    print(&report);
    Ok(())
}

fn print(report: &JobReport) {
    let JobReport { devices, succeeded, failed, .. } = report;
    println!("{devices} devices: {succeeded} succeeded, {failed} failed");
    for (code, count) in &report.by_error_code {
        println!("  {count} × {code}");
    }
    for (status, count) in &report.by_method_status {
        println!("  {count} × answered {status}");
    }
    for failure in &report.failures {
        println!("{failure}");
    }
}
