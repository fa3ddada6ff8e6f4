//! `SELECT … FROM devices` and `FROM devices.modules`

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::page::{Page, PageRequest, invalid_token};
use crate::fleet::Registry;
use crate::hub::Hub;
use crate::jobs::Schedule;
use crate::limits::{SCAN, SLICE};
use crate::query::{Aggregation, Collection, Document, Projection, Statement, project};
use crate::service_error::ServiceError;

/// Selects a page of twins, or of what a statement makes of them.
pub(super) async fn select_twins(
    hub: &Hub,
    statement: &Statement,
    request: &PageRequest,
) -> Result<Page, ServiceError> {
    if let Projection::Aggregate(aggregate) = &statement.projection {
        return select_groups(hub, statement, Aggregation::new(aggregate), request).await;
    }
    let mut search = Search::new(statement, request)?;
    let has_more = hub.scan(|schedule| search.step(schedule)).await;
    let item_type = match statement.projection {
        Projection::Everything => "Twin",
        _ => "Raw",
    };
    let next = has_more.then(|| json!([search.position.0, search.position.1, search.returned]));
    Ok(Page { item_type, items: search.items, next })
}

/// Search for the twins of a page, and for the first twin after it.
struct Search<'a> {
    statement: &'a Statement,
    size: usize,
    /// Id of the next device, and index of its next module.
    position: (String, usize),
    /// How many items this page and the ones before it hold.
    returned: u64,
    items: Vec<Value>,
    examined: usize,
}

impl<'a> Search<'a> {
    fn new(statement: &'a Statement, request: &PageRequest) -> Result<Self, ServiceError> {
        let (position, returned) = match &request.cursor {
            Some(cursor) => parse_cursor(cursor).ok_or_else(invalid_token)?,
            None => ((String::new(), 0), 0),
        };
        Ok(Self { statement, size: request.size, position, returned, items: Vec::new(), examined: 0 })
    }

    /// Examines a slice of the devices; ends with true if there is a next page.
    fn step(&mut self, schedule: &Schedule) -> ControlFlow<bool> {
        let registry = schedule.registry();
        let start = registry.rank_from(&self.position.0);
        for (position, device) in registry.ranked(start..start + SLICE) {
            let stopped_at = match self.statement.collection {
                Collection::Modules => {
                    let first = if device.id() == self.position.0 { self.position.1 } else { 0 };
                    self.examine_modules(registry, position, first)
                }
                _ => self.examine(device, || device.twin()).then_some(0),
            };
            if let Some(module) = stopped_at {
                self.position = (device.id().to_owned(), module);
                return ControlFlow::Break(self.statement.top.is_none_or(|top| self.returned < top));
            }
        }
        let Some((_, next)) = registry.ranked(start + SLICE..start + SLICE + 1).next() else {
            return ControlFlow::Break(false);
        };
        self.position = (next.id().to_owned(), 0);
        self.examined += SLICE;
        if self.examined >= SCAN { ControlFlow::Break(true) } else { ControlFlow::Continue(()) }
    }

    /// Examines the modules of a device; returns the index of the one that no longer fits the page.
    fn examine_modules(&mut self, registry: &Registry, device: u32, first: usize) -> Option<usize> {
        let mut modules = registry.modules(device).enumerate().skip(first);
        let stopped_at = modules.find(|(_, (_, module))| self.examine(module, || module.to_json()));
        stopped_at.map(|(index, _)| index)
    }

    /// Adds a twin if it is selected; returns true if the page was full before.
    fn examine(&mut self, twin: &impl Document, to_json: impl Fn() -> Value) -> bool {
        if !self.statement.condition.selects(twin) {
            return false;
        }
        let is_over = self.statement.top.is_some_and(|top| self.returned >= top);
        if self.items.len() == self.size || is_over {
            return true;
        }
        self.returned += 1;
        self.items.push(match &self.statement.projection {
            Projection::Columns(columns) => project(columns, twin),
            _ => to_json(),
        });
        false
    }
}

fn parse_cursor(cursor: &Value) -> Option<((String, usize), u64)> {
    let module = usize::try_from(cursor[1].as_u64()?).ok()?;
    Some(((cursor[0].as_str()?.to_owned(), module), cursor[2].as_u64()?))
}

/// Selects a page of the groups of an aggregate query, which reads all twins for each page.
async fn select_groups(
    hub: &Hub,
    statement: &Statement,
    mut aggregation: Aggregation<'_>,
    request: &PageRequest,
) -> Result<Page, ServiceError> {
    let mut start = String::new();
    let read = hub.scan(|schedule| {
        let registry = schedule.registry();
        let rank = registry.rank_from(&start);
        for (position, device) in registry.ranked(rank..rank + SLICE) {
            let added = match statement.collection {
                Collection::Modules => registry
                    .modules(position)
                    .filter(|(_, twin)| statement.condition.selects(twin))
                    .try_for_each(|(_, twin)| aggregation.add(&twin)),
                _ if statement.condition.selects(device) => aggregation.add(device),
                _ => Ok(()),
            };
            if let Err(reason) = added {
                return ControlFlow::Break(Err(reason));
            }
        }
        match registry.ranked(rank + SLICE..rank + SLICE + 1).next() {
            Some((_, next)) => next.id().clone_into(&mut start),
            None => return ControlFlow::Break(Ok(())),
        }
        ControlFlow::Continue(())
    });
    read.await.map_err(ServiceError::argument_invalid)?;
    let first = match &request.cursor {
        Some(cursor) => {
            cursor.as_u64().and_then(|first| usize::try_from(first).ok()).ok_or_else(invalid_token)?
        }
        None => 0,
    };
    let top = statement.top.and_then(|top| usize::try_from(top).ok()).unwrap_or(usize::MAX);
    let mut rows = aggregation.into_rows().into_iter().take(top).skip(first);
    let items = rows.by_ref().take(request.size).collect();
    Ok(Page { item_type: "Raw", items, next: rows.next().map(|_| json!(first + request.size)) })
}
