//! The command line of the program.

use std::fmt::Arguments as Text;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bpaf::{Args, OptionParser, ParseFailure, Parser, construct, long};

use crate::arguments::{Arguments, arguments};
use crate::failure::BAD_FLAG;

/// Columns of the help text and of mistakes in flags.
const COLUMNS: usize = 80;
const PREFIX: &str = "jobs-emulator: ";

/// The task of the program.
#[derive(Clone)]
pub(crate) enum Command {
    Run(Box<Arguments>),
    /// Check the hub of this ready file.
    Check(PathBuf),
}

/// Parses the command line; the error is the exit code, after help or a mistake was written.
pub(crate) fn parse() -> Result<Command, ExitCode> {
    command().run_inner(Args::current_args()).map_err(|failure| match failure {
        ParseFailure::Stdout(help, _) => {
            write(io::stdout(), format_args!("{help:COLUMNS$}\n"));
            ExitCode::SUCCESS
        }
        ParseFailure::Completion(text) => {
            write(io::stdout(), format_args!("{text}"));
            ExitCode::SUCCESS
        }
        ParseFailure::Stderr(mistake) => {
            let columns = COLUMNS - PREFIX.len();
            write(io::stderr(), format_args!("{PREFIX}{mistake:columns$}\n"));
            BAD_FLAG.into()
        }
    })
}

fn command() -> OptionParser<Command> {
    let check = long("check")
        .help("Ask the hub of this ready file whether it runs, and exit with 0 if it does")
        .argument::<PathBuf>("FILE")
        .map(Command::Check);
    let run = arguments().map(|arguments| Command::Run(Box::new(arguments)));
    construct!([check, run])
        .to_options()
        .descr("An emulated Azure IoT Hub for its scheduled jobs")
        .version(env!("CARGO_PKG_VERSION"))
}

/// Writes a text as far as it is read: a reader such as `head` may be gone before its end.
fn write(mut output: impl Write, text: Text<'_>) {
    let _ = output.write_fmt(text).and_then(|()| output.flush());
}

#[cfg(test)]
mod tests {
    use jobs_emulator::{JobIds, Tier};

    use super::*;

    fn run(flags: &[&str]) -> Result<Command, ParseFailure> {
        command().run_inner(flags)
    }

    #[test]
    fn flags_of_the_manual_are_understood() {
        command().check_invariants(false);
        let flags = [
            "--host",
            "0.0.0.0",
            "--port",
            "0",
            "--http",
            "--hub-name",
            "h",
            "--ca-out",
            "ca.pem",
            "--key",
            "AAAA",
            "--devices",
            "5",
            "--tier",
            "s2",
            "--units",
            "3",
            "--burst",
            "5",
            "--queue",
            "0",
            "--concurrent-jobs",
            "7",
            "--control-key",
            "k",
            "--pace",
            "0,0,0",
            "--clock",
            "2030-01-01T00:00:00Z",
            "--paused",
            "--end-with-stdin",
            "--seed",
            "1",
            "--record",
            "9",
            "--strict-api-version",
            "2021-04-12",
            "--behavior",
            "create-lag=5",
            "--behavior",
            "job-ids=any-case",
            "--ready-file",
            "r",
            "-v",
        ];
        let Ok(Command::Run(arguments)) = run(&flags) else { panic!("understood") };
        assert_eq!(arguments.behavior.job_ids, JobIds::AnyCase);
        assert_eq!((arguments.tier, arguments.units, arguments.port), (Tier::S2, 3, 0));
        assert!(matches!(run(&["--check", "r"]), Ok(Command::Check(_))));
        assert!(matches!(run(&["--help"]), Err(ParseFailure::Stdout(..))));
    }

    #[test]
    fn message_about_a_mistake_names_the_flag() {
        for flags in [
            &["--host", "here"][..],
            &["--port", "70000"],
            &["--port"],
            &["--tier", "s4"],
            &["--units", "-1"],
            &["--throttle", "maybe"],
            &["--burst", "5", "--throttle", "off"],
            &["--queue", "x"],
            &["--concurrent-jobs", "0"],
            &["--pace", "1,2"],
            &["--cert", "a"],
            &["--cert-key", "a"],
            &["--ca-out", "c", "--cert", "a", "--cert-key", "b"],
            &["--devices", "1", "--fleet", "f"],
            &["--devices", "10000001"],
            &["--record", "all"],
            &["--key", "?"],
            &["--key", ""],
            &["--control-key", ""],
            &["--clock", "soon"],
            &["--seed", "x"],
            &["--behavior", "create-lag"],
            &["--behavior", "job-ids=upper"],
            &["--nonsense"],
        ] {
            let Err(ParseFailure::Stderr(message)) = run(flags) else { panic!("{flags:?}") };
            let message = message.monochrome(true);
            assert!(message.contains(flags[0]), "{flags:?}: {message}");
        }
    }
}
