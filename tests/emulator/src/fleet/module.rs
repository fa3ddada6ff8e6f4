//! Modules of a device.

use std::sync::Arc;

use serde_json::Value;

use super::collection::{Collection, members};
use super::content::Content;

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
    pub(super) content: Content,
}

impl Module {
    /// Makes a module with an empty twin.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), content: Content::default() }
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
}
