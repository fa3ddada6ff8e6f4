//! When and why a roll-out stops: the decision is a pure function of the thresholds and the counts of a wave.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::outcome::WaveCounts;
use crate::error::text::one_line;
use crate::follow::report::FailureKind;
use crate::jobs::outcome::JobOutcome;

/// Hundredths of a percent in the whole.
pub(super) const WHOLE: u32 = 10_000;

/// A share of failed devices above which a roll-out stops.
///
/// Only devices of the current wave count, each once its tries are over. The name of the constructor says of how many
/// devices the percentage is. A percentage has two decimals, and is from 0 to 100.
///
/// ```
/// use jobs_api::{FailureKind, Stop};
///
/// // More than 2 % of all devices of the wave, as soon as 20 of them are done.
/// let any_failure = Stop::failed_percent_of_wave_above(2.0).of_at_least(20);
/// // More than 10 % of those that are done so far, wherever a device was reached.
/// let reached = Stop::failed_percent_of_done_above(10.0).ignoring([FailureKind::Unreachable]);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stop {
    of: Denominator,
    above_hundredths_of_percent: u32,
    at_least: u64,
    ignoring: Vec<FailureKind>,
}

/// The devices of which a percentage is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Denominator {
    Wave,
    Done,
}

/// Why a roll-out stopped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StopReason {
    /// Too many devices of a wave failed.
    #[non_exhaustive]
    Failures {
        /// The wave, from 1.
        wave: usize,
        /// The threshold.
        stop: Stop,
        /// The counts that exceed it.
        counts: WaveCounts,
    },
    /// A job failed as a whole, or was cancelled: by a stop of another run of the plan, or by hand.
    #[non_exhaustive]
    Job {
        /// The job.
        job_id: String,
        /// What became of it.
        outcome: JobOutcome,
        /// The hub's reason; empty if there is none.
        reason: String,
    },
    /// The program did not approve this wave.
    NotApproved(usize),
    /// The program stopped the roll-out.
    Requested,
}

/// Returns the threshold that the counts of a wave exceed.
pub(super) fn find_exceeded<'a>(counts: &WaveCounts, stops: &'a [Stop]) -> Option<&'a Stop> {
    stops.iter().find(|stop| stop.is_exceeded(counts))
}

impl Stop {
    /// Stops if more than this percentage of all devices of the wave failed, done or not.
    pub fn failed_percent_of_wave_above(percent: f64) -> Self {
        Self::new(Denominator::Wave, percent)
    }

    /// Stops if more than this percentage of the wave's devices that are done failed.
    ///
    /// Those of a job count once the jobs before it in the wave are over, so that the order in which jobs end changes no
    /// verdict.
    pub fn failed_percent_of_done_above(percent: f64) -> Self {
        Self::new(Denominator::Done, percent)
    }

    fn new(of: Denominator, percent: f64) -> Self {
        Self { of, above_hundredths_of_percent: to_hundredths(percent), at_least: 0, ignoring: Vec::new() }
    }

    /// Lets a wave go on while fewer of its devices are done; 0 by default. A wave that is over is judged however few
    /// devices it has.
    #[must_use]
    pub fn of_at_least(mut self, devices: u64) -> Self {
        self.at_least = devices;
        self
    }

    /// Ignores failures of these kinds; none by default, so that devices without a row count.
    #[must_use]
    pub fn ignoring(mut self, kinds: impl IntoIterator<Item = FailureKind>) -> Self {
        self.ignoring.extend(kinds);
        self
    }

    /// Returns false if no count of failures can exceed the threshold.
    pub(super) fn is_possible(&self) -> bool {
        self.above_hundredths_of_percent < WHOLE
    }

    fn is_exceeded(&self, counts: &WaveCounts) -> bool {
        let done = counts.done();
        let counted = counts.failed.iter().filter(|(kind, _)| !self.ignoring.contains(kind));
        let failed: u64 = counted.map(|(_, count)| count).sum();
        let denominator = match self.of {
            Denominator::Wave => counts.devices,
            Denominator::Done => done,
        };
        (done >= self.at_least || done >= counts.devices)
            && failed * u64::from(WHOLE) > denominator * u64::from(self.above_hundredths_of_percent)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = f64::from(self.above_hundredths_of_percent) / 100.0;
        let of = match self.of {
            Denominator::Wave => "the devices of the wave",
            Denominator::Done => "the devices that are done",
        };
        write!(f, "more than {percent} % of {of} failed")
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures { wave, stop, counts } => {
                let (failed, done) = (counts.failed(), counts.done());
                write!(f, "wave {wave}: {stop}: {failed} of {done} done, of {} in all", counts.devices)
            }
            Self::Job { job_id, outcome, reason } if reason.is_empty() => {
                write!(f, "the job {job_id} was {outcome}")
            }
            Self::Job { job_id, outcome, reason } => {
                write!(f, "the job {job_id} {outcome}: {}", one_line(reason))
            }
            Self::NotApproved(wave) => write!(f, "wave {wave} was not approved"),
            Self::Requested => f.write_str("the program stopped it"),
        }
    }
}

/// Returns a percentage in hundredths of a percent, at least 0.
pub(super) fn to_hundredths(percent: f64) -> u32 {
    // The conversion saturates; that of no number is 0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates as intended")]
    let hundredths = (percent * 100.0).round() as u32;
    hundredths
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts of a wave of this many devices of which this many succeeded and were not reached.
    fn counts(devices: u64, succeeded: u64, unreachable: u64) -> WaveCounts {
        WaveCounts { devices, succeeded, failed: [(FailureKind::Unreachable, unreachable)].into() }
    }

    fn stops(stop: &Stop, counts: WaveCounts) -> bool {
        find_exceeded(&counts, std::slice::from_ref(stop)).is_some()
    }

    #[test]
    fn threshold_is_exceeded_only_above_its_percentage() {
        let stop = Stop::failed_percent_of_wave_above(2.0);
        assert!(!stops(&stop, counts(100, 0, 2)) && stops(&stop, counts(100, 0, 3)));
        let none = Stop::failed_percent_of_wave_above(0.0);
        assert!(!stops(&none, counts(1_000_000, 0, 0)) && stops(&none, counts(1_000_000, 0, 1)));
        let fine = Stop::failed_percent_of_wave_above(0.01);
        assert!(!stops(&fine, counts(10_000, 0, 1)) && stops(&fine, counts(10_000, 0, 2)));
    }

    #[test]
    fn percentage_is_of_the_devices_that_the_constructor_names() {
        let (wave, done) =
            (Stop::failed_percent_of_wave_above(10.0), Stop::failed_percent_of_done_above(10.0));
        assert!(!stops(&wave, counts(100, 10, 5)));
        assert!(stops(&done, counts(100, 10, 5)));
    }

    #[test]
    fn minimum_delays_the_stop_but_a_wave_that_is_over_is_judged() {
        let stop = Stop::failed_percent_of_done_above(2.0).of_at_least(20);
        assert!(!stops(&stop, counts(100, 0, 19)) && stops(&stop, counts(100, 0, 20)));
        assert!(stops(&stop, counts(5, 4, 1)), "a small wave is over");
    }

    #[test]
    fn ignored_kinds_do_not_stop() {
        let ignored = [FailureKind::Unreachable, FailureKind::Answered(404)];
        let stop = Stop::failed_percent_of_wave_above(0.0).ignoring(ignored);
        let failed = |kind| WaveCounts { devices: 10, succeeded: 0, failed: [(kind, 1)].into() };
        assert!(!ignored.into_iter().any(|kind| stops(&stop, failed(kind))));
        assert!(stops(&stop, failed(FailureKind::Answered(500))) && stops(&stop, failed(FailureKind::NoRow)));
    }

    #[test]
    fn percentage_that_is_no_number_becomes_the_strictest() {
        assert_eq!(to_hundredths(f64::NAN), 0);
        assert_eq!(to_hundredths(-1.0), 0);
        assert_eq!(to_hundredths(0.125), 13);
        assert!(!Stop::failed_percent_of_done_above(f64::INFINITY).is_possible());
    }
}
