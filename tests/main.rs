//! Behaviour of `jobs-api` against an emulated hub: one file per behaviour.

#![allow(clippy::unwrap_used, reason = "a panic names the failing line")]

mod architecture;
mod batch_progress;
mod batch_resumes;
mod batch_spans;
mod batches;
mod call_options;
mod cancellation;
mod conditions;
mod deserialization;
mod device_lists;
mod devices;
mod diary;
mod entra;
mod enums;
mod execution;
mod facts;
mod failed_devices;
mod hub;
mod idempotence;
mod list_conditions;
mod listings;
mod lost_responses;
mod malformed_pages;
mod malformed_responses;
mod metrics;
mod outages;
mod pacing;
mod papers;
mod programs;
mod proxies;
mod readme;
mod redaction;
mod redirects;
mod reports;
mod request_files;
mod requests;
mod retries;
mod roll_outs;
mod rotation;
mod runtimes;
mod schema;
mod security;
mod service_errors;
#[cfg(unix)]
mod simulation;
mod spans;
mod support;
mod surface;
mod telemetry;
mod tls;
mod token_refresh;
mod unpolled_calls;
mod waiting;
