//! Control of the emulator itself, under `/_emulator/`: not a part of the service.
//!
//! Only callers on the same machine are answered. `openapi.json` describes the routes.

mod faults;
mod handlers;

pub(crate) use handlers::{PREFIX, handle};
