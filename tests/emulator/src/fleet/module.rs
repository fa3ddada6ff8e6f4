//! Modules of a device.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::collection::{Collection, members};

/// A module of a device, with a twin of its own.
///
/// ```
/// use jobs_emulator::{Device, Module};
/// use serde_json::json;
///
/// let filter = Module::new("filter").with_tags(json!({ "ring": "canary" }));
/// let edge = Device::new("edge-1").iot_edge().with_module(filter);
/// ```
#[derive(Clone, Debug)]
pub struct Module {
    pub(super) id: String,
    pub(super) tags: Arc<Map<String, Value>>,
    pub(super) desired: Collection,
    pub(super) reported: Collection,
}

impl Module {
    /// Makes a module with an empty twin.
    pub fn new(id: impl Into<String>) -> Self {
        let empty = Collection::new(Arc::default());
        Self { id: id.into(), tags: Arc::default(), desired: empty.clone(), reported: empty }
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
}
