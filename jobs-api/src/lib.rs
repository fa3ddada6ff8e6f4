//! Scheduled jobs of Azure IoT Hub.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod builder;
mod client;
mod error;
#[allow(
    missing_docs,
    rust_2018_idioms,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    reason = "written by the generator"
)]
#[rustfmt::skip]
pub mod generated;
mod hooks;
mod request;
mod timestamp;

pub use auth::{ConnectionString, ConnectionStringError, Credential, CredentialError};
pub use builder::ClientBuilder;
pub use client::Client;
pub use error::{Cause, Error, ErrorCode, ServiceError, TransportError, UnreadableAnswer};
pub use generated::types;
pub use progenitor_client::ResponseValue;
pub use timestamp::Timestamp;
