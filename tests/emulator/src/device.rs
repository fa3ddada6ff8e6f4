//! A simulated device and its twin.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

/// A direct method, as a device is called.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodCall {
    /// The method's name.
    pub name: String,
    /// The payload; null when the call has none.
    pub payload: Value,
}

/// What a device answers to a direct method.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodAnswer {
    /// The device's own status.
    pub status: i32,
    /// The device's own payload.
    pub payload: Value,
}

type Handler = Arc<dyn Fn(MethodCall) -> MethodAnswer + Send + Sync>;

/// A simulated device: its twin, whether it is online, and how it answers a method.
#[derive(Clone)]
pub struct Device {
    id: String,
    tags: Map<String, Value>,
    desired: Map<String, Value>,
    version: u64,
    is_online: bool,
    handler: Handler,
}

impl Device {
    /// A device that is online, has an empty twin, and answers each method with the status 200.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            tags: Map::new(),
            desired: Map::new(),
            version: 1,
            is_online: true,
            handler: Arc::new(|_| MethodAnswer { status: 200, payload: Value::Null }),
        }
    }

    /// Sets the tags. What is no object leaves them empty.
    #[must_use]
    pub fn with_tags(mut self, tags: Value) -> Self {
        self.tags = tags.as_object().cloned().unwrap_or_default();
        self
    }

    /// Sets the desired properties. What is no object leaves them empty.
    #[must_use]
    pub fn with_desired(mut self, desired: Value) -> Self {
        self.desired = desired.as_object().cloned().unwrap_or_default();
        self
    }

    /// Takes the device off the network: jobs fail on it.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.is_online = false;
        self
    }

    /// Answers each method with `handler`.
    #[must_use]
    pub fn answering(mut self, handler: impl Fn(MethodCall) -> MethodAnswer + Send + Sync + 'static) -> Self {
        self.handler = Arc::new(handler);
        self
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn is_online(&self) -> bool {
        self.is_online
    }

    pub(crate) fn handler(&self) -> Handler {
        self.handler.clone()
    }

    /// The twin as the hub shows it.
    pub(crate) fn twin(&self) -> Value {
        json!({
            "deviceId": self.id,
            "etag": format!("AAAAAAAAAA{}=", self.version),
            "version": self.version,
            "connectionState": if self.is_online { "Connected" } else { "Disconnected" },
            "tags": self.tags,
            "properties": { "desired": self.desired, "reported": {} },
        })
    }

    /// Merges the tags and desired properties of `patch` into the twin.
    pub(crate) fn update_twin(&mut self, patch: &Value) {
        let parts = [(&mut self.tags, &patch["tags"]), (&mut self.desired, &patch["properties"]["desired"])];
        for (collection, patch) in parts {
            if let Value::Object(patch) = patch {
                merge(collection, patch);
            }
        }
        self.version += 1;
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("twin", &self.twin()).finish_non_exhaustive()
    }
}

/// A merge patch: null deletes a key, objects merge, everything else replaces.
fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        match value {
            Value::Null => drop(target.remove(key)),
            Value::Object(patch) => {
                let member = target.entry(key).or_insert_with(|| json!({}));
                if !member.is_object() {
                    *member = json!({});
                }
                if let Value::Object(member) = member {
                    merge(member, patch);
                }
            }
            other => drop(target.insert(key.clone(), other.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_merges_objects_and_null_deletes() {
        let mut device = Device::new("a")
            .with_tags(json!({ "keep": 1, "drop": 2, "deep": { "keep": 3, "drop": 4 }, "flat": 5 }));
        device.update_twin(&json!({
            "tags": { "drop": null, "deep": { "drop": null, "add": [6] }, "flat": { "now": "deep", "not": null } },
            "properties": { "desired": { "interval": 30 } },
        }));
        let twin = device.twin();
        assert_eq!(
            twin["tags"],
            json!({ "keep": 1, "deep": { "keep": 3, "add": [6] }, "flat": { "now": "deep" } })
        );
        assert_eq!(twin["properties"]["desired"], json!({ "interval": 30 }));
        assert_eq!(twin["version"], 2);
    }
}
