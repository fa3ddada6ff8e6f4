//! Direct methods, and what a device answers.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

/// A direct method, as a device is called.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodCall {
    /// The method's name.
    pub name: String,
    /// The payload; null when the call has none.
    pub payload: Value,
}

/// Answer of a device to a direct method.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodAnswer {
    /// The device's own status.
    pub status: i32,
    /// The device's own payload.
    pub payload: Value,
}

/// Answers of a device to direct methods, with the time each takes on the hub's clock.
///
/// ```
/// use std::time::Duration;
/// use jobs_emulator::{Device, MethodBehavior};
/// use serde_json::json;
///
/// let delay = Duration::from_secs(1)..=Duration::from_secs(5);
/// let behavior = MethodBehavior::new(404, json!("no such method"))
///     .with_method("reboot", 200, json!({ "uptime": 0 }), delay);
/// let device = Device::new("pump-1").with_behavior(behavior);
/// ```
#[derive(Clone, Debug)]
pub struct MethodBehavior {
    others: Arc<Reply>,
    methods: BTreeMap<String, Arc<Reply>>,
}

/// Answer to one method.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Arc<MethodAnswer>,
    pub(crate) delay: RangeInclusive<Duration>,
}

impl MethodBehavior {
    /// Answers every method with this status and payload, without a delay.
    pub fn new(status: i32, payload: Value) -> Self {
        Self { others: Arc::new(Reply::new(status, payload)), methods: BTreeMap::new() }
    }

    /// Sets how long the answer to every method takes: a random time from this range.
    #[must_use]
    pub fn with_delay(mut self, delay: RangeInclusive<Duration>) -> Self {
        Arc::make_mut(&mut self.others).delay = delay;
        self
    }

    /// Answers one method differently.
    #[must_use]
    pub fn with_method(
        mut self,
        name: impl Into<String>,
        status: i32,
        payload: Value,
        delay: RangeInclusive<Duration>,
    ) -> Self {
        self.methods.insert(name.into(), Arc::new(Reply { delay, ..Reply::new(status, payload) }));
        self
    }

    /// Answers the methods without an answer of their own.
    pub(super) fn with_others(
        mut self,
        status: i32,
        payload: Value,
        delay: RangeInclusive<Duration>,
    ) -> Self {
        self.others = Arc::new(Reply { delay, ..Reply::new(status, payload) });
        self
    }

    pub(super) fn reply(&self, method: &str) -> &Reply {
        self.methods.get(method).unwrap_or(&self.others)
    }
}

impl Default for MethodBehavior {
    /// Answers every method with the status 200 and a null payload.
    fn default() -> Self {
        Self::new(200, Value::Null)
    }
}

impl Reply {
    fn new(status: i32, payload: Value) -> Self {
        let answer = Arc::new(MethodAnswer { status, payload });
        Self { answer, delay: Duration::ZERO..=Duration::ZERO }
    }
}

pub(crate) type Handler = Arc<dyn Fn(MethodCall) -> MethodAnswer + Send + Sync>;

/// How a device answers.
#[derive(Clone)]
pub(super) enum Responder {
    Behavior(Arc<MethodBehavior>),
    Handler(Handler),
}

impl Default for Responder {
    fn default() -> Self {
        Self::Behavior(Arc::default())
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Behavior(behavior) => behavior.fmt(f),
            Self::Handler(_) => f.write_str("Handler"),
        }
    }
}
