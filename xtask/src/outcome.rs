//! How a task ends.

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
