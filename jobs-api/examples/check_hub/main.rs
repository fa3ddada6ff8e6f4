//! Checks a hub: a doctor for a new user, and fact by fact whether the hub does what this crate expects.
//!
//! Needs no device and touches none: its jobs are on a condition that selects nothing. It uses one job slot, some
//! 60 job operations and 5 queries in a minute or two, and cancels every job that it leaves scheduled, after an
//! error and Ctrl-C too. Needs no Azure account: without `--hub` it checks an emulated hub.
//!
//! ```sh
//! cargo run --example check_hub
//! IOTHUB_CONNECTION_STRING='HostName=…' cargo run --example check_hub -- --hub --json > hub.json
//! IOTHUB_HOSTNAME=contoso.azure-devices.net cargo run --example check_hub --features entra -- --hub
//! ```
//!
//! The output has neither keys, tokens nor the hub's name.

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

#[macro_use]
#[path = "../program/mod.rs"]
mod program;
#[path = "../spinner/mod.rs"]
mod spinner;

mod checks;
mod doctor;
mod facts;
mod jobs;
mod life;
mod queries;
mod refusals;
mod report;
mod scheduled;
mod steps;
mod target;

use std::error::Error;
use std::io::{Write as _, stderr, stdin};
use std::process::ExitCode;

use bpaf::{OptionParser, Parser, construct, long};
use tokio::signal::ctrl_c;
use tracing_subscriber::util::SubscriberInitExt as _;

use checks::Patience;
use jobs::Jobs;
use program::{exit_code, start};
use report::Report;
use spinner::ask;
use steps::check_facts;
use target::Target;

struct Arguments {
    hub: bool,
    yes: bool,
    json: bool,
    slots: usize,
}

fn command_line() -> OptionParser<Arguments> {
    let hub = long("hub").help("Check the hub of IOTHUB_CONNECTION_STRING, or that of IOTHUB_HOSTNAME with the feature entra, instead of an emulated one").switch();
    let yes = long("yes").help("Do not ask before jobs are created on a real hub").switch();
    let json = long("json").help("Print the report as JSON").switch();
    let slots = long("slots")
        .help("Job slots of the hub's tier: 1 on free and S1, 5 on S2, 10 on S3")
        .argument("SLOTS")
        .fallback(1)
        .display_fallback();
    construct!(Arguments { hub, yes, json, slots })
        .to_options()
        .descr("Checks whether a hub can be used, and whether it does what jobs-api expects.")
        .footer("Exits with 3 if anything fails or differs.")
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = start(command_line());
    // Refusals are what it looks for: the report has them, and warnings would bury it.
    let _silence = tracing_subscriber::registry().set_default();
    match run(arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => exit_code(Err(error)),
    }
}

/// Checks the hub, and returns whether every fact that was tested holds.
async fn run(arguments: Arguments) -> Result<bool, Box<dyn Error>> {
    let target = Target::connect(arguments.hub).await?;
    let jobs = Jobs::new(target.client.clone())?;
    writeln!(stderr(), "Checking {}.\n{}", target.label(), jobs.plan(arguments.slots))?;
    if target.is_real() && !arguments.yes && !confirm()? {
        return Err("nothing was created".into());
    }
    let mut report = Report::new(&target);
    let check = check(&target, &jobs, arguments.slots, Patience::default(), &mut report);
    let interrupted = tokio::select! {
        () = ask("checking", check) => false,
        _ = ctrl_c() => true,
    };
    tokio::select! {
        () = ask("cancelling what is scheduled", jobs.clean_up()) => {}
        _ = ctrl_c() => {}
    }
    if arguments.json {
        println!("{:#}", report.to_json());
    } else {
        println!("{report}");
    }
    match jobs.open().as_slice() {
        [] if interrupted => Err("interrupted; no job is left".into()),
        [] => Ok(report.holds()),
        ids => Err(format!("these jobs may still be scheduled: cancel them: {}", ids.join(", ")).into()),
    }
}

/// Examines the connection, then the facts.
async fn check(target: &Target, jobs: &Jobs, slots: usize, patience: Patience, report: &mut Report<'_>) {
    report.doctor = doctor::examine(target, jobs).await;
    check_facts(target, jobs, slots, patience, &mut report.findings).await;
}

fn confirm() -> std::io::Result<bool> {
    write!(stderr(), "Go on? [y/N] ")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests;
