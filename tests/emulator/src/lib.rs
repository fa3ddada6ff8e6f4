//! An emulated Azure IoT Hub for its scheduled jobs: a library for tests, and a program.
//!
//! The emulator checks what the hub checks, answers errors in the hub's shape, and runs jobs on simulated
//! devices by a clock that can be set and advanced. It speaks HTTP/1.1 and HTTP/2, in the clear or over
//! TLS, and accepts shared access signatures of its policies and bearer tokens of its issuer. It shares
//! no code and no types with any client.
//!
//! Start a hub with [`Emulator::builder`]; describe its devices with [`Device`]; let it fail with
//! [`Emulator::inject`] until [`Emulator::clear_faults`]; meter it with [`Throttle`]; let its reads lag, or
//! choose between the ways in which hubs were seen to behave, with [`HubBehavior`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use jobs_emulator::{Device, Emulator, Fault, Route, When};
//!
//! let emulator = Emulator::builder().device(Device::new("pump-1")).start().await;
//! // A client needs these two.
//! println!("{} {}", emulator.endpoint(), emulator.connection_string());
//! // The next request that reads a job is answered 503.
//! emulator.inject(Route::Get, When::Next(1), Fault::status(503));
//! # }
//! ```
//!
//! Its time is Tokio's, so that a test with a paused clock drives it: a job that is scheduled in an hour
//! runs as soon as the test has nothing else to do.

mod api;
mod auth;
mod behavior;
mod builder;
mod clock;
mod control;
mod dates;
mod driver;
mod emulator;
mod fault;
mod fleet;
mod hub;
mod jobs;
mod limits;
mod mutex;
mod operation;
mod pace;
mod query;
mod request;
mod response;
mod server;
mod service_error;
mod start_error;
mod throttle;
mod tier;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;

pub use auth::{Issuer, Policy, PolicyKey, Role};
pub use behavior::{
    ErrorBody, HubBehavior, JobIds, LaggingRows, OpenEnd, PayloadEcho, Throttled, TokenClock, TrackingIds,
    UnknownJob, Unreachable,
};
pub use builder::EmulatorBuilder;
pub use emulator::Emulator;
pub use fault::{Fault, FaultTarget, Route, When};
pub use fleet::{
    Device, FleetError, MethodAnswer, MethodBehavior, MethodCall, Module, generate_fleet, parse_fleet,
};
pub use pace::Pace;
pub use query::condition_selects;
pub use request::{Metering, Request};
pub use start_error::StartError;
pub use throttle::{RateLimit, Throttle};
pub use tier::Tier;
#[cfg(feature = "tls")]
pub use tls::Certificate;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
