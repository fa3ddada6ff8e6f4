//! The maintainer's tasks of this workspace: `cargo xtask --help` lists them.

mod amend;
mod by_hand;
mod checks;
mod culprit;
mod document;
mod enums;
mod facts_page;
mod generator;
mod json;
mod names;
mod normalize;
mod open_enums;
mod outcome;
mod pages;
mod patterns;
mod places;
mod regen;
mod render;
mod spec;
mod surface;
mod syntax;
mod upstream;
mod workspace;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use bpaf::{Args, OptionParser, ParseFailure, Parser, construct, long, positional};

use crate::outcome::{EXIT_CODES, Outcome, print};
use crate::workspace::repository;

/// A task and its options.
enum Command {
    Regen(regen::Options),
    Upstream(PathBuf),
}

fn command_line() -> OptionParser<Command> {
    let check =
        long("check").help("Write nothing; print a diff and exit with 2 if the client is stale").switch();
    let against = long("against")
        .help("Compare with the client of this git revision instead of the one in the working tree")
        .argument::<String>("REV")
        .optional();
    let regen = construct!(regen::Options { check, against })
        .map(Command::Regen)
        .to_options()
        .descr("Generates the typed client jobs-api/src/generated.rs from spec/openapi.json, and reports what changes for users.")
        .footer(EXIT_CODES)
        .command("regen")
        .help("Regenerate the client from the spec");
    let file = positional::<PathBuf>("FILE").help("A Swagger 2.0 or OpenAPI 3 document in JSON");
    let upstream = file
        .map(Command::Upstream)
        .to_options()
        .descr("Compares spec/openapi.json with a published document, and prints what spec/deviations.json does not explain.")
        .footer(EXIT_CODES)
        .command("upstream")
        .help("Compare the spec with a published document");
    construct!([regen, upstream]).to_options().descr("Tasks of the jobs-api workspace.")
}

fn main() -> ExitCode {
    let outcome = match command_line().run_inner(Args::current_args()) {
        Ok(Command::Regen(options)) => regen::run(&repository(), &options),
        Ok(Command::Upstream(file)) => upstream::run(&repository(), &file),
        Err(ParseFailure::Stdout(help, is_full)) => Ok(Outcome::Success(help.monochrome(is_full))),
        Err(ParseFailure::Completion(words)) => Ok(Outcome::Success(words)),
        Err(ParseFailure::Stderr(mistake)) => Err(mistake.monochrome(true).into()),
    };
    match outcome {
        Ok(Outcome::Success(report)) => print(io::stdout(), &report, ExitCode::SUCCESS),
        Ok(Outcome::Difference(report)) => print(io::stdout(), &report, ExitCode::from(2)),
        Err(error) => print(io::stderr(), &format!("error: {error}"), ExitCode::FAILURE),
    }
}

#[cfg(test)]
mod tests;
