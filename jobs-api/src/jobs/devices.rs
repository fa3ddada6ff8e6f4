//! The devices that a condition selects: their ids and their number.

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};

use super::pager::{Page, Pager};
use super::query::Select;
use crate::error::Error;
use crate::generated::types::DeviceRow;
use crate::pipeline::Pipeline;
use crate::runtime::UnreadableRow;

/// Counts the devices that the condition selects: the sum of all rows, of which there is one or none.
pub(crate) async fn count(pipeline: Arc<Pipeline>, condition: String) -> Result<u64, Error> {
    let rows = Pager::of_devices(pipeline, Select::Count, condition);
    rows.try_fold(0_u64, async |total, row| {
        let count = row.number_of_devices.and_then(|count| u64::try_from(count).ok());
        Ok(total.saturating_add(count.ok_or_else(|| unreadable(0, &row, "numberOfDevices"))?))
    })
    .await
}

/// Lists the ids of the devices that the condition selects.
pub(crate) fn list(pipeline: Arc<Pipeline>, condition: String) -> BoxStream<'static, Result<String, Error>> {
    let pages = Pager::of_devices(pipeline, Select::Id, condition).pages();
    pages.map_ok(|page| stream::iter(ids(page))).try_flatten().boxed()
}

/// Returns the id in each row of a page, then the rows that are unreadable.
fn ids(page: Page<DeviceRow>) -> impl Iterator<Item = Result<String, Error>> {
    let taken: Vec<usize> = page.unreadable.iter().map(|row| row.index).collect();
    let mut indices = (0..).filter(move |index| !taken.contains(index));
    page.into_results().map(move |row| {
        let (row, index) = (row?, indices.next().unwrap_or_default());
        row.device_id.clone().ok_or_else(|| unreadable(index, &row, "deviceId"))
    })
}

fn unreadable(index: usize, row: &DeviceRow, member: &str) -> Error {
    let text = serde_json::to_string(row).unwrap_or_default();
    Error::UnreadableRow(Box::new(UnreadableRow::lacking(index, member, text)))
}
