//! Errors of a roll-out.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::error::Error;

/// The reason why a roll-out cannot be planned, or its run ended before the roll-out did.
///
/// After an error nothing more is created. Run the plan again to go on where it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum RollOutError {
    /// The plan cannot be made like this. No job was created.
    #[non_exhaustive]
    Invalid {
        /// The function of [`RollOut`](crate::RollOut) that sets it.
        setting: &'static str,
        /// The rule that it breaks.
        rule: String,
    },
    /// The plan is 30 days old: the hub may have forgotten its first jobs, and would run them again.
    #[non_exhaustive]
    Expired {
        /// The time of the plan.
        created: DateTime<Utc>,
    },
    /// A job did not end in its time limit and the run's patience together.
    Overdue(String),
    /// A call failed, and went on to fail for the run's patience if it can be repeated. With
    /// [`Error::JobConflict`] a job of the plan's ids exists that is not of the plan.
    Hub(Error),
}

impl RollOutError {
    pub(super) fn invalid(setting: &'static str, rule: impl Into<String>) -> Self {
        Self::Invalid { setting, rule: rule.into() }
    }
}

impl fmt::Display for RollOutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { setting, rule } => write!(f, "no plan was made: {setting} {rule}"),
            Self::Expired { created } => write!(
                f,
                "the plan of {} is older than the hub's history of 30 days: its jobs could run again; \
                 hint: make another plan under another name",
                created.format("%Y-%m-%d")
            ),
            Self::Overdue(job_id) => {
                write!(
                    f,
                    "the job {job_id} has not ended long after its time limit; hint: run the plan again"
                )
            }
            Self::Hub(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RollOutError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // The text has the layer of the error itself.
            Self::Hub(error) => error.source(),
            _ => None,
        }
    }
}

impl From<Error> for RollOutError {
    fn from(error: Error) -> Self {
        Self::Hub(error)
    }
}
