//! Behaviour of `jobs-api` against an emulated hub: one file per behaviour.

#![allow(clippy::unwrap_used, reason = "a panic names the failing line")]

mod answers;
mod cancelling;
mod conditions;
#[cfg(feature = "entra")]
mod entra;
mod enums;
mod hub;
#[cfg(feature = "entra")]
mod identity;
mod listing;
mod lost_answers;
#[cfg(feature = "rustls")]
mod proxies;
mod reading;
#[cfg(feature = "entra")]
mod renewal;
mod requests;
mod retrying;
mod rotation;
mod running;
#[cfg(feature = "schemars")]
mod schema;
mod secrecy;
mod support;
mod telemetry;
#[cfg(feature = "rustls")]
mod tls;
mod waiting;
