//! One attempt at an operation: the settings that its request is sent with, and the record of what
//! passed. Plain data, carried by the generated client; the hooks of the pipeline fill it in.
//!
//! The settings are complete before the generated client exists, so that its hooks wait for nothing, and fail for no
//! reason that an error of the generated client would have to carry. The record keeps what those errors forget: the
//! status and the headers of a response whose body is unreadable or broke off.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use tracing::Span;

use super::request_id::RequestId;

/// An attempt at an operation, inside the generated client that makes it.
#[derive(Clone)]
pub(crate) struct Attempt(Arc<Inner>);

struct Inner {
    settings: Settings,
    exchange: Mutex<Exchange>,
}

/// A function of the user that sets headers of a request.
pub(crate) type OnRequest = Arc<dyn Fn(&mut HeaderMap) + Send + Sync>;

/// A function that returns a text without the tokens that an operation has sent; `None` if it has none.
pub(crate) type Redact = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The settings of an attempt.
pub(crate) struct Settings {
    /// The header `Authorization`.
    pub(crate) authorization: HeaderValue,
    pub(crate) redact: Redact,
    pub(crate) request_id: RequestId,
    /// Counts the attempts at the operation, from 1.
    pub(crate) number: u32,
    /// How long the attempt may take.
    pub(crate) timeout: Duration,
    /// Bytes of a response body that are read.
    pub(crate) body_limit: usize,
    /// Headers of the user.
    pub(crate) headers: Arc<HeaderMap>,
    pub(crate) on_request: Option<OnRequest>,
}

/// The request and the response of an attempt, each once it exists.
#[derive(Default)]
pub(crate) struct Exchange {
    pub(crate) request: Option<RequestInfo>,
    pub(crate) response: Option<ReceivedResponse>,
    /// The HTTP client has the request.
    pub(crate) is_sent: bool,
    /// The attempt took longer than it may.
    pub(crate) is_late: bool,
    /// The span of the attempt.
    pub(crate) span: Option<Span>,
}

/// The facts of a request that an error reports.
#[derive(Clone, Debug)]
pub(crate) struct RequestInfo {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) request_id: RequestId,
    /// Counts the attempts at the operation, from 1.
    pub(crate) attempt: u32,
    /// The time that the attempt was given.
    pub(crate) timeout: Duration,
    /// The attempt failed, and the hub may have acted on the request.
    pub(crate) is_outcome_unknown: bool,
}

/// A response, with the part of its body that was read.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) extent: BodyExtent,
    /// The host that answered in place of the one that was asked.
    pub(crate) redirected_to: Option<String>,
}

/// How much of a response body was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyExtent {
    Complete,
    /// The connection ended before the body did.
    Interrupted,
    /// The body is larger than this many bytes.
    OverLimit(usize),
}

impl Attempt {
    pub(crate) fn new(settings: Settings) -> Self {
        Self(Arc::new(Inner { settings, exchange: Mutex::default() }))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.0.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    /// Returns true if the generated client's reading of the response must not be used: it did not come in
    /// time, came from another host, or is a success whose body was not read to its end.
    pub(crate) fn is_unusable(&self) -> bool {
        self.is_late
            || self.response.as_ref().is_some_and(|response| {
                let is_over_limit = matches!(response.extent, BodyExtent::OverLimit(_));
                response.redirected_to.is_some() || is_over_limit && response.status.is_success()
            })
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("request_id", &self.settings().request_id).finish_non_exhaustive()
    }
}

impl RequestInfo {
    /// Returns true if the request changes nothing: by its method, or as a query, which is a POST.
    pub(crate) fn is_read(&self) -> bool {
        self.method.is_safe() || self.operation.starts_with("query_")
    }

    /// The ids by which logs find the request, and the number of a repeated attempt.
    pub(crate) fn ids(&self) -> String {
        match self {
            Self { request_id, attempt: 1, .. } => format!("request id {request_id}"),
            Self { request_id, attempt, .. } => format!("request id {request_id}, attempt {attempt}"),
        }
    }
}

impl fmt::Display for RequestInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.operation, self.method, self.path)
    }
}

#[cfg(test)]
impl RequestInfo {
    pub(crate) fn example() -> Self {
        Self {
            operation: "create_scheduled_job",
            method: Method::PUT,
            path: "/jobs/v2/reboot-43".to_owned(),
            request_id: RequestId::from_bits(0),
            attempt: 1,
            timeout: Duration::from_secs(30),
            is_outcome_unknown: false,
        }
    }
}
