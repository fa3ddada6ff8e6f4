//! Tiers of a hub, with what each allows.

use std::str::FromStr;

/// The tier of a hub.
///
/// See [IoT Hub quotas and throttling](https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tier {
    /// Free: the limits of S1, at most 500 devices, one unit.
    Free,
    /// Basic 1: no jobs.
    B1,
    /// Basic 2: no jobs.
    B2,
    /// Basic 3: no jobs.
    B3,
    /// Standard 1.
    S1,
    /// Standard 2.
    S2,
    /// Standard 3.
    S3,
}

impl Tier {
    /// Returns true if the tier runs jobs.
    pub fn has_jobs(self) -> bool {
        !matches!(self, Self::B1 | Self::B2 | Self::B3)
    }

    /// Returns how many jobs may be active at once.
    pub fn concurrent_jobs(self) -> usize {
        match self {
            Self::Free | Self::B1 | Self::S1 => 1,
            Self::B2 | Self::S2 => 5,
            Self::B3 | Self::S3 => 10,
        }
    }

    /// Returns how many job operations (create, cancel, list) a minute `units` bring.
    pub fn job_operations_per_minute(self, units: u32) -> u32 {
        let per_unit = match self {
            Self::B3 | Self::S3 => 5_000,
            _ => 100,
        };
        units.saturating_mul(per_unit)
    }

    /// Returns how many queries a minute `units` bring.
    pub fn queries_per_minute(self, units: u32) -> u32 {
        let per_unit = match self {
            Self::B3 | Self::S3 => 1_000,
            _ => 20,
        };
        units.saturating_mul(per_unit)
    }

    /// Returns how many devices a second all jobs together reach with `units`.
    pub fn device_operations_per_second(self, units: u32) -> u32 {
        match self {
            Self::Free | Self::B1 | Self::S1 => 10,
            Self::B2 | Self::S2 => units.max(10),
            Self::B3 | Self::S3 => units.saturating_mul(50),
        }
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let tiers = [
            ("free", Self::Free),
            ("b1", Self::B1),
            ("b2", Self::B2),
            ("b3", Self::B3),
            ("s1", Self::S1),
            ("s2", Self::S2),
            ("s3", Self::S3),
        ];
        let found = tiers.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found
            .map(|(_, tier)| *tier)
            .ok_or_else(|| format!("'{text}' is not a tier: expected free, b1, b2, b3, s1, s2 or s3"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_have_the_documented_limits() {
        let limits = |tier: Tier, units| {
            (
                tier.concurrent_jobs(),
                tier.job_operations_per_minute(units),
                tier.queries_per_minute(units),
                tier.device_operations_per_second(units),
            )
        };
        assert_eq!(limits(Tier::Free, 1), (1, 100, 20, 10));
        assert_eq!(limits(Tier::S1, 2), (1, 200, 40, 10));
        assert_eq!(limits(Tier::S2, 3), (5, 300, 60, 10));
        assert_eq!(limits(Tier::S2, 40), (5, 4_000, 800, 40));
        assert_eq!(limits(Tier::S3, 2), (10, 10_000, 2_000, 100));
        assert!(!Tier::B1.has_jobs() && Tier::Free.has_jobs());
        assert_eq!("S2".parse(), Ok(Tier::S2));
        assert!("s4".parse::<Tier>().unwrap_err().contains("'s4' is not a tier"));
    }
}
