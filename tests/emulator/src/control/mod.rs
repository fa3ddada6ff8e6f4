//! Control of the emulator itself, under `/_emulator/`: not a part of the service.
//!
//! Callers on the same machine are answered, and others that have the control key. `openapi.json` describes the
//! routes.

mod answer;
mod caller;
mod clock;
mod devices;
mod faults;
mod requests;
mod routes;

pub(crate) use caller::refuse;
pub(crate) use routes::{PREFIX, handle};
