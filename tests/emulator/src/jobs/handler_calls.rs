//! Calls of devices' own handlers, which happen outside of the lock.

use std::collections::VecDeque;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::store::JobKey;
use crate::fleet::{Handler, MethodCall};
use crate::limits::LIVE_LAG_SECONDS;

/// Call of a device's own handler.
pub(crate) struct HandlerCall {
    pub(crate) handler: Handler,
    pub(crate) call: MethodCall,
    pub(super) job: JobKey,
    pub(super) row: usize,
    pub(super) at: DateTime<Utc>,
}

impl fmt::Debug for HandlerCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerCall").field("job", &self.job).field("row", &self.row).finish_non_exhaustive()
    }
}

/// Calls to make, and those in flight.
#[derive(Debug, Default)]
pub(super) struct HandlerCalls {
    due: VecDeque<HandlerCall>,
    in_flight: usize,
    /// Time of the latest call.
    latest: DateTime<Utc>,
}

impl HandlerCalls {
    pub(super) fn add(&mut self, call: HandlerCall) {
        self.latest = self.latest.max(call.at);
        self.in_flight += 1;
        self.due.push_back(call);
    }

    /// Takes the calls to make.
    pub(super) fn take(&mut self) -> VecDeque<HandlerCall> {
        std::mem::take(&mut self.due)
    }

    /// Notes that a call has returned.
    pub(super) fn finish(&mut self) {
        self.in_flight -= 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_flight == 0
    }

    /// Returns true if an event at `at` must wait for the calls in flight.
    ///
    /// On time, events and calls go on side by side, as devices do. After the clock was advanced, the
    /// events of a long time are due at once: then each waits for the calls before it.
    pub(super) fn block(&self, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.in_flight > 0 && at > self.latest && now - at > TimeDelta::seconds(LIVE_LAG_SECONDS)
    }
}
