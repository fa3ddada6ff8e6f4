//! An IoT Hub in your own process, reduced to its scheduled jobs.
//!
//! The emulator reads the wire for itself: it shares no code and no types with the client it is used
//! to test. It checks what the hub checks, refuses in the hub's words, and really runs the jobs on a
//! fleet of simulated devices. It speaks HTTP/1.1 and HTTP/2, in the clear or over TLS, and takes shared
//! access signatures of its policy and bearer tokens of its issuer.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use jobs_emulator::{Device, Emulator};
//! use serde_json::json;
//!
//! let emulator = Emulator::builder()
//!     .device(Device::new("pump-1").with_tags(json!({ "building": "43" })))
//!     .device(Device::new("pump-2").offline())
//!     .start()
//!     .await;
//! println!("{} with {}", emulator.endpoint(), emulator.connection_string());
//! # }
//! ```

mod access;
mod condition;
mod device;
mod emulator;
mod fault;
mod hub;
mod issuer;
mod job;
mod query;
mod refusal;
mod routes;
mod server;
mod state;
mod submission;
mod tls;

pub use access::PolicyKey;
pub use condition::condition_selects;
pub use device::{Device, MethodAnswer, MethodCall};
pub use emulator::{Emulator, EmulatorBuilder, Pace};
pub use fault::{Fault, Route, When};
pub use issuer::Issuer;
pub use server::Request;
pub use tls::Certificate;
