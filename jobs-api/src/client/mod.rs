//! The client: one short method for each operation, and the ways to build one.
//!
//! Nothing is decided here. A method hands its operation to `jobs` or to the pipeline; the builder checks the
//! settings and puts them together.

// The page of `Client` lists its methods in the order of these.
mod env;

pub(crate) mod builder;
mod operations;
pub(crate) mod tier;

mod options;

mod endpoint;
mod http;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::error::Error;
use crate::pipeline::Pipeline;

/// A client for the scheduled jobs of one hub. Clones are cheap and share connections, token and pace.
///
/// Futures and streams of a client are `Send` and may be dropped at any point. A request that was sent by
/// then may still take effect: after dropping a create or cancel call, read the job, or repeat the call with
/// [`ensure_scheduled_job`](Self::ensure_scheduled_job).
///
/// ```no_run
/// # async fn example() -> Result<(), jobs_api::Error> {
/// use jobs_api::Client;
/// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
///
/// let client = Client::from_env()?;
/// let reboot = CloudToDeviceMethod::new("reboot");
/// let request = JobRequest::device_method(reboot, "tags.building = '43'");
/// client.create_scheduled_job("reboot-43", &request).await?;
/// let report = client.wait_for_job("reboot-43").report().await?;
/// println!("reboot-43: {}", report.outcome());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Pipeline>);

impl Client {
    /// Returns the hub's host name.
    pub fn host_name(&self) -> &str {
        &self.0.host_name
    }

    /// Returns the time by the hub's clock, learned from its answers; before the first, the time of this machine.
    pub fn hub_time(&self) -> DateTime<Utc> {
        self.0.hub_time()
    }
}

/// Returns the error of a setting that breaks a rule.
fn require(is_kept: bool, setting: &'static str, rule: impl Into<String>) -> Result<(), Error> {
    if is_kept { Ok(()) } else { Err(Error::invalid_setting(setting, rule)) }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pipeline { endpoint, authorizer, retry, .. } = &*self.0;
        f.debug_struct("Client")
            .field("endpoint", &endpoint.as_str())
            .field("credential", &authorizer.credential)
            .field("retry", retry)
            .finish_non_exhaustive()
    }
}
