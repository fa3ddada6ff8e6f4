//! A simulated device.

use std::fmt;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::collection::{Collection, members};
use super::content::Content;
use super::merges::Merges;
use super::method::{Handler, MethodAnswer, MethodBehavior, MethodCall, Reply, Responder};
use super::module::Module;

static DEFAULT_PROFILE: LazyLock<Arc<Profile>> = LazyLock::new(Arc::default);

/// What devices of one kind have in common.
#[derive(Clone, Default)]
pub(super) struct Profile {
    pub(super) configurations: Map<String, Value>,
    pub(super) is_edge: bool,
    pub(super) model_id: Option<String>,
    /// Primary thumbprint of its certificate.
    pub(super) thumbprint: Option<String>,
    responder: Responder,
}

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
    pub(super) content: Content,
    pub(super) profile: Arc<Profile>,
    pub(super) modules: Vec<Module>,
    pub(super) is_online: bool,
    pub(super) is_enabled: bool,
    pub(super) created: DateTime<Utc>,
    /// Time of the last method or update that reached the device.
    pub(super) active: Option<DateTime<Utc>>,
}

impl Device {
    /// Makes a device that is online, has an empty twin, and answers each method with the status 200.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into().into(),
            content: Content::default(),
            profile: DEFAULT_PROFILE.clone(),
            modules: Vec::new(),
            is_online: true,
            is_enabled: true,
            created: DateTime::UNIX_EPOCH,
            active: None,
        }
    }

    /// Sets the tags; a value that is not an object leaves them empty.
    #[must_use]
    pub fn with_tags(mut self, tags: Value) -> Self {
        self.content.tags = members(tags);
        self
    }

    /// Sets the desired properties; a value that is not an object leaves them empty.
    #[must_use]
    pub fn with_desired(mut self, desired: Value) -> Self {
        self.content.desired = Arc::new(Collection::new(members(desired)));
        self
    }

    /// Sets the reported properties; a value that is not an object leaves them empty.
    #[must_use]
    pub fn with_reported(mut self, reported: Value) -> Self {
        self.content.reported = Arc::new(Collection::new(members(reported)));
        self
    }

    /// Sets the state of automatic configurations; a value that is not an object leaves it empty.
    #[must_use]
    pub fn with_configurations(mut self, configurations: Value) -> Self {
        self.profile_mut().configurations = (*members(configurations)).clone();
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
        self.profile_mut().model_id = Some(model_id.into());
        self
    }

    /// Lets the device authenticate with a certificate of this thumbprint instead of a key.
    #[must_use]
    pub fn with_thumbprint(mut self, primary: impl Into<String>) -> Self {
        self.profile_mut().thumbprint = Some(primary.into());
        self
    }

    /// Makes the device an IoT Edge device.
    #[must_use]
    pub fn iot_edge(mut self) -> Self {
        self.profile_mut().is_edge = true;
        self
    }

    /// Disables the device: methods do not reach it. Its twin can be updated.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.is_enabled = false;
        self
    }

    /// Takes the device off the network: methods do not reach it. Its twin can be updated.
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
        self.profile_mut().responder = Responder::Handler(Arc::new(handler));
        self
    }

    /// Answers methods as `behavior` says.
    #[must_use]
    pub fn with_behavior(mut self, behavior: impl Into<Arc<MethodBehavior>>) -> Self {
        self.profile_mut().responder = Responder::Behavior(behavior.into());
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

    /// Returns whether the device is disabled, connected or disconnected, for people.
    pub(crate) fn state(&self) -> &'static str {
        if !self.is_enabled {
            return "disabled";
        }
        if self.is_online { "connected" } else { "disconnected" }
    }

    /// Returns the reply to a method, or the handler that gives it.
    pub(crate) fn respond(&self, method: &str) -> Result<&Reply, Handler> {
        match &self.profile.responder {
            Responder::Behavior(behavior) => Ok(behavior.reply(method)),
            Responder::Handler(handler) => Err(handler.clone()),
        }
    }

    pub(super) fn profile_mut(&mut self) -> &mut Profile {
        Arc::make_mut(&mut self.profile)
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
        self.content.tags = tags;
        self
    }

    /// Notes that the device did something at `now`.
    pub(crate) fn touch(&mut self, now: DateTime<Utc>) {
        self.active = Some(now);
    }

    /// Merges the tags, desired and reported properties of `patch` into the twin at `now`, unless the
    /// twin would exceed a limit; the error says which.
    pub(crate) fn update_twin(&mut self, patch: &Value, now: DateTime<Utc>) -> Result<(), String> {
        self.content.update(patch, now, &mut Merges::default())
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("twin", &self.twin()).finish_non_exhaustive()
    }
}
