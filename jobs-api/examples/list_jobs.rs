//! Lists the hub's jobs as a table.
//!
//! Needs no Azure account: without `--hub` it starts an emulated hub and schedules
//! three jobs there.
//!
//! ```sh
//! cargo run --example list_jobs
//! cargo run --example list_jobs -- --status scheduled
//! ```

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

#[macro_use]
mod program;
mod hub;
mod progress;
mod spinner;

use std::error::Error;
use std::process::ExitCode;

use bpaf::{OptionParser, Parser, construct, long};
use chrono::{TimeDelta, Utc};
use futures_util::TryStreamExt as _;
use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus, JobType};
use jobs_api::{Client, JobFilter, Timestamp};

use hub::Hub;
use program::{exit_code, start};
use progress::follow;
use spinner::ask;

struct Arguments {
    hub: bool,
    filter: JobFilter,
}

fn command_line() -> OptionParser<Arguments> {
    let status = long("status")
        .help("Only jobs in this status")
        .argument::<String>("STATUS")
        .parse(|text| known(&text, JobStatus::from_known, JobStatus::KNOWN))
        .optional();
    let job_type = long("type")
        .help("Only jobs of this type")
        .argument::<String>("TYPE")
        .parse(|text| known(&text, JobType::from_known, JobType::KNOWN))
        .optional();
    let filter = construct!(status, job_type)
        .map(|(status, job_type)| JobFilter::default().status(status).job_type(job_type));
    let hub = hub::hub();
    construct!(Arguments { hub, filter }).to_options().descr("Lists the jobs of a hub.")
}

/// Returns the value of a text, or the mistake in it with all values that the spec lists.
fn known<T: ToString>(text: &str, read: fn(&str) -> Option<T>, known: &[T]) -> Result<T, String> {
    let known = || known.iter().map(T::to_string).collect::<Vec<_>>().join(", ");
    read(text).ok_or_else(|| format!("is none of {}", known()))
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(start(command_line())).await)
}

async fn run(Arguments { hub, filter }: Arguments) -> Result<(), Box<dyn Error>> {
    let Hub { client, emulator } = Hub::connect(hub, 12, false).await?;
    if emulator.is_some() {
        schedule_some(&client).await?;
    }
    println!("{:<17} {:<20} {:<9} {:>7} {:>6} start (UTC)", "job", "type", "status", "devices", "failed");
    let mut jobs = client.query_scheduled_jobs(filter);
    while let Some(job) = ask("reading the list", jobs.try_next()).await? {
        print(&job);
    }
    Ok(())
}

async fn schedule_some(client: &Client) -> Result<(), Box<dyn Error>> {
    let reboot = |building| {
        JobRequest::device_method(CloudToDeviceMethod::new("reboot"), format!("tags.building = '{building}'"))
    };
    for id in ["reboot-43", "reboot-43-again"] {
        client.create_scheduled_job(id, &reboot("43")).await?;
        follow(client, id).await?;
    }
    // The last, since it holds the hub's only slot until it has run.
    let tonight = Utc::now() + TimeDelta::hours(6);
    client.create_scheduled_job("reboot-44-tonight", &reboot("44").with_start_time(tonight)).await?;
    Ok(())
}

fn print(job: &JobResponse) {
    let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let counts = job.counts();
    let start = job.start_time.as_ref().and_then(Timestamp::to_utc);
    println!(
        "{:<17} {:<20} {:<9} {:>7} {:>6} {}",
        job.id(),
        text(job.type_.as_ref().map(JobType::as_str)),
        text(job.status.as_ref().map(JobStatus::as_str)),
        counts.total,
        counts.failed,
        start.map_or("-".to_owned(), |start| start.format("%F %R").to_string()),
    );
}
