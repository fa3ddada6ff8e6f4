//! What became of each device, and the counts of a wave.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::text::one_line;
use crate::follow::report::FailureKind;

/// A device of a roll-out: its last word, and how often it was tried.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DeviceOutcome {
    /// The device.
    pub device_id: String,
    /// The jobs that were run for the device; 0 if none was.
    pub tries: u32,
    /// The result of the last of these jobs.
    pub last_word: LastWord,
}

/// The result of the last job on a device.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LastWord {
    /// The work is done.
    Succeeded,
    /// The work is not done, or not known to be.
    #[non_exhaustive]
    Failed {
        /// The kind of the failure. A device without a readable, final row is of the kind
        /// [`NoRow`](FailureKind::NoRow), and not retried, since it may have done the work.
        kind: FailureKind,
        /// The hub's reason, or the device's answer; at most 1,000 characters.
        reason: String,
    },
    /// No job was run for the device.
    NotCalled,
}

/// The devices of a wave, and how many of them are done: their tries are over.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct WaveCounts {
    /// Devices of the wave.
    pub devices: u64,
    /// Devices on which the work succeeded.
    pub succeeded: u64,
    /// Devices on which it failed, or is not known to have succeeded.
    pub failed: BTreeMap<FailureKind, u64>,
}

impl DeviceOutcome {
    pub(super) fn not_called(device_id: &str) -> Self {
        Self { device_id: device_id.to_owned(), tries: 0, last_word: LastWord::NotCalled }
    }

    /// Returns true if another try may help, and does no harm.
    pub(super) fn is_retried(&self) -> bool {
        matches!(self.last_word, LastWord::Failed { kind, .. } if kind != FailureKind::NoRow)
    }
}

/// Shows one line, whatever the device answered.
impl fmt::Display for DeviceOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = one_line(&self.device_id);
        match &self.last_word {
            LastWord::Succeeded => write!(f, "{id}: succeeded"),
            LastWord::Failed { reason, .. } => write!(f, "{id}: {} (try {})", one_line(reason), self.tries),
            LastWord::NotCalled => write!(f, "{id}: not called"),
        }
    }
}

impl WaveCounts {
    pub(super) fn of(devices: usize) -> Self {
        Self { devices: devices as u64, ..Self::default() }
    }

    /// Returns how many devices failed, or are not known to have succeeded.
    pub fn failed(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Returns how many devices are done.
    pub fn done(&self) -> u64 {
        self.succeeded + self.failed()
    }

    /// Adds devices whose tries are over.
    pub(super) fn add(&mut self, outcomes: &[DeviceOutcome]) {
        for outcome in outcomes {
            match outcome.last_word {
                LastWord::Succeeded => self.succeeded += 1,
                LastWord::Failed { kind, .. } => *self.failed.entry(kind).or_default() += 1,
                LastWord::NotCalled => {}
            }
        }
    }
}
