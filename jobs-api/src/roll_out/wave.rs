//! Waves: how many devices each takes, of a fleet in the order of a hash: neighbours come in different waves.

use std::collections::HashSet;

use hmac_sha256::Hash;

use super::error::RollOutError;
use super::stop::{WHOLE, to_hundredths};

/// The devices that a wave takes, of those that earlier waves left.
///
/// ```
/// use jobs_api::Wave;
///
/// let waves = [Wave::matching("tags.ring = 'canary'"), Wave::percent(5.0), Wave::devices(1000), Wave::rest()];
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wave(pub(super) Size);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Size {
    HundredthsOfPercent(u32),
    Devices(usize),
    Matching(String),
    Rest,
}

impl Wave {
    /// Takes this percentage of all devices of the plan, rounded up to a device; two decimals.
    pub fn percent(percent: f64) -> Self {
        Self(Size::HundredthsOfPercent(to_hundredths(percent)))
    }

    /// Takes this many devices, or all that are left.
    pub fn devices(count: usize) -> Self {
        Self(Size::Devices(count))
    }

    /// Takes the devices of the plan that this condition selects as the plan is made.
    pub fn matching(condition: impl Into<String>) -> Self {
        Self(Size::Matching(condition.into()))
    }

    /// Takes all devices that are left. Only the last wave can.
    pub fn rest() -> Self {
        Self(Size::Rest)
    }
}

/// Sorts the devices by the SHA-256 hash of the roll-out's name, a line feed and the device's id, and removes
/// duplicates.
pub(super) fn order(name: &str, mut devices: Vec<String>) -> Vec<String> {
    devices.sort_by_cached_key(|id| Hash::hash(format!("{name}\n{id}").as_bytes()));
    devices.dedup();
    devices
}

/// Returns a hash as hexadecimal digits.
pub(super) fn hex(hash: [u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks the sizes of waves, before the devices are read.
pub(super) fn check_waves(waves: &[Wave]) -> Result<(), RollOutError> {
    let invalid = |rule: String| Err(RollOutError::invalid("waves", rule));
    if waves.is_empty() {
        return invalid("must have at least one wave".into());
    }
    let mut percents = 0;
    for (number, wave) in (1..).zip(waves) {
        match &wave.0 {
            Size::HundredthsOfPercent(0) | Size::Devices(0) => {
                return invalid(format!("must take devices in wave {number}"));
            }
            Size::HundredthsOfPercent(share) => percents = share.saturating_add(percents),
            Size::Rest if number < waves.len() => {
                return invalid(format!("must take the rest in the last wave, not in wave {number}"));
            }
            _ => {}
        }
    }
    if percents > WHOLE {
        return invalid(format!("must add up to at most 100 %, not to {} %", f64::from(percents) / 100.0));
    }
    Ok(())
}

/// Takes the devices of a wave out of those that are left, of `total` devices. `matching` are those that its condition
/// selects.
pub(super) fn take_wave(
    wave: &Wave,
    left: &mut Vec<String>,
    total: usize,
    matching: &HashSet<String>,
) -> Vec<String> {
    let count = match wave.0 {
        Size::HundredthsOfPercent(share) => {
            (total as u128 * u128::from(share)).div_ceil(WHOLE.into()).try_into().unwrap_or(usize::MAX)
        }
        Size::Devices(count) => count,
        Size::Rest => usize::MAX,
        Size::Matching(_) => return left.extract_if(.., |id| matching.contains(id)).collect(),
    };
    left.drain(..count.min(left.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(waves: &[Wave], total: usize) -> Vec<usize> {
        let mut left: Vec<String> = (0..total).map(|n| n.to_string()).collect();
        let matching = ["7", "3", "other"].map(str::to_owned).into();
        let take = |wave| take_wave(wave, &mut left, total, &matching).len();
        let sizes = waves.iter().map(take).collect();
        assert!(left.is_empty());
        sizes
    }

    #[test]
    fn percentages_are_of_all_devices_and_rounded_up() {
        let waves = [Wave::percent(5.0), Wave::percent(25.0), Wave::rest()];
        assert_eq!(sizes(&waves, 1000), [50, 250, 700]);
        assert_eq!(sizes(&waves, 10), [1, 3, 6]);
        assert_eq!(sizes(&waves, 1), [1, 0, 0]);
        assert_eq!(sizes(&[Wave::percent(33.33), Wave::percent(66.67)], 5), [2, 3]);
    }

    #[test]
    fn wave_of_a_condition_takes_the_devices_of_the_plan_that_match() {
        let waves = [Wave::devices(4), Wave::matching("tags.ring = 1"), Wave::devices(100)];
        assert_eq!(sizes(&waves, 10), [4, 1, 5]);
    }

    #[test]
    fn waves_that_do_not_add_up_are_refused() {
        for (waves, rule) in [
            (vec![], "must have at least one wave"),
            (vec![Wave::percent(0.0)], "must take devices in wave 1"),
            (vec![Wave::percent(f64::NAN)], "must take devices in wave 1"),
            (vec![Wave::devices(0), Wave::rest()], "must take devices in wave 1"),
            (vec![Wave::rest(), Wave::rest()], "the last wave, not in wave 1"),
            (vec![Wave::percent(60.0), Wave::percent(60.0)], "at most 100 %, not to 120 %"),
            (vec![Wave::percent(f64::INFINITY), Wave::percent(1.0)], "at most 100 %"),
        ] {
            let error = check_waves(&waves).unwrap_err().to_string();
            assert!(error.contains(rule), "{error}");
        }
    }

    fn devices(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("building-{}-pump-{n}", n / 100)).collect()
    }

    #[test]
    fn order_is_the_documented_one() {
        let ordered = order("n", ["b", "a", "c", "a"].map(str::to_owned).to_vec());
        let mut hashes: Vec<String> =
            ordered.iter().map(|id| hex(Hash::hash(format!("n\n{id}").as_bytes()))).collect();
        assert_eq!(hashes.len(), 3);
        assert!(hashes.is_sorted());
        hashes.dedup();
        assert_eq!(hashes.len(), 3);
    }

    #[test]
    fn order_spreads_each_building_and_depends_on_the_name() {
        let ordered = order("firmware-2", devices(1000));
        let first: Vec<&str> = ordered[..100].iter().map(|id| &id[..10]).collect();
        for building in 0..10 {
            let count = first.iter().filter(|id| **id == format!("building-{building}")).count();
            assert!((1..=30).contains(&count), "{count} of building {building} are in the first tenth");
        }
        assert_ne!(ordered, order("firmware-3", devices(1000)));
        let mut reversed = devices(1000);
        reversed.reverse();
        assert_eq!(ordered, order("firmware-2", reversed));
    }
}
