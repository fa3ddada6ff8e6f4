//! Methods that are called on one device, outside of jobs.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::execution::Execution;
use super::method::Method;
use super::times::pick;
use crate::fleet::{Handler, MethodAnswer};

/// Way of a method to one device.
#[derive(Clone)]
pub(crate) enum DirectCall {
    NoDevice,
    /// The device is offline or disabled.
    Unreachable,
    /// The device answers after this time.
    Answer(Arc<MethodAnswer>, Duration),
    /// The device's own handler is to be called.
    Handler(Handler),
}

impl Execution {
    /// Calls a method on a device at `now`.
    pub(super) fn call(&mut self, id: &str, method: &Method, now: DateTime<Utc>) -> DirectCall {
        let Some(device) = self.registry.get(id) else { return DirectCall::NoDevice };
        if !device.is_reachable() {
            return DirectCall::Unreachable;
        }
        let call = match device.respond(&method.name) {
            Ok(reply) => DirectCall::Answer(reply.answer.clone(), pick(&mut self.random, &reply.delay)),
            Err(handler) => DirectCall::Handler(handler),
        };
        if let Some(device) = self.registry.get_mut(id) {
            device.touch(now);
        }
        call
    }
}
