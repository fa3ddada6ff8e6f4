//! Reasons for which the program ends, with their exit codes.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use jobs_emulator::StartError;

/// Exit code of a flag that is not understood.
pub(crate) const BAD_FLAG: u8 = 2;
const ADDRESS: u8 = 3;
const BAD_FILE: u8 = 4;
const OTHER: u8 = 1;

/// Reason for which the program ends.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// A file that cannot be read or written, or does not hold what it should.
    pub(crate) fn file(path: &Path, error: impl std::fmt::Display) -> Self {
        Self { code: BAD_FILE, message: format!("{}: {error}", path.display()) }
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self { code: OTHER, message: message.into() }
    }

    /// Writes the reason to the standard error and returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        // The reader may be gone.
        let _ = writeln!(io::stderr(), "jobs-emulator: {}", self.message);
        self.code.into()
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let _ = write!(message, ": {cause}");
            source = cause.source();
        }
        let code = match error {
            StartError::Address { .. } => ADDRESS,
            StartError::Tls { .. } => BAD_FILE,
            StartError::Tier(_) | StartError::Clock => BAD_FLAG,
            _ => OTHER,
        };
        Self { code, message }
    }
}
