//! The call of a generated operation, and its successful response.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::generated::Operations;
use crate::runtime::attempt::Exchange;
use crate::runtime::{Failure, Reply, RequestId};

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
    pub(super) fn new(
        reply: Reply<T>,
        exchange: Exchange,
        request_id: RequestId,
        attempts: u32,
        elapsed: Duration,
    ) -> Self {
        let Reply(response) = reply;
        let status = response.status();
        let headers = exchange.response.map(|received| received.headers).unwrap_or_default();
        Self { value: Box::new(response.into_inner()), status, headers, request_id, attempts, elapsed }
    }

    /// Returns the value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Returns the value alone.
    pub fn into_inner(self) -> T {
        *self.value
    }

    pub(crate) fn into_boxed(self) -> Box<T> {
        self.value
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
