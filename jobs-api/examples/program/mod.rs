//! The start, the output and the exit codes of the examples.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::{self, ExitCode};

use bpaf::{Args, OptionParser, ParseFailure};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// The width to which help and mistakes in the arguments are wrapped.
const COLUMNS: usize = 80;

/// Prints a line, and ends the program once nobody reads it: `head` closes the pipe after a few.
#[cfg(not(test))]
macro_rules! println {
    ($($line:tt)*) => {
        $crate::program::print_line(format_args!($($line)*))
    };
}

#[cfg(not(test))]
pub(crate) fn print_line(line: std::fmt::Arguments<'_>) {
    if writeln!(io::stdout(), "{line}").is_err() {
        process::exit(1);
    }
}

/// Gives rustls its cryptography, which an HTTP client needs.
pub(crate) fn use_ring() {
    // Only a program that has installed another provider gets an error.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Shows warnings such as retries, and parses the command line, or ends the program with help or, with exit code 2,
/// with the mistake in it.
pub(crate) fn start<T>(command_line: OptionParser<T>) -> T {
    let warnings = Targets::new().with_target("jobs_api", LevelFilter::WARN);
    let lines = fmt::layer().with_writer(line_for_a_log).without_time().with_target(false);
    tracing_subscriber::registry().with(lines.with_filter(warnings)).init();
    command_line.run_inner(Args::current_args()).unwrap_or_else(|failure| {
        // The reader may be gone.
        let (_, code) = match failure {
            ParseFailure::Stdout(help, _) => (writeln!(io::stdout(), "{help:COLUMNS$}"), 0),
            ParseFailure::Completion(words) => (write!(io::stdout(), "{words}"), 0),
            ParseFailure::Stderr(mistake) => {
                let prefix = "error: ";
                let columns = COLUMNS - prefix.len();
                (writeln!(io::stderr(), "{prefix}{mistake:columns$}"), 2)
            }
        };
        process::exit(code)
    })
}

/// Clears the line of a terminal, on which a spinner may be.
fn line_for_a_log() -> io::Stderr {
    if io::stderr().is_terminal() {
        // The reader may be gone.
        let _ = write!(io::stderr(), "\r\x1b[2K");
    }
    io::stderr()
}

/// Prints an error with its causes.
pub(crate) fn exit_code(outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    let _ = writeln!(io::stderr(), "error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = writeln!(io::stderr(), "  because: {cause}");
        source = cause.source();
    }
    ExitCode::FAILURE
}
