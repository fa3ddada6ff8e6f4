//! The tiers of a hub, and what each allows.

use crate::limits::{DEVICE_OPERATIONS, JOB_OPERATIONS, JOB_SLOTS, QUERIES};
use crate::pace::Limits;

/// The tier of a hub, which decides its limits together with the number of units: [Quotas and
/// throttling][quotas].
///
/// The basic tiers are not among them: they have no jobs.
///
/// [quotas]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling
///
/// ```
/// # fn example(connection_string: &str) -> Result<(), jobs_api::Error> {
/// use jobs_api::{ClientBuilder, Tier};
///
/// let builder = ClientBuilder::from_connection_string(connection_string)?;
/// let two_units = builder.tier(Tier::S2, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Tier {
    /// The free tier, with the limits of one unit of S1.
    Free,
    /// Standard tier 1: 100 job operations a minute for each unit, 1 job at a time.
    S1,
    /// Standard tier 2: 100 job operations a minute for each unit, 5 jobs at a time.
    S2,
    /// Standard tier 3: 5,000 job operations a minute for each unit, 10 jobs at a time.
    S3,
}

impl Tier {
    /// Returns the limits of a hub of this many units, or the reason why it has none.
    pub(crate) fn limits(self, units: u32) -> Result<Limits, &'static str> {
        match (self, units) {
            (_, 0) => return Err("a hub has at least one unit"),
            (Self::Free, 2..) => return Err("a hub of the free tier has one unit"),
            _ => {}
        }
        let (rates, slots, devices) = match self {
            Self::Free | Self::S1 => (0, 0, DEVICE_OPERATIONS[0]),
            Self::S2 => (0, 1, DEVICE_OPERATIONS[1].max(units)),
            Self::S3 => (1, 2, DEVICE_OPERATIONS[2].saturating_mul(units)),
        };
        let units = f64::from(units);
        Ok(Limits {
            operations: Some(units * f64::from(JOB_OPERATIONS[rates])),
            queries: Some(units * f64::from(QUERIES[rates])),
            slots: Some(JOB_SLOTS[slots]),
            devices: Some(devices.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_with_the_units() {
        let limits = |operations, queries, slots, devices| {
            Ok(Limits {
                operations: Some(operations),
                queries: Some(queries),
                slots: Some(slots),
                devices: Some(devices),
            })
        };
        assert_eq!(Tier::Free.limits(1), limits(100.0, 20.0, 1, 10.0));
        assert_eq!(Tier::S1.limits(3), limits(300.0, 60.0, 1, 10.0));
        assert_eq!(Tier::S2.limits(1), limits(100.0, 20.0, 5, 10.0));
        assert_eq!(Tier::S2.limits(20), limits(2000.0, 400.0, 5, 20.0));
        assert_eq!(Tier::S3.limits(2), limits(10_000.0, 2000.0, 10, 100.0));
    }

    #[test]
    fn number_of_units_that_no_hub_has_is_refused() {
        assert!(Tier::S1.limits(0).is_err() && Tier::Free.limits(2).is_err());
    }
}
