//! The operations on jobs, and on the devices that a condition selects.

use std::future::Future;
use std::time::Duration;

use super::Client;
use crate::error::Error;
use crate::generated::Operations;
use crate::generated::types::{DeviceJob, JobRequest, JobResponse};
use crate::jobs::job::{cancel_job, create_job, ensure_job, find_job, read_job};
use crate::jobs::listings::count_devices;
use crate::jobs::pager::Pager;
use crate::jobs::query::JobFilter;
use crate::pace::snapshot::Pacing;
use crate::pipeline::{Response, Scope};
use crate::runtime::{Failure, Reply};

impl Client {
    /// Creates a job that starts now or later: [Create Scheduled Job][page].
    ///
    /// The response has the id, the type and the status `queued`;
    /// [`get_scheduled_job`](Self::get_scheduled_job) reads the whole job. After a lost response it has the
    /// whole job too, since the job is then read: see [`RetryPolicy`](crate::RetryPolicy).
    ///
    /// # Errors
    ///
    /// - [`Error::InvalidRequest`] if the id or the request breaks a rule of the service; nothing is sent.
    /// - [`Error::is_already_exists`] if the id is in use.
    /// - [`Error::is_job_slot_busy`] if the hub has as many jobs as its tier allows, scheduled ones included.
    /// - [`Error::is_outcome_unknown`] if the job may exist although the call failed.
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/create-scheduled-job
    #[doc(alias("scheduleDeviceMethod", "scheduleTwinUpdate"))]
    pub async fn create_scheduled_job(&self, id: &str, request: &JobRequest) -> Result<JobResponse, Error> {
        create_job(&self.0, id, request).await
    }

    /// Creates a job unless it exists: the call may be repeated, after a crash too.
    ///
    /// Returns the new job, or the job of this id if it is the one requested: same type, condition, work, start and
    /// time limit, in whatever form the hub writes them. The deadline of the
    /// [`RetryPolicy`](crate::RetryPolicy) is for the whole call, the reading of the job included.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// use jobs_api::types::{CloudToDeviceMethod, JobRequest};
    ///
    /// let reboot = CloudToDeviceMethod::new("reboot");
    /// let request = JobRequest::device_method(reboot, "tags.building = '43'");
    /// client.ensure_scheduled_job("reboot-43-2026-11-25", &request).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::JobConflict`] if a job of this id exists that is not the one requested, or that the hub shows in a
    /// form that cannot be compared: [`Error::is_outcome_unknown`] is true for the latter alone. Otherwise those of
    /// [`create_scheduled_job`](Self::create_scheduled_job).
    pub async fn ensure_scheduled_job(&self, id: &str, request: &JobRequest) -> Result<JobResponse, Error> {
        ensure_job(&self.0, id, request).await
    }

    /// Reads a job, with its status and how many devices are in which state: [Get Scheduled Job][page].
    ///
    /// # Errors
    ///
    /// [`Error::is_not_found`] if the hub answers `unknown`: it does not know the id, or does not show the job yet,
    /// which takes some seconds after its creation. An import or export job, which belongs to older operations,
    /// reads the same. [`Error::UnreadableResponse`] if the answer is about another job. [`call`](Self::call) returns
    /// such answers as they are.
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/get-scheduled-job
    #[doc(alias("getJob", "GetJobAsync"))]
    pub async fn get_scheduled_job(&self, id: &str) -> Result<JobResponse, Error> {
        read_job(&self.0, id).await
    }

    /// Reads a job like [`get_scheduled_job`](Self::get_scheduled_job). Returns `None` if the hub does not show it,
    /// which may be because it was created a few seconds ago.
    ///
    /// # Errors
    ///
    /// Those of [`get_scheduled_job`](Self::get_scheduled_job), without a job that is not found.
    pub async fn find_scheduled_job(&self, id: &str) -> Result<Option<JobResponse>, Error> {
        find_job(&self.0, id).await
    }

    /// Cancels a job that is not running yet: [Cancel Scheduled Job][page].
    ///
    /// For some seconds a read may still show the earlier status.
    ///
    /// # Errors
    ///
    /// - [`Error::is_not_cancellable`] if the job is running or has ended.
    /// - [`Error::is_not_found`] if the hub does not know the id.
    /// - [`Error::is_outcome_unknown`] if the job may have been cancelled although the call failed.
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/cancel-scheduled-job
    #[doc(alias("cancelJob", "CancelJobAsync"))]
    pub async fn cancel_scheduled_job(&self, id: &str) -> Result<JobResponse, Error> {
        cancel_job(&self.0, id).await
    }

    /// Lists the hub's jobs of the last 30 days, in an unspecified order: [Query Scheduled Jobs][page].
    ///
    /// [page]: https://learn.microsoft.com/rest/api/iothub/service/jobs/query-scheduled-jobs
    #[doc(alias("createQuery", "CreateQuery", "queryJobResponse"))]
    pub fn query_scheduled_jobs(&self, filter: JobFilter) -> Pager<JobResponse> {
        Pager::of_jobs(self.0.clone(), filter)
    }

    /// Lists the rows of a job, one for each device: [Query jobs][page]. An id that the hub does not know has no rows,
    /// which is no error.
    ///
    /// Rows lag behind their job: some may be missing or pending after its end.
    /// [`WaitForJob::report`](crate::WaitForJob::report) waits for them.
    ///
    /// [page]: https://learn.microsoft.com/azure/iot-hub/query-jobs
    #[doc(alias("queryDeviceJob", "DeviceJob"))]
    pub fn query_device_jobs(&self, job_id: &str) -> Pager<DeviceJob> {
        Pager::of_rows(self.0.clone(), job_id)
    }

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

    /// Returns the pace that all clones of this client share: rate limits, waiting calls, slots.
    /// `None` if calls are not paced.
    pub fn pacing(&self) -> Option<Pacing> {
        self.0.pace.as_ref().map(|pace| pace.snapshot())
    }

    /// Estimates the time until a job of this client ends: by how long its other jobs ran, or by the hub's rate for
    /// devices. `None` if nothing is known.
    pub fn estimate_time_to_end(&self, job: &JobResponse) -> Option<Duration> {
        let counts = job.counts();
        let devices_left = counts.total.saturating_sub(counts.succeeded.saturating_add(counts.failed));
        self.0.pace.as_ref()?.time_to_end(job.id(), devices_left)
    }

    /// Runs any [operation](crate::Operations) of the spec with this client's credential, retries and
    /// errors.
    ///
    /// The closure is called once for each attempt, with the operations for that attempt, also after a lost
    /// response: for an operation that must not run twice, use [`RetryPolicy::none`](crate::RetryPolicy::none).
    /// The request is not validated. It waits for the rate limit like creates and cancels, since its method is not known
    /// before.
    ///
    /// ```
    /// # async fn example(client: jobs_api::Client) -> Result<(), jobs_api::Error> {
    /// use jobs_api::types::JobStatus;
    ///
    /// let list = |api: jobs_api::Operations| async move {
    ///     api.query_scheduled_jobs().with_job_status(&JobStatus::Running).with_x_ms_max_item_count("100").await
    /// };
    /// let page = client.call(list).await?;
    /// let next_page = page.headers().get("x-ms-continuation");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the operation.
    pub async fn call<T, F, Fut>(&self, operation: F) -> Result<Response<T>, Error>
    where
        F: Fn(Operations) -> Fut,
        Fut: Future<Output = Result<Reply<T>, Failure>>,
    {
        self.0.execute(Scope::default(), operation, Ok).await
    }
}
