//! A simulated device.

use std::fmt;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::collection::{Collection, members, merge};
use super::method::{Handler, MethodAnswer, MethodBehavior, MethodCall, Reply, Responder};
use super::module::Module;
use super::twin_limits::{check_property_members, check_tag_members};

static DEFAULT_BEHAVIOR: LazyLock<Arc<MethodBehavior>> = LazyLock::new(Arc::default);
static NO_MEMBERS: LazyLock<Arc<Map<String, Value>>> = LazyLock::new(Arc::default);

/// A simulated device: its twin, whether it is online, and how it answers a method.
///
/// ```
/// use jobs_emulator::{Device, MethodAnswer};
/// use serde_json::json;
///
/// let pump = Device::new("pump-1").with_tags(json!({ "building": "43" }));
/// let silent = Device::new("pump-2").offline();
/// let refusing = Device::new("pump-3").answering(|call| MethodAnswer {
///     status: 404,
///     payload: json!({ "unknown": call.name }),
/// });
/// ```
#[derive(Clone)]
pub struct Device {
    pub(super) id: Arc<str>,
    pub(super) tags: Arc<Map<String, Value>>,
    pub(super) desired: Collection,
    pub(super) reported: Collection,
    pub(super) configurations: Arc<Map<String, Value>>,
    pub(super) modules: Vec<Module>,
    pub(super) version: u64,
    pub(super) is_online: bool,
    pub(super) is_enabled: bool,
    pub(super) is_edge: bool,
    pub(super) model_id: Option<Arc<str>>,
    pub(super) created: DateTime<Utc>,
    /// Time of the last method or update that reached the device.
    pub(super) active: Option<DateTime<Utc>>,
    responder: Responder,
}

impl Device {
    /// Makes a device that is online, has an empty twin, and answers each method with the status 200.
    pub fn new(id: impl Into<String>) -> Self {
        let empty = Collection::new(NO_MEMBERS.clone());
        Self {
            id: id.into().into(),
            tags: NO_MEMBERS.clone(),
            desired: empty.clone(),
            reported: empty,
            configurations: NO_MEMBERS.clone(),
            modules: Vec::new(),
            version: 1,
            is_online: true,
            is_enabled: true,
            is_edge: false,
            model_id: None,
            created: DateTime::UNIX_EPOCH,
            active: None,
            responder: Responder::Behavior(DEFAULT_BEHAVIOR.clone()),
        }
    }

    /// Sets the tags; a value that is not an object leaves them empty.
    #[must_use]
    pub fn with_tags(mut self, tags: Value) -> Self {
        self.tags = members(tags);
        self
    }

    /// Sets the desired properties; a value that is not an object leaves them empty.
    #[must_use]
    pub fn with_desired(mut self, desired: Value) -> Self {
        self.desired = Collection::new(members(desired));
        self
    }

    /// Sets the reported properties; a value that is not an object leaves them empty.
    #[must_use]
    pub fn with_reported(mut self, reported: Value) -> Self {
        self.reported = Collection::new(members(reported));
        self
    }

    /// Sets the state of automatic configurations; a value that is not an object leaves it empty.
    #[must_use]
    pub fn with_configurations(mut self, configurations: Value) -> Self {
        self.configurations = members(configurations);
        self
    }

    /// Adds a module.
    #[must_use]
    pub fn with_module(mut self, module: Module) -> Self {
        self.modules.push(module);
        self
    }

    /// Sets the id of the device's Plug and Play model.
    #[must_use]
    pub fn with_model_id(mut self, model_id: impl Into<String>) -> Self {
        self.model_id = Some(model_id.into().into());
        self
    }

    /// Makes the device an IoT Edge device.
    #[must_use]
    pub fn iot_edge(mut self) -> Self {
        self.is_edge = true;
        self
    }

    /// Disables the device: jobs fail on it.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.is_enabled = false;
        self
    }

    /// Takes the device off the network: jobs fail on it.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.is_online = false;
        self
    }

    /// Answers each method with `handler`, which may block and may panic.
    ///
    /// Handlers of devices that run at the same time are called concurrently. When the emulator is
    /// dropped, it panics with the first panic of a handler.
    #[must_use]
    pub fn answering(mut self, handler: impl Fn(MethodCall) -> MethodAnswer + Send + Sync + 'static) -> Self {
        self.responder = Responder::Handler(Arc::new(handler));
        self
    }

    /// Answers methods as `behavior` says.
    #[must_use]
    pub fn with_behavior(mut self, behavior: impl Into<Arc<MethodBehavior>>) -> Self {
        self.responder = Responder::Behavior(behavior.into());
        self
    }

    /// Returns the device's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns true if the device can be reached.
    pub(crate) fn is_reachable(&self) -> bool {
        self.is_online && self.is_enabled
    }

    /// Returns the reply to a method, or the handler that gives it.
    pub(crate) fn respond(&self, method: &str) -> Result<&Reply, Handler> {
        match &self.responder {
            Responder::Behavior(behavior) => Ok(behavior.reply(method)),
            Responder::Handler(handler) => Err(handler.clone()),
        }
    }

    /// Gives the device another id.
    #[must_use]
    pub(super) fn with_id(mut self, id: String) -> Self {
        self.id = id.into();
        self
    }

    /// Shares `tags` with other devices.
    #[must_use]
    pub(crate) fn with_shared_tags(mut self, tags: Arc<Map<String, Value>>) -> Self {
        self.tags = tags;
        self
    }

    /// Sets whether the device is online.
    pub(crate) fn set_online(&mut self, is_online: bool) {
        self.is_online = is_online;
    }

    /// Notes that the device did something at `now`.
    pub(crate) fn touch(&mut self, now: DateTime<Utc>) {
        self.active = Some(now);
    }

    /// Merges the tags, desired and reported properties of `patch` into the twin at `now`, unless the
    /// twin would exceed a limit; the error says which.
    pub(crate) fn update_twin(&mut self, patch: &Value, now: DateTime<Utc>) -> Result<(), String> {
        let mut tags = self.tags.clone();
        if let Value::Object(patch) = &patch["tags"] {
            merge(Arc::make_mut(&mut tags), patch);
            check_tag_members(&tags)?;
        }
        let mut properties = [self.desired.clone(), self.reported.clone()];
        for (collection, name) in properties.iter_mut().zip(["desired", "reported"]) {
            if let Value::Object(patch) = &patch["properties"][name] {
                collection.update(patch, now);
                check_property_members(name, collection.values())?;
            }
        }
        self.tags = tags;
        [self.desired, self.reported] = properties;
        self.version += 1;
        Ok(())
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("twin", &self.twin()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn update_beyond_a_limit_changes_nothing() {
        let mut device = Device::new("a").with_tags(json!({ "a": "x".repeat(4000) }));
        let patch = |name: &str| json!({ "tags": { name: "x".repeat(4000) }, "properties": { "desired": { "b": 1 } } });
        device.update_twin(&patch("b"), DateTime::UNIX_EPOCH).unwrap();
        let before = device.twin();
        let error = device.update_twin(&patch("c"), DateTime::UNIX_EPOCH).unwrap_err();
        assert!(error.contains("8 KB"), "{error}");
        assert_eq!(device.twin(), before);
        assert_eq!((&before["version"], &before["properties"]["desired"]["b"]), (&json!(2), &json!(1)));
    }
}
