//! The jobs of the checks: on no device, and cancelled at the end.

use std::cell::RefCell;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use jobs_api::types::{CloudToDeviceMethod, DeviceRow, JobRequest, JobResponse, QuerySpecification, Twin};
use jobs_api::{Client, Error, Operations, Response, Rows, unique_job_id};
use tokio::time::sleep;

/// Creates, reads and cancels jobs as raw operations, without the client's validation.
pub(crate) struct Jobs {
    pub(crate) client: Client,
    name: String,
    /// The ids of the jobs that may be waiting or running on the hub.
    open: RefCell<Vec<String>>,
}

impl Jobs {
    pub(crate) fn new(client: Client) -> Result<Self, Error> {
        Ok(Self { client, name: unique_job_id("check-hub")?, open: RefCell::default() })
    }

    /// Returns what will be created, for the user.
    pub(crate) fn plan(&self, slots: usize) -> String {
        format!(
            "It creates {} jobs named {}-… on the condition {}, which selects no device, {slots} at a time, and \
             cancels those that are scheduled. The hub lists them for 30 days.",
            slots + 4,
            self.name,
            self.condition()
        )
    }

    pub(crate) fn id(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// Returns a condition that selects no device.
    pub(crate) fn condition(&self) -> String {
        format!("deviceId = '{}'", self.name)
    }

    /// Returns a request for a twin update that starts at once.
    pub(crate) fn twin_update(&self) -> JobRequest {
        JobRequest::twin_update(Twin::patch().with_tags([("checked", 1)]), self.condition())
    }

    /// Returns a request for a method call in an hour.
    pub(crate) fn method_call(&self, method: CloudToDeviceMethod) -> JobRequest {
        later(JobRequest::device_method(method, self.condition()))
    }

    /// Creates a job. It is open until it is cancelled or has ended, unless it was certainly not created.
    pub(crate) async fn create(
        &self,
        id: &str,
        request: &JobRequest,
    ) -> Result<Response<JobResponse>, Error> {
        self.open.borrow_mut().push(id.to_owned());
        let mut request = request.clone();
        request.job_id = Some(id.to_owned());
        let request = &request;
        let create = |api: Operations| async move { api.create_scheduled_job(id, request).await };
        let result = self.client.call(create).await;
        if result.as_ref().is_err_and(|error| !error.is_outcome_unknown()) {
            self.close(id);
        }
        result
    }

    pub(crate) async fn read(&self, id: &str) -> Result<Response<JobResponse>, Error> {
        self.client.call(|api: Operations| async move { api.get_scheduled_job(id).await }).await
    }

    pub(crate) async fn cancel(&self, id: &str) -> Result<Response<JobResponse>, Error> {
        let result =
            self.client.call(|api: Operations| async move { api.cancel_scheduled_job(id).await }).await;
        // A job that cannot be cancelled runs or has ended: on no device.
        if result.as_ref().map_or_else(Error::is_not_cancellable, |_| true) {
            self.close(id);
        }
        result
    }

    /// Selects these columns of no device.
    pub(crate) async fn query_devices(&self, columns: &str) -> Result<Response<Rows<DeviceRow>>, Error> {
        let text = format!("SELECT {columns} FROM devices WHERE {}", self.condition());
        let query = &QuerySpecification::default().with_query(text);
        self.client.call(|api: Operations| async move { api.query_devices(query).await }).await
    }

    /// Records that a job was seen to end. One open entry goes, since a reused id has several.
    pub(crate) fn close(&self, id: &str) {
        let mut open = self.open.borrow_mut();
        if let Some(index) = open.iter().rposition(|open| open == id) {
            open.remove(index);
        }
    }

    /// Returns the ids of the jobs that may still be waiting or running.
    pub(crate) fn open(&self) -> Vec<String> {
        self.open.borrow().clone()
    }

    /// Cancels the jobs that are open, in three rounds: a create that was interrupted may arrive late.
    pub(crate) async fn clean_up(&self) {
        for pause in [0, 2, 10] {
            if self.open().is_empty() {
                return;
            }
            sleep(Duration::from_secs(pause)).await;
            for id in self.open() {
                // Jobs that remain open are reported.
                let _ = self.cancel(&id).await;
            }
        }
    }
}

/// Lets the job start in an hour.
pub(crate) fn later(request: JobRequest) -> JobRequest {
    request.with_start_time(Utc::now() + TimeDelta::hours(1))
}
