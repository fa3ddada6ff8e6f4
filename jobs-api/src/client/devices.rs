//! The devices that a condition selects.

use super::Client;
use crate::error::Error;
use crate::jobs::listings::count_devices;
use crate::jobs::pager::Pager;

impl Client {
    /// Counts the devices that a condition selects, before a job for them is created: [Query twins][page].
    ///
    /// The count is an estimate: the hub answers from an index that lags behind the twins by minutes, and has
    /// deleted devices for 25 minutes and more; a job selects its devices when it starts. `*` counts all; a condition
    /// [on modules](crate::Condition::build_on_modules) counts modules. Throttled as a query.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// use jobs_api::Condition;
    /// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
    ///
    /// let condition = Condition::tag("building").eq("43").build()?;
    /// let count = client.count_devices(&condition).await?;
    /// println!("{count} devices will reboot");
    /// let request = JobRequest::device_method(CloudToDeviceMethod::new("reboot"), condition);
    /// client.create_scheduled_job("reboot-43", &request).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidRequest`] if the condition is empty, not usable, or makes a query of more than 8,192
    ///   characters; nothing is sent.
    /// - [`Error::Service`] with 400 if the hub cannot parse the condition.
    /// - [`Error::UnreadableRow`] if the response has no count.
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/query-twins
    pub async fn count_devices(&self, condition: impl Into<String>) -> Result<u64, Error> {
        count_devices(self.0.clone(), condition.into()).await
    }

    /// Lists the ids of the devices that a condition selects, in an unspecified order, at the time of the
    /// hub's index: see [`count_devices`](Self::count_devices) for the condition and the errors.
    ///
    /// With a condition on modules, the id of a device comes once for each of its modules.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// use futures_util::TryStreamExt;
    ///
    /// let ids: Vec<String> = client.devices("tags.building = '43'").try_collect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn devices(&self, condition: impl Into<String>) -> Pager<String> {
        Pager::of_devices(self.0.clone(), condition.into())
    }
}
