//! Waves: how many devices each takes, of a fleet in the order of a hash: neighbours come in different waves.

use hmac_sha256::Hash;

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

impl Wave {
    /// Returns how many devices of `total` it takes, unless fewer are left.
    pub(super) fn count(&self, total: usize) -> usize {
        match self.0 {
            Size::HundredthsOfPercent(share) => {
                let count = (total as u64 * u64::from(share)).div_ceil(WHOLE.into());
                count.try_into().unwrap_or(usize::MAX)
            }
            Size::Devices(count) => count,
            Size::Matching(_) | Size::Rest => usize::MAX,
        }
    }

    /// Returns its share of all devices, in hundredths of a percent.
    pub(super) fn share(&self) -> u32 {
        if let Size::HundredthsOfPercent(share) = self.0 { share } else { 0 }
    }
}

/// Sorts the devices by the SHA-256 hash of the roll-out's name, a line feed and the device's id, and removes
/// duplicates.
pub(super) fn order(name: &str, mut devices: Vec<String>) -> Vec<String> {
    devices.sort_by_cached_key(|id| hash(name, id));
    devices.dedup();
    devices
}

fn hash(name: &str, id: &str) -> [u8; 32] {
    Hash::hash(format!("{name}\n{id}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_of_all_devices_and_rounded_up() {
        for (percent, total, count) in
            [(5.0, 1000, 50), (25.0, 10, 3), (5.0, 1, 1), (33.33, 5, 2), (100.0, 7, 7)]
        {
            assert_eq!(Wave::percent(percent).count(total), count, "{percent} % of {total}");
        }
    }

    fn devices(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("building-{}-pump-{n}", n / 100)).collect()
    }

    #[test]
    fn order_is_the_documented_one() {
        let ordered = order("n", ["b", "a", "c", "a"].map(str::to_owned).to_vec());
        let mut hashes: Vec<_> = ordered.iter().map(|id| Hash::hash(format!("n\n{id}").as_bytes())).collect();
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
