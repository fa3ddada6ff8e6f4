//! The devices that a condition selects: their ids and their number.

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};

use super::pager::Pager;
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
        Ok(total.saturating_add(count.ok_or_else(|| unreadable(&row, "numberOfDevices"))?))
    })
    .await
}

/// Lists the ids of the devices that the condition selects.
pub(crate) fn list(pipeline: Arc<Pipeline>, condition: String) -> BoxStream<'static, Result<String, Error>> {
    let rows = Pager::of_devices(pipeline, Select::Id, condition);
    let id = |row: DeviceRow| row.device_id.clone().ok_or_else(|| unreadable(&row, "deviceId"));
    rows.map(move |row| row.and_then(id)).boxed()
}

fn unreadable(row: &DeviceRow, member: &str) -> Error {
    let text = serde_json::to_string(row).unwrap_or_default();
    Error::UnreadableRow(Box::new(UnreadableRow::lacking(member, text)))
}
