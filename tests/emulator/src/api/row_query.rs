//! `SELECT * FROM devices.jobs`

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::page::{Page, PageRequest, invalid_token};
use crate::hub::Hub;
use crate::jobs::Schedule;
use crate::limits::{SCAN, SLICE};
use crate::query::Statement;
use crate::service_error::ServiceError;

/// Position of a row: its job in the order of creation, and its index there.
type Position = (u64, usize);

/// Search for the rows of a page, and for the first row after it.
struct Search<'a> {
    statement: &'a Statement,
    size: usize,
    position: Position,
    now: DateTime<Utc>,
    items: Vec<Value>,
    examined: usize,
}

/// Selects a page of rows.
pub(super) async fn select_rows(
    hub: &Hub,
    statement: &Statement,
    request: &PageRequest,
) -> Result<Page, ServiceError> {
    let position = match &request.cursor {
        Some(cursor) => position(cursor).ok_or_else(invalid_token)?,
        None => (0, 0),
    };
    let now = hub.now();
    let mut search = Search { statement, size: request.size, position, now, items: Vec::new(), examined: 0 };
    let next = hub.scan(|schedule| search.step(schedule)).await;
    let next = next.map(|(job, row)| json!([job, row]));
    Ok(Page { item_type: "DeviceJob", items: search.items, next })
}

fn position(cursor: &Value) -> Option<Position> {
    Some((cursor[0].as_u64()?, usize::try_from(cursor[1].as_u64()?).ok()?))
}

impl Search<'_> {
    /// Examines a slice of the rows; ends with the position of the next page.
    fn step(&mut self, schedule: &Schedule) -> ControlFlow<Option<Position>> {
        let only = match self.statement.required_job() {
            None => None,
            Some(id) => match schedule.job_key(id) {
                Some(key) => Some(key),
                None => return ControlFlow::Break(None),
            },
        };
        if let Some(key) = only.filter(|key| *key > self.position.0) {
            self.position = (key, 0);
        }
        let mut left = SLICE;
        for (key, job) in schedule.jobs_from(self.position.0) {
            if only.is_some_and(|only| only != key) {
                break;
            }
            let start = if key == self.position.0 { self.position.1 } else { 0 };
            self.position = (key, start);
            for row in schedule.rows(job, start, self.now) {
                if left == 0 {
                    return self.pause();
                }
                left -= 1;
                if let Some(row) = row.filter(|row| self.statement.condition.selects(row)) {
                    if self.items.len() == self.size {
                        return ControlFlow::Break(Some(self.position));
                    }
                    self.items.push(row.to_json());
                }
                self.position.1 += 1;
            }
            self.position = (key + 1, 0);
        }
        ControlFlow::Break(None)
    }

    fn pause(&mut self) -> ControlFlow<Option<Position>> {
        self.examined += SLICE;
        if self.examined >= SCAN {
            ControlFlow::Break(Some(self.position))
        } else {
            ControlFlow::Continue(())
        }
    }
}
