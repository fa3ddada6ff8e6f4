//! How the hub behaves where sources about the service differ, or where tests of clients need it slow.

mod forms;
mod hub_behavior;
mod names;

pub use forms::{
    ErrorBody, JobIds, LaggingRows, OpenEnd, PayloadEcho, Throttled, TokenClock, TrackingIds, UnknownJob,
    Unreachable,
};
pub use hub_behavior::HubBehavior;
