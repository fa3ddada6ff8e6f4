//! The maintainer's tasks of this workspace: `cargo xtask --help` lists them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to its user")]

mod aliases;
mod amend;
mod audit;
mod checks;
mod culprit;
mod document;
mod enums;
mod generator;
mod grammar;
#[cfg(test)]
mod growth;
mod json;
mod names;
mod normalize;
mod places;
mod regen;
mod rows;
#[cfg(test)]
mod scratch;
mod segments;
mod setters;
mod spec;
mod syntax;
mod visibility;

use std::process::ExitCode;

use bpaf::{OptionParser, Parser, construct, long};

/// A task and its options.
enum Command {
    Regen { check: bool },
}

fn command_line() -> OptionParser<Command> {
    let check =
        long("check").help("Write nothing; print a diff and exit with 1 if the client is stale").switch();
    let regen = construct!(Command::Regen { check })
        .to_options()
        .descr("Generates the typed client jobs-api/src/generated.rs from spec/openapi.json.")
        .footer("After a spec update: run it, read the diff of generated.rs, run the tests.")
        .command("regen")
        .help("Regenerate the client from the spec");
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
