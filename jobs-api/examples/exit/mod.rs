//! Exit codes of the examples.

#![allow(clippy::print_stderr, reason = "programs that talk to their user")]

use std::error::Error;
use std::process::ExitCode;

/// Prints an error with its causes.
pub(crate) fn exit_code(outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprintln!("  because: {cause}");
        source = cause.source();
    }
    ExitCode::FAILURE
}
