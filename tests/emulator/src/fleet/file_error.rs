//! Mistakes in the description of a fleet.

use std::fmt;

/// A mistake in a fleet's description.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FleetError {
    pub(super) place: String,
    pub(super) reason: String,
}

impl fmt::Display for FleetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.reason),
            place => write!(f, "{place}: {}", self.reason),
        }
    }
}

impl std::error::Error for FleetError {}
