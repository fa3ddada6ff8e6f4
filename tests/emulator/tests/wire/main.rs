//! The emulator over the wire: raw HTTP/1.1, with tokens that this code signs itself.

#![allow(clippy::unwrap_used, reason = "a test that panics says where")]

mod answers;
mod authorization;
mod bounds;
mod clients;
mod control;
mod creation;
mod faults;
mod lag;
mod meters;
#[cfg(feature = "cli")]
mod program;
mod queries;
mod reach;
mod records;
mod schedule;
mod support;
mod twins;
