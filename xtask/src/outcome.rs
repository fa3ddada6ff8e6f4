//! How a task ends.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// The end of a task that was not refused, with its report.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The task did what was asked.
    Success(String),
    /// The task compared, and found a difference.
    Difference(String),
}

/// The exit codes, for `--help`.
pub(crate) const EXIT_CODES: &str = "Exit codes: 0 success; 1 refused or failed, with the reason on standard \
                                     error and nothing written; 2 compared, and found a difference.";

/// Prints a text, and returns the exit code: `code`, or that of a failure if the text cannot be written.
pub(crate) fn print(mut output: impl Write, text: &str, code: ExitCode) -> ExitCode {
    match writeln!(output, "{text}") {
        // A reader such as `head` may have seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => code,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn closed_pipe_ends_the_report_and_keeps_the_exit_code() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert_eq!(print(writer, "a report", ExitCode::from(2)), ExitCode::from(2));
    }

    #[test]
    fn report_that_cannot_be_written_is_a_failure() {
        assert_eq!(print([0; 3].as_mut_slice(), "a report", ExitCode::SUCCESS), ExitCode::FAILURE);
    }
}
