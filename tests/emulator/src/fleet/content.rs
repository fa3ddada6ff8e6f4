//! The content of a twin: tags, desired and reported properties.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::collection::Collection;
use super::merges::Merges;

static NO_MEMBERS: LazyLock<Arc<Map<String, Value>>> = LazyLock::new(Arc::default);
static NO_PROPERTIES: LazyLock<Arc<Collection>> =
    LazyLock::new(|| Arc::new(Collection::new(NO_MEMBERS.clone())));

/// Content of the twin of a device or module.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) tags: Arc<Map<String, Value>>,
    pub(super) desired: Arc<Collection>,
    pub(super) reported: Arc<Collection>,
    pub(super) version: u64,
}

impl Content {
    /// Merges the tags, desired and reported properties of `patch` at `now`, unless a limit would be
    /// exceeded; the error says which.
    pub(super) fn update(
        &mut self,
        patch: &Value,
        now: DateTime<Utc>,
        merges: &mut Merges,
    ) -> Result<(), String> {
        let mut updated = self.clone();
        if let Value::Object(patch) = &patch["tags"] {
            updated.tags = merges.merge("tags", &self.tags, patch)?;
        }
        for (collection, part) in [(&mut updated.desired, "desired"), (&mut updated.reported, "reported")] {
            if let Value::Object(patch) = &patch["properties"][part] {
                *collection = merges.update(part, collection, patch, now)?;
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
        let empty = || NO_PROPERTIES.clone();
        Self { tags: NO_MEMBERS.clone(), desired: empty(), reported: empty(), version: 1 }
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
        let mut update = |name| content.update(&patch(name), DateTime::UNIX_EPOCH, &mut Merges::default());
        update("a").unwrap();
        update("b").unwrap();
        let error = update("c").unwrap_err();
        assert!(error.contains("8 KB"), "{error}");
        assert_eq!((content.version, content.desired.version(), content.tags.len()), (3, 3, 2));
    }
}
