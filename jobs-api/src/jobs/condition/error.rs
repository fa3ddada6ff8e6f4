//! Reasons why a condition cannot be used.

use std::fmt;

use crate::error::Error;
use crate::limits::CONDITION_LENGTH;

/// The reason why a condition cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConditionError {
    /// It has more than 8,192 characters.
    #[non_exhaustive]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// A path has a part that cannot be quoted: an empty one, or one that has `]]` or ends with `]`.
    Path(String),
    /// A list of values is empty.
    EmptyList,
}

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length } => write!(
                f,
                "the condition has {length} characters, more than {CONDITION_LENGTH}; split it into several jobs, \
                 a list of devices with `Condition::split_device_ids`"
            ),
            Self::Path(path) => {
                write!(f, "the path {path:?} cannot be quoted: a part is empty, has `]]` or ends with `]`")
            }
            Self::EmptyList => f.write_str("a list of values must not be empty"),
        }
    }
}

impl std::error::Error for ConditionError {}

impl From<ConditionError> for Error {
    fn from(error: ConditionError) -> Self {
        Self::invalid_request("queryCondition", format!("cannot be used: {error}"))
    }
}
