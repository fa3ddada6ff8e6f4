//! One call: signed, sent, retried, resolved when its response is lost, and traced.
//!
//! An [`Operation`](operation::Operation) is what a user calls, and has one deadline and one span. It makes
//! [`Attempts`](attempts::Attempts): each waits for the pace, gets a token, is sent by a generated client whose hooks
//! record what came back, and ends in a response or an error. The [decision](decision) about an error is a pure
//! function. No operation is known here by name, and no job: what is created, and what a reading of it means, comes
//! from the caller as functions.
//!
//! [`Pipeline::execute`] runs any operation. One that has several steps is an [`Operation`](operation::Operation):
//! among them a change, which is resolved by functions that read it and conclude from that.
//!
//! | file | subject |
//! |---|---|
//! | `operation.rs` | an operation, with the readings that resolve a change |
//! | `attempts.rs` | its attempts, one after another: each paced, signed and sent |
//! | `hooks.rs` | one attempt inside the generated client: headers, the bounded response, the record of both |
//! | `decision.rs` | what follows a failed attempt |
//! | `retry.rs` | the policy of the user, and the state of an operation under it |
//! | `telemetry.rs` | spans, events and metrics |

mod attempts;
mod decision;
pub(crate) mod hooks;
pub(crate) mod operation;
pub(crate) mod retry;
mod telemetry;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, StatusCode};
use reqwest::Url;
use tokio::time::Instant;

use self::retry::RetryPolicy;
use self::telemetry::Trace;
use crate::auth::Authorizer;
use crate::error::Error;
use crate::generated::Operations;
use crate::limits::is_job_id;
use crate::pace::Pace;
use crate::runtime::attempt::OnRequest;
use crate::runtime::{Failure, Reply, RequestId};

/// Sends every call of a client to its hub. A clone shares connections, token and pace.
#[derive(Clone)]
pub(crate) struct Pipeline {
    /// The hub's name, whichever host its requests go to.
    pub(crate) host_name: String,
    /// Scheme, host and the path below which the operations lie.
    pub(crate) endpoint: Url,
    pub(crate) http: reqwest::Client,
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) retry: RetryPolicy,
    /// `None` if calls are not paced.
    pub(crate) pace: Option<Arc<Pace>>,
    /// How long one attempt may take.
    pub(crate) attempt_timeout: Duration,
    /// Bytes of a response body that are read.
    pub(crate) body_limit: usize,
    /// Headers of the user for every request.
    pub(crate) headers: Arc<HeaderMap>,
    /// Sets headers for each attempt.
    pub(crate) on_request: Option<OnRequest>,
}

/// The subject of an operation, for traces and limits.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scope<'a> {
    /// The name of the operation; `None` if only its first request tells.
    pub(crate) operation: Option<&'static str>,
    pub(crate) job_id: Option<&'a str>,
    /// The operation changes nothing, whatever its HTTP method.
    pub(crate) is_read: bool,
    /// The operation is a query, which the hub meters separately.
    pub(crate) is_query: bool,
    /// The start of the job that the operation creates, which takes a slot at once.
    pub(crate) job_start: Option<Instant>,
    /// Bytes of a response body that are read, if fewer than the client's limit.
    pub(crate) body_limit: Option<usize>,
}

impl<'a> Scope<'a> {
    pub(crate) fn of_job(operation: &'static str, id: &'a str) -> Self {
        Self { operation: Some(operation), job_id: Some(id), ..Self::default() }
    }
}

impl Pipeline {
    /// Runs an operation until it succeeds or is not to be repeated, and reads its response.
    ///
    /// `operation` is called once for each attempt, with a generated client for that attempt.
    pub(crate) async fn execute<T, U>(
        &self,
        scope: Scope<'_>,
        operation: impl GeneratedCall<T>,
        read: impl FnOnce(Response<T>) -> Result<U, Error>,
    ) -> Result<U, Error> {
        let mut call = self.start(scope);
        let result = pin!(call.run(operation)).await.and_then(read);
        call.end(result)
    }

    /// Reports an operation that is refused before anything is sent. Returns the error with the operation and
    /// the job's id in it.
    pub(crate) fn check<T>(&self, scope: Scope<'_>, checked: Result<T, Error>) -> Result<T, Error> {
        checked.map_err(|error| {
            // An invalid id may be anything, such as a key by mistake.
            let job_id = scope.job_id.filter(|id| is_job_id(id));
            let trace = Trace::start(&self.host_name, scope.operation, job_id);
            let error = trace.name(error);
            trace.end(Some(&error));
            error
        })
    }

    /// Returns the hub's time, or the local time while no answer has shown that.
    pub(crate) fn hub_time(&self) -> DateTime<Utc> {
        self.authorizer.clock.now()
    }
}

/// A generated operation, called once for each attempt with the operations for it.
pub(crate) trait GeneratedCall<T>: Fn(Operations) -> Self::Sending {
    type Sending: Future<Output = Result<Reply<T>, Failure>>;
}

impl<T, F, S> GeneratedCall<T> for F
where
    F: Fn(Operations) -> S,
    S: Future<Output = Result<Reply<T>, Failure>>,
{
    type Sending = S;
}

/// The value of a successful response, with the facts around it.
///
/// ```
/// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
/// use jobs_api::Operations;
///
/// let read = |api: Operations| async move { api.get_scheduled_job("reboot-43").await };
/// let response = client.call(read).await?;
/// println!("{} in {:?}", response.status(), response.elapsed());
/// let job = response.into_inner();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Response<T> {
    /// Boxed, since a job is large and each layer of a call hands it on.
    value: Box<T>,
    status: StatusCode,
    headers: HeaderMap,
    request_id: RequestId,
    attempts: u32,
    elapsed: Duration,
}

impl<T> Response<T> {
    /// Returns the value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Returns the value alone.
    pub fn into_inner(self) -> T {
        *self.value
    }

    /// Returns the HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the headers of the response.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the `Request-Id` that the request carried.
    pub fn request_id(&self) -> RequestId {
        self.request_id
    }

    /// Returns how many attempts the operation took, the successful one included.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Returns how long the operation took, attempts and waits included.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

impl<T: fmt::Debug> fmt::Debug for Response<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("value", &self.value)
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}
