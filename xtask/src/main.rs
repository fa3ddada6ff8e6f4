//! The maintainer's tasks of this workspace: `cargo xtask --help` lists them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to its user")]

mod aliases;
mod checks;
mod enums;
mod generator;
mod regen;
mod spec;

use std::process::ExitCode;

use bpaf::{OptionParser, Parser, construct, long};

/// What the command line asks for.
enum Command {
    Regen { check: bool },
}

fn command_line() -> OptionParser<Command> {
    let check =
        long("check").help("Write nothing: print a diff and exit with 1 when the client is stale").switch();
    let regen = construct!(Command::Regen { check })
        .to_options()
        .descr("Turns spec/openapi.json into the typed client jobs-api/src/generated.rs.")
        .footer("After an update of the spec: run it, read the diff of generated.rs, run the tests.")
        .command("regen")
        .help("Write the client anew from the spec");
    construct!([regen]).to_options().descr("Tasks of the jobs-api workspace.")
}

fn main() -> ExitCode {
    let outcome = match command_line().run() {
        Command::Regen { check: false } => regen::write(),
        Command::Regen { check: true } => regen::check(),
    };
    match outcome {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
