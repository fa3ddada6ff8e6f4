//! Options of single calls.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Client, require};
use crate::error::Error;
use crate::pipeline::Pipeline;
use crate::pipeline::hooks::RESERVED_HEADERS;
use crate::pipeline::retry::RetryPolicy;

const WITH_HEADER: &str = "Client::with_header";

impl Client {
    /// Returns how calls are retried.
    pub fn retry_policy(&self) -> RetryPolicy {
        self.0.retry
    }

    /// Returns a client that shares everything with this one except its retries.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// let once = client.with_retry(jobs_api::RetryPolicy::none());
    /// let job = once.get_scheduled_job("reboot-43").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_retry(&self, policy: RetryPolicy) -> Self {
        Self(Arc::new(Pipeline { retry: policy, ..(*self.0).clone() }))
    }

    /// Returns a client that shares everything with this one except the duration of an attempt: see
    /// [`ClientBuilder::attempt_timeout`](crate::ClientBuilder::attempt_timeout). With zero no request is sent.
    #[must_use]
    pub fn with_attempt_timeout(&self, timeout: Duration) -> Self {
        Self(Arc::new(Pipeline { attempt_timeout: timeout, ..(*self.0).clone() }))
    }

    /// Returns a client that shares everything with this one and sends a header with every request.
    /// [`ClientBuilder::on_request`](crate::ClientBuilder::on_request) sets headers of each attempt, such as
    /// `traceparent`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfiguration`] if the name or the value is not valid for a header, or the header is
    /// one that the client sets itself.
    pub fn with_header(&self, name: &str, value: &str) -> Result<Self, Error> {
        let invalid = |rule: &str| Error::invalid_setting(WITH_HEADER, rule);
        let name: HeaderName = name.parse().map_err(|_| invalid("the name is not valid for a header"))?;
        let is_free = !RESERVED_HEADERS.contains(&name.as_str());
        require(is_free, WITH_HEADER, format!("the client sets {name} itself"))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| invalid(&format!("the value of {name} is not valid for a header")))?;
        let mut headers = HeaderMap::clone(&self.0.headers);
        headers.insert(name, value);
        Ok(Self(Arc::new(Pipeline { headers: Arc::new(headers), ..(*self.0).clone() })))
    }
}
