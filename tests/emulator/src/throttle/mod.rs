//! Throttling: which operations are metered, and by how much.

mod meter;
mod rate_limit;
mod settings;

pub(crate) use meter::{Admission, Meter};
pub use rate_limit::RateLimit;
pub use settings::Throttle;
pub(crate) use settings::{Metered, Meters};
