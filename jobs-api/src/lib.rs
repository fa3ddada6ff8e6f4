//! A client for the [scheduled jobs][page] of Azure IoT Hub.
//!
//! A job updates the twin of, or invokes a direct method on, every device that a query condition selects,
//! now or at a later time. The hub runs it; a back end creates it, follows it, and cancels it while it is
//! not running yet.
//!
//! ```no_run
//! # async fn example() -> Result<(), jobs_api::Error> {
//! use jobs_api::Client;
//! use jobs_api::types::{JobRequest, Twin};
//!
//! // Reads the hub's connection string from IOTHUB_CONNECTION_STRING.
//! let client = Client::from_env()?;
//! let patch = Twin::patch().with_desired([("interval", 30)]);
//! client.create_scheduled_job("interval-30", &JobRequest::twin_update(patch, "*")).await?;
//!
//! let report = client.wait_for_job("interval-30").report().await?;
//! println!("{}: {} of {} devices", report.outcome(), report.succeeded, report.devices);
//! # Ok(())
//! # }
//! ```
//!
//! The futures need a [tokio](https://docs.rs/tokio) runtime with its time and I/O drivers enabled. The crate
//! `jobs-emulator` emulates a hub in the process of your tests, without an Azure account.
//!
//! # Overview
//!
//! - [`Client`] has a method for each operation on a job; [`call`](Client::call) runs every other
//!   [operation](Operations) of the spec. [`ClientBuilder`] takes any [`Credential`]; [`RotatingCredential`]
//!   replaces it while calls run.
//! - [`Client::wait_for_job`] follows a job to its end; [`Client::job_report`] names the devices on which it
//!   failed; [`Pager`] streams jobs and rows over all pages. [`Client::run_jobs`] runs a batch, and resumes it;
//!   [`JobRequest::for_devices`](types::JobRequest::for_devices) takes a list of devices of any length.
//! - [`RollOut`] plans a request in waves, and [`Client::roll_out`] runs the plan, or resumes it.
//! - [`Condition`] builds query conditions with every name and literal quoted; [`Client::count_devices`] estimates
//!   how many devices one selects.
//! - [`types`] has the requests and responses, generated from the spec of API version 2021-04-12. Members
//!   that the service may leave out are `Option`s. Enums are open: a value outside the spec is kept and
//!   written back verbatim. [`Timestamp`] reads the dates of the service.
//! - [`Error`] says what failed, why, and what to do; [`Error::service`] has the hub's own words.
//! - [`RetryPolicy`] says which failures are retried, and how lost responses are resolved.
//!
//! # Pace
//!
//! All clones of a client share a pace, so that a batch runs as fast as the hub's limits allow and loses no
//! call to them. [`ClientBuilder::tier`] configures the limits, which are then kept. Otherwise nothing is delayed
//! until the hub rejects a call: then all calls pause for the time that it states, and its rate limit is learned.
//! Creates and cancels go before reads; a call that would wait longer than its deadline fails at once, with
//! [`Error::DeadlineExceeded`]. While a hub only fails, one call at a time probes it, and
//! [`Client::run_jobs`] waits the outage out. [`Client::pacing`] shows rate limits, waiting calls and slots.
//!
//! No call waits for another one to be polled: a future may be kept, forgotten or dropped at any point.
//!
//! # Logs, traces and metrics
//!
//! The crate reports through [`tracing`](https://docs.rs/tracing), under targets that filters may rely on.
//! Without a subscriber that costs next to nothing. This set-up prints a diary: what was created and cancelled, what was
//! waited for and why, and what failed, each on a line that names the job. `OPERATING.md` shows a night of it.
//!
//! ```
//! use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
//! use tracing_subscriber::fmt;
//! use tracing_subscriber::prelude::*;
//!
//! let levels = Targets::new().with_target("jobs_api", LevelFilter::INFO);
//! // The fields of spans are for OpenTelemetry: each line would begin with all of them.
//! let events = filter_fn(|of| of.is_event()).with_max_level_hint(LevelFilter::INFO);
//! let diary = fmt::layer().with_filter(levels.and(events));
//! tracing_subscriber::registry().with(diary).init();
//! ```
//!
//! | target | reports |
//! |---|---|
//! | `jobs_api` | a span for each operation, and each create and cancel that succeeded, at INFO; each retry, at WARN; one event for a failure |
//! | `jobs_api::attempt` | a child span for each request, at INFO; its start and end, at DEBUG |
//! | `jobs_api::wait` | a span for each wait, around its polls, at INFO |
//! | `jobs_api::batch` | a span for each batch and for each of its jobs, and the start and end of each, at INFO |
//! | `jobs_api::roll_out` | a span for each run, and the end of each wave, at INFO; a stop, at WARN |
//! | `jobs_api::pacing` | throttling, the begin and the end of an outage, at WARN; waits for a job slot, at INFO |
//! | `jobs_api::token` | refreshes of Entra ID tokens, at DEBUG; failed ones, at WARN |
//! | `jobs_api::metrics` | the metrics of each operation, at TRACE |
//!
//! A failed operation is a WARN if it was refused for what it asks: by a rule of the service, a conflict or a
//! status of 4xx other than 408 and 429. Otherwise it is an ERROR: the call gave up on the hub, the network, the
//! credential or the rate limit, or its outcome is unknown. A call whose future is dropped is no failure; its span has
//! `iothub.dropped`.
//!
//! With `tracing-opentelemetry` the span of an operation has its name, such as `create_scheduled_job`, and
//! the status and text of its error; attempts follow OpenTelemetry's conventions for HTTP clients. Fields of
//! the hub begin with `iothub`: `iothub.hub`, `.job_id`, `.attempts`, `.error_code`, `.tracking_id`,
//! `.outcome_unknown` and others. [`ClientBuilder::on_request`] sends the trace context to the hub. Bodies and
//! tokens are never recorded.
//!
//! `MetricsLayer` of the same crate reads these metrics, if no global filter holds them back, with the
//! attributes `iothub.hub`, `iothub.operation`, `iothub.outcome` (`success`, `refused`, `failure`, `unknown` or
//! `dropped`) and `error.type`:
//!
//! | metric | kind |
//! |---|---|
//! | `iothub.client.operations` | counter of operations |
//! | `iothub.client.roll_out.succeeded`, `.failed` | counters of devices of waves that ended, by `iothub.hub` alone |
//! | `iothub.client.retries` | counter of repeated attempts |
//! | `iothub.client.throttles` | counter of attempts that the hub throttled |
//! | `iothub.client.operation.duration` | histogram in seconds: attempts and waits |
//! | `iothub.client.hold.duration` | histogram in seconds: waits for the rate limit, a slot or a probe |
//!
//! A `MetricsLayer` sets no units, and the default buckets are for milliseconds. This view gives the durations their unit
//! and the buckets that OpenTelemetry's conventions have for HTTP clients, with three more up to the default deadline of
//! an operation:
//!
//! ```
//! use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream};
//!
//! fn seconds(instrument: &Instrument) -> Option<Stream> {
//!     let name = instrument.name();
//!     let is_duration = name.starts_with("iothub.client.") && name.ends_with(".duration");
//!     let boundaries = vec![
//!         0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0, 120.0,
//!     ];
//!     let buckets = Aggregation::ExplicitBucketHistogram { boundaries, record_min_max: true };
//!     let stream = Stream::builder().with_unit("s").with_aggregation(buckets);
//!     is_duration.then(|| stream.build().ok()).flatten()
//! }
//!
//! let meters = SdkMeterProvider::builder().with_view(seconds); // with the reader and exporter of the program
//! ```
//!
//! # Limits of the service
//!
//! | subject | limit |
//! |---|---|
//! | job id | 1 to 64 ASCII letters, digits and `-`; newer hubs reject upper case |
//! | start | at most 168 hours ahead |
//! | query condition | 8,192 characters |
//! | payload of a method, and its answer | 128 KiB of JSON each |
//! | tags, desired properties | 8 KiB and 32 KiB, checked by the hub alone; 10 levels |
//! | concurrent jobs | 1 on free and S1, 5 on S2, 10 on S3; none on basic tiers. A scheduled job counts until it has run |
//! | job operations | 100 a minute for each unit of S1 and S2, 5,000 of S3 |
//! | history | 30 days |
//!
//! # Features
//!
//! - `rustls` (default) or `native-tls`: the TLS backend; rustls wins if both are on. With neither, set a
//!   [`reqwest::Client`](https://docs.rs/reqwest/latest/reqwest/struct.Client.html) yourself.
//! - `rustls-no-provider`: rustls with the cryptography that the program installs, such as ring.
//! - `entra`: `Credential::token` signs with the tokens of an [`azure_core`](https://docs.rs/azure_core) 1.x
//!   `TokenCredential`, and `Client::from_env` with those of
//!   [`azure_identity`](https://docs.rs/azure_identity).
//! - `schemars`: derives [`JsonSchema`](https://docs.rs/schemars) on every generated type.
//!
//! [page]: https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-jobs

#![cfg_attr(docsrs, feature(doc_cfg))]

// The pages of types list their methods in the order of these: constructors and accessors come first.
mod jobs;

mod auth;
mod client;
mod error;
mod follow;
#[allow(
    dead_code,
    missing_docs,
    unused_imports,
    rust_2018_idioms,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "written by the generator"
)]
#[rustfmt::skip]
mod generated;
mod limits;
mod pace;
mod pipeline;
mod roll_out;
mod runtime;
mod targets;

pub use auth::{ConnectionString, Credential, CredentialError, RotatingCredential};
pub use client::Client;
pub use client::builder::ClientBuilder;
pub use client::tier::Tier;
pub use error::{
    DeadlineExceeded, Error, ErrorCode, FailedAttempt, ServiceError, TransportError, UnreadableResponse,
};
pub use follow::batch::{BatchError, BatchProgress, BatchRequest, JobFailure, RunJobs};
pub use follow::report::{DeviceFailure, FailureKind, JobReport};
pub use follow::wait::WaitForJob;
/// The operations of the spec, one method for each: [`Client::call`] runs them, with credential, retries and errors.
///
/// ```
/// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
/// use jobs_api::Operations;
///
/// let read = |api: Operations| async move { api.get_scheduled_job("reboot-43").await };
/// let job = client.call(read).await?;
/// println!("{} in {:?}", job.value().outcome(), job.elapsed());
/// # Ok(())
/// # }
/// ```
#[doc(inline)]
pub use generated::Operations;
/// The calls of [`Operations`], each of which is sent when it is awaited.
///
/// What an operation needs is an argument; what it may have is a method of its call, so that it can have more:
///
/// ```
/// # async fn example(client: jobs_api::Client, token: Option<&str>) -> Result<(), jobs_api::Error> {
/// use jobs_api::Operations;
///
/// let list = |api: Operations| async move {
///     api.query_scheduled_jobs().with_x_ms_max_item_count("10").with_x_ms_continuation(token).await
/// };
/// let page = client.call(list).await?;
/// # Ok(())
/// # }
/// ```
#[doc(inline)]
pub use generated::calls;
/// Requests and responses, generated from the spec.
///
/// A [`JobRequest`](types::JobRequest) is made by `JobRequest::device_method` or `JobRequest::twin_update`, of a
/// [`CloudToDeviceMethod`](types::CloudToDeviceMethod) or a [`Twin`](types::Twin). A
/// [`JobResponse`](types::JobResponse) is a job, a [`DeviceJob`](types::DeviceJob) its result on one device. Enums
/// are open: a value outside the spec is an `UnknownValue`.
///
/// ```
/// use jobs_api::types::JobStatus;
///
/// let status: JobStatus = "archived".parse().unwrap();
/// assert!(!status.is_known());
/// assert_eq!(status.as_str(), "archived");
/// ```
#[doc(inline)]
pub use generated::types;
pub use jobs::condition::{Attribute, Condition, ConditionError, Literal};
pub use jobs::id::unique_job_id;
pub use jobs::outcome::{DeviceCounts, JobOutcome};
pub use jobs::pager::{Page, Pager};
pub use jobs::query::JobFilter;
pub use pace::snapshot::{MeterState, Pacing, SlotState};
pub use pipeline::Response;
pub use pipeline::retry::RetryPolicy;
pub use reqwest;
pub use roll_out::builder::RollOut;
pub use roll_out::control::RollOutControl;
pub use roll_out::event::RollOutEvent;
pub use roll_out::outcome::{DeviceOutcome, LastWord, WaveCounts};
pub use roll_out::plan::RollOutPlan;
pub use roll_out::report::RollOutReport;
pub use roll_out::run::RollOutRun;
pub use roll_out::schedule::Estimate;
pub use roll_out::stop::{Stop, StopReason};
pub use roll_out::wave::Wave;
pub use runtime::{RequestId, Rows, Timestamp, UnreadableRow};

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
