//! Schedules a twin update and a direct method, follows each to its end, and prints what came of it.
//!
//! Needs no Azure account: without `IOTHUB_CONNECTION_STRING` it starts a hub of its own, with a dozen
//! simulated devices.
//!
//! ```sh
//! cargo run --example schedule_job
//! cargo run --example schedule_job -- --help
//! cargo run --example schedule_job -- --flaky
//! IOTHUB_CONNECTION_STRING='HostName=…' cargo run --example schedule_job -- --condition "tags.building = '43'"
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to its user")]

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use bpaf::{OptionParser, Parser, construct, long};
use chrono::Utc;
use indicatif::{ProgressBar, ProgressStyle};
use jobs_api::types::{CloudToDeviceMethod, JobRequest, JobResponse, JobStatus, Twin};
use jobs_api::{Client, ClientBuilder};
use jobs_emulator::{Device, Emulator, Fault, MethodAnswer, Pace, Route, When};
use serde_json::json;

/// How often a job's state is read: a hub allows 100 job operations a minute.
const POLL_INTERVAL: Duration = Duration::from_millis(750);

struct Arguments {
    condition: String,
    job_id: String,
    flaky: bool,
}

fn command_line() -> OptionParser<Arguments> {
    let condition = long("condition")
        .help("Which devices: the part of a query after WHERE; * selects all")
        .argument("CONDITION")
        .fallback("tags.building = '43'".to_owned())
        .display_fallback();
    let job_id = long("job-id")
        .help("The jobs' ids, before -twin and -method; a new one each time when left out")
        .argument("ID")
        .fallback_with(|| Ok::<_, String>(format!("demo-{}", Utc::now().format("%Y%m%d-%H%M%S"))));
    let flaky = long("flaky").help("Has the emulated hub fail one request in three").switch();
    construct!(Arguments { condition, job_id, flaky })
        .to_options()
        .descr("Schedules a twin update and a direct method, and follows both.")
        .footer("Talks to the hub of IOTHUB_CONNECTION_STRING, or to one of its own when that is not set.")
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(command_line().run()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprintln!("  because: {cause}");
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(Arguments { condition, job_id, flaky }: Arguments) -> Result<(), Box<dyn Error>> {
    let (client, _emulator) = connect(flaky).await?;

    let interval = Twin::patch().with_desired(json!({ "interval": 30 }));
    let update = JobRequest::twin_update(interval, &condition);
    schedule_and_follow(&client, &format!("{job_id}-twin"), update).await?;

    let reboot = CloudToDeviceMethod::new("reboot").with_payload(json!({ "delay": 5 }));
    let call = JobRequest::device_method(reboot, &condition);
    schedule_and_follow(&client, &format!("{job_id}-method"), call).await
}

/// A client of the hub in the environment; of an emulated one when there is none.
async fn connect(flaky: bool) -> Result<(Client, Option<Emulator>), Box<dyn Error>> {
    if let Ok(connection_string) = std::env::var("IOTHUB_CONNECTION_STRING") {
        let client = Client::from_connection_string(&connection_string)?;
        println!("Talking to the hub of IOTHUB_CONNECTION_STRING.");
        return Ok((client, None));
    }
    let emulator = Emulator::builder()
        .devices((1..=12).map(simulated_pump))
        .pace(Pace { running: Duration::from_secs(2), ..Pace::default() })
        .start()
        .await;
    println!(
        "IOTHUB_CONNECTION_STRING is not set: talking to an emulated hub with 12 devices, 8 in building 43."
    );
    if flaky {
        emulator.inject(Route::Any, When::Every(3), Fault::status(503));
        println!("It fails one request in three.");
    }
    let builder = ClientBuilder::from_connection_string(&emulator.connection_string())?;
    Ok((builder.endpoint(emulator.endpoint()).build()?, Some(emulator)))
}

fn simulated_pump(number: u32) -> Device {
    let building = if number <= 8 { "43" } else { "44" };
    Device::new(format!("pump-{number}"))
        .with_tags(json!({ "building": building }))
        .answering(|call| MethodAnswer { status: 200, payload: json!({ "done": call.name }) })
}

async fn schedule_and_follow(client: &Client, id: &str, request: JobRequest) -> Result<(), Box<dyn Error>> {
    let request = request.starting_at(Utc::now()).with_max_execution_time(Duration::from_secs(3600));
    client.create_scheduled_job(id, &request).await?;
    println!("{id}: scheduled");

    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} devices, {msg}")?;
    let bar = ProgressBar::new(0).with_style(style);
    let job = loop {
        let job = client.get_scheduled_job(id).await?;
        show(&bar, &job);
        if matches!(job.status, Some(JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled)) {
            break job;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    };
    bar.finish_and_clear();
    report(id, &job)
}

fn show(bar: &ProgressBar, job: &JobResponse) {
    let statistics = job.device_job_statistics.clone().unwrap_or_default();
    let count = |number: Option<i32>| u64::try_from(number.unwrap_or_default()).unwrap_or_default();
    bar.set_length(count(statistics.device_count));
    bar.set_position(count(statistics.succeeded_count) + count(statistics.failed_count));
    bar.set_message(job.status.as_ref().map(JobStatus::to_string).unwrap_or_default());
}

fn report(id: &str, job: &JobResponse) -> Result<(), Box<dyn Error>> {
    let status = job.status.as_ref().map_or("without a status", JobStatus::as_str);
    if job.status != Some(JobStatus::Completed) {
        let reason = job.failure_reason.as_deref().or(job.status_message.as_deref());
        return Err(format!("{id} ended {status}: {}", reason.unwrap_or("the hub gives no reason")).into());
    }
    let statistics = job.device_job_statistics.clone().unwrap_or_default();
    let succeeded = statistics.succeeded_count.unwrap_or_default();
    let failed = statistics.failed_count.unwrap_or_default();
    println!("{id}: {status}, {succeeded} devices succeeded, {failed} failed");
    if failed > 0 { Err(format!("{id} failed on {failed} devices").into()) } else { Ok(()) }
}
