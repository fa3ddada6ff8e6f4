//! A client for the [scheduled jobs][page] of Azure IoT Hub.
//!
//! A job updates the twin of, or invokes a direct method on, every device that a query condition
//! selects, at once or at a later time. The hub runs it; a back end creates it, reads how far it has
//! come, and cancels it while it is not running yet.
//!
//! ```no_run
//! # async fn example() -> Result<(), jobs_api::Error> {
//! use jobs_api::Client;
//! use jobs_api::types::{JobRequest, Twin};
//! use serde_json::json;
//!
//! let client = Client::from_env()?; // IOTHUB_CONNECTION_STRING holds the hub's connection string
//! let patch = Twin::patch().with_desired(json!({ "interval": 30 }));
//! client.create_scheduled_job("interval-30", &JobRequest::twin_update(patch, "*")).await?;
//!
//! let job = client.get_scheduled_job("interval-30").await?;
//! println!("{:?}: {:?}", job.status, job.device_job_statistics);
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//!
//! - [`Client`] has a method for each operation on a job, and [`call`](Client::call) for every other
//!   operation of the spec. [`ClientBuilder`] sets one up with any [`Credential`]; [`RotatingCredential`]
//!   replaces that while calls run.
//! - [`Client::wait_for_job`] follows a job to its end, [`Client::job_report`] names the devices it failed
//!   on, [`Listing`] streams jobs and rows over all pages; [`JobOutcome`] tells how a job ended.
//! - [`Condition`] builds query conditions that nothing can be injected into.
//! - [`types`] holds the requests and answers, generated from the spec of API version 2021-04-12.
//!   Members that the service may leave out are `Option`s. Enums are open: a value that the spec does
//!   not list is kept, and written back as it came. [`Timestamp`] reads the service's dates.
//! - [`Error`] tells what went wrong; [`Error::service`] has all that the hub said.
//! - [`RetryPolicy`] says which failures are followed by another attempt, and after which wait.
//!
//! # Seen from outside
//!
//! With a subscriber of [`tracing`](https://docs.rs/tracing), each operation is a span
//! `iothub_operation` at level INFO, each retry an event at WARN, each request and answer one at DEBUG
//! with its size and time. Fields follow OpenTelemetry's conventions for HTTP clients; the hub's own
//! begin with `iothub`. Bodies and tokens are never shown.
//!
//! # Limits of the service
//!
//! | what | how much |
//! |---|---|
//! | job id | 1 to 64 ASCII letters, digits and `-` |
//! | query condition | 8,192 characters |
//! | payload of a method, and its answer | 128 KiB of JSON each |
//! | tags, desired properties | 8 KiB, 32 KiB, which the hub alone checks; 10 levels |
//! | jobs that run at once | 1 on free and S1, 5 on S2, 10 on S3; none on basic tiers |
//! | job operations | 100 a minute for each unit of S1 and S2, 5,000 of S3 |
//! | history | 30 days |
//!
//! # Features
//!
//! - `rustls` (default) or `native-tls`: who does TLS; with both it is rustls. Without either, hand over a
//!   `reqwest::Client` of your own.
//! - `entra`: `Credential::token` signs with the tokens of a `TokenCredential` of [`azure_core`](https://docs.rs/azure_core)
//!   1.x, and [`Client::from_env`] with those of [`azure_identity`](https://docs.rs/azure_identity).
//! - `schemars`: derives [`JsonSchema`](https://docs.rs/schemars) on every generated type.
//!
//! [page]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-jobs

mod auth;
mod builder;
mod client;
mod condition;
mod environment;
mod error;
mod exchange;
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
mod names;
mod operation;
mod outcome;
mod pages;
mod report;
mod request;
mod retry;
mod rules;
mod settle;
mod telemetry;
mod timestamp;
mod wait;

pub use auth::{
    ConnectionString, ConnectionStringError, Credential, CredentialError, RotatingCredential, TokenError,
};
pub use builder::ClientBuilder;
pub use client::Client;
pub use condition::{Attribute, Condition, ConditionError, Literal};
pub use error::{Cause, CertificateError, Error, ErrorCode, ServiceError, TransportError, UnreadableAnswer};
pub use generated::types;
pub use outcome::JobOutcome;
pub use pages::{DeviceJobFilter, JobFilter, Listed, Listing, Page};
pub use progenitor_client::ResponseValue;
pub use report::{DeviceFailure, JobReport};
pub use retry::RetryPolicy;
pub use timestamp::Timestamp;
pub use wait::{WaitForJob, WaitForJobs};

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
