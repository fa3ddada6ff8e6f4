//! The report of a roll-out.

use super::outcome::{DeviceOutcome, LastWord, WaveCounts};
use super::part::Part;
use super::stop::StopReason;

/// A roll-out that ended: each device once.
///
/// Made of the hub's rows, it is the same in whatever process and however often the plan was run, but for the jobs that
/// this run recalled and the devices that joined since.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RollOutReport {
    /// The reason why it stopped; `None` if every wave went on.
    pub stopped: Option<StopReason>,
    /// The counts of each wave.
    pub waves: Vec<WaveCounts>,
    /// Each device, in the order of the plan.
    pub devices: Vec<DeviceOutcome>,
    /// Devices that the condition of the plan selected as the run ended, and the plan does not have: they joined later,
    /// and belong to another plan.
    pub joined_later: Vec<String>,
    /// Jobs that the stop cancelled before they ran.
    pub cancelled_jobs: Vec<String>,
    /// Jobs that ran when the roll-out stopped: the hub does not cancel them.
    pub jobs_beyond_recall: Vec<String>,
}

impl RollOutReport {
    /// Adds a wave, of which each part is over or was not begun.
    pub(super) fn add_wave(&mut self, parts: Vec<Part<'_>>) {
        let mut counts = WaveCounts::of(parts.iter().map(|part| part.outcomes.len()).sum());
        for part in parts {
            counts.add(&part.outcomes);
            self.devices.extend(part.outcomes);
            self.cancelled_jobs.extend(part.cancelled);
            self.jobs_beyond_recall.extend(part.beyond_recall);
        }
        self.waves.push(counts);
    }

    /// Returns how many devices did the work.
    pub fn succeeded(&self) -> u64 {
        self.waves.iter().map(|wave| wave.succeeded).sum()
    }

    /// Returns the devices that did not do the work, or are not known to have done it, although a job was run for them.
    pub fn failed(&self) -> impl Iterator<Item = &DeviceOutcome> {
        self.devices.iter().filter(|device| matches!(device.last_word, LastWord::Failed { .. }))
    }

    /// Returns the devices for which no job was run: of waves that were not started, or skipped.
    pub fn not_called(&self) -> impl Iterator<Item = &DeviceOutcome> {
        self.devices.iter().filter(|device| device.last_word == LastWord::NotCalled)
    }
}
