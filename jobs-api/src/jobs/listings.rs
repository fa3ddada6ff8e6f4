//! The listings: jobs, rows of a job, and devices.
//!
//! Each is a [`Pager`] with a query and a function that reads one page by the generated operation of its items. The
//! function is a pointer, so that the item is the only parameter of a `Pager` in a program's signatures.
//!
//! Jobs are listed by an operation of their own, with parameters for the filter; rows and devices by a query in the
//! hub's language. What a listing learns of jobs that have ended goes to the pace, as after a reading of one.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::TryStreamExt as _;

use super::job::record_state;
use super::pager::{Listing, Page, PageRequest, Pager};
use super::query::{JobFilter, Query};
use crate::error::Error;
use crate::generated::Operations as Api;
use crate::generated::types::{DeviceJob, DeviceJobStatus, DeviceRow, JobResponse};
use crate::pipeline::Pipeline;
use crate::runtime::UnreadableRow;

/// A page that is being read.
type Reading<'a, T> = BoxFuture<'a, Result<Page<T>, Error>>;

impl Pager<JobResponse> {
    pub(crate) fn of_jobs(pipeline: Arc<Pipeline>, filter: JobFilter) -> Self {
        Self::new(pipeline, Query::Jobs(filter), read_jobs)
    }
}

impl Pager<DeviceJob> {
    pub(crate) fn of_rows(pipeline: Arc<Pipeline>, job_id: &str) -> Self {
        Self::new(pipeline, Query::Rows { job_id: job_id.to_owned(), status: None }, read_rows)
    }

    /// Lists only rows in this status; the hub filters them.
    pub fn status(mut self, row_status: impl Into<Option<DeviceJobStatus>>) -> Self {
        if let Query::Rows { status, .. } = &mut self.listing.query {
            *status = row_status.into();
        }
        self
    }
}

impl Pager<String> {
    /// Lists the ids of the devices that the condition selects.
    pub(crate) fn of_devices(pipeline: Arc<Pipeline>, condition: String) -> Self {
        let query = Query::Devices { operation: "query_devices", columns: "deviceId", condition };
        Self::new(pipeline, query, |listing, request| {
            let rows = read_devices(listing, request);
            async move { rows.await.map(into_ids) }.boxed()
        })
    }
}

/// Counts the devices that the condition selects: the sum of all rows, of which there is one or none.
pub(crate) async fn count_devices(pipeline: Arc<Pipeline>, condition: String) -> Result<u64, Error> {
    let columns = "COUNT() AS numberOfDevices";
    let query = Query::Devices { operation: "count_devices", columns, condition };
    let rows = Pager::new(pipeline, query, read_devices);
    rows.try_fold(0_u64, async |total, row| {
        let count = row.number_of_devices.and_then(|count| u64::try_from(count).ok());
        let lacking = || Error::UnreadableRow(Box::new(lacking(0, &row, "numberOfDevices")));
        Ok(total.saturating_add(count.ok_or_else(lacking)?))
    })
    .await
}

fn read_jobs<'a>(listing: &'a Listing, request: PageRequest<'a>) -> Reading<'a, JobResponse> {
    let (status, job_type) = listing.query.job_filter();
    async move {
        let PageRequest { continuation, size, .. } = &request;
        let read = |api: Api| async move {
            let call = api.query_scheduled_jobs().with_job_status(status).with_job_type(job_type);
            call.with_x_ms_continuation(*continuation).with_x_ms_max_item_count(&**size).await
        };
        let page = listing.read(read).await?;
        page.items.iter().for_each(|job| record_state(&listing.pipeline, job.id(), job));
        Ok(page)
    }
    .boxed()
}

fn read_rows<'a>(listing: &'a Listing, request: PageRequest<'a>) -> Reading<'a, DeviceJob> {
    async move {
        let PageRequest { continuation, size, query } = &request;
        let read = |api: Api| async move {
            let call = api.query_device_jobs(query).with_x_ms_continuation(*continuation);
            call.with_x_ms_max_item_count(&**size).await
        };
        listing.read(read).await
    }
    .boxed()
}

fn read_devices<'a>(listing: &'a Listing, request: PageRequest<'a>) -> Reading<'a, DeviceRow> {
    async move {
        let PageRequest { continuation, size, query } = &request;
        let read = |api: Api| async move {
            let call = api.query_devices(query).with_x_ms_continuation(*continuation);
            call.with_x_ms_max_item_count(&**size).await
        };
        listing.read(read).await
    }
    .boxed()
}

/// Returns the page with the ids in its rows. A row without one is unreadable.
fn into_ids(page: Page<DeviceRow>) -> Page<String> {
    let Page { items: rows, mut unreadable, continuation } = page;
    let taken: Vec<usize> = unreadable.iter().map(|row| row.index).collect();
    let positions = (0..).filter(|index| !taken.contains(index));
    let mut items = Vec::with_capacity(rows.len());
    for (index, row) in positions.zip(rows) {
        match row.device_id {
            Some(id) => items.push(id),
            None => unreadable.push(lacking(index, &row, "deviceId")),
        }
    }
    Page { items, unreadable, continuation }
}

fn lacking(index: usize, row: &DeviceRow, member: &str) -> UnreadableRow {
    let text = serde_json::to_string(row).unwrap_or_default();
    UnreadableRow { index, text, reason: format!("it has no usable {member}") }
}
