//! The content of a twin: tags, desired and reported properties.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::collection::{Collection, merge};
use super::twin_limits::{check_property_members, check_tag_members};

static NO_MEMBERS: LazyLock<Arc<Map<String, Value>>> = LazyLock::new(Arc::default);

/// Content of the twin of a device or module.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) tags: Arc<Map<String, Value>>,
    pub(super) desired: Collection,
    pub(super) reported: Collection,
    pub(super) version: u64,
}

impl Content {
    /// Merges the tags, desired and reported properties of `patch` at `now`, unless a limit would be
    /// exceeded; the error says which.
    pub(super) fn update(&mut self, patch: &Value, now: DateTime<Utc>) -> Result<(), String> {
        let mut updated = self.clone();
        if let Value::Object(patch) = &patch["tags"] {
            merge(Arc::make_mut(&mut updated.tags), patch);
            check_tag_members(&updated.tags)?;
        }
        for (collection, name) in [(&mut updated.desired, "desired"), (&mut updated.reported, "reported")] {
            if let Value::Object(patch) = &patch["properties"][name] {
                collection.update(patch, now);
                check_property_members(name, collection.values())?;
            }
        }
        updated.version += 1;
        *self = updated;
        Ok(())
    }
}

impl Default for Content {
    /// Returns the content of an empty twin, which all empty twins share.
    fn default() -> Self {
        let empty = Collection::new(NO_MEMBERS.clone());
        Self { tags: NO_MEMBERS.clone(), desired: empty.clone(), reported: empty, version: 1 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn update_beyond_a_limit_changes_nothing() {
        let mut content = Content::default();
        let patch = |name: &str| json!({ "tags": { name: "x".repeat(4000) }, "properties": { "desired": { "b": 1 } } });
        content.update(&patch("a"), DateTime::UNIX_EPOCH).unwrap();
        content.update(&patch("b"), DateTime::UNIX_EPOCH).unwrap();
        let error = content.update(&patch("c"), DateTime::UNIX_EPOCH).unwrap_err();
        assert!(error.contains("8 KB"), "{error}");
        assert_eq!((content.version, content.desired.version(), content.tags.len()), (3, 3, 2));
    }
}
