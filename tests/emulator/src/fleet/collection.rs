//! Properties of a twin with their metadata.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::stamps::{Change, Stamps};

/// Desired or reported properties.
///
/// The values are shared between twins that are alike, so that a fleet takes little memory.
#[derive(Debug)]
pub(super) struct Collection {
    values: Arc<Map<String, Value>>,
    version: u64,
    stamps: Stamps,
    updated: Option<DateTime<Utc>>,
}

impl Collection {
    pub(super) fn new(values: Arc<Map<String, Value>>) -> Self {
        Self { values, version: 1, stamps: Stamps::default(), updated: None }
    }

    pub(super) fn values(&self) -> &Arc<Map<String, Value>> {
        &self.values
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Returns these properties after a merge patch at `now` that leads to `values`.
    pub(super) fn updated(
        &self,
        values: Arc<Map<String, Value>>,
        patch: &Map<String, Value>,
        now: DateTime<Utc>,
    ) -> Self {
        let version = self.version + 1;
        let mut stamps = self.stamps.clone();
        stamps.update(patch, Change { at: now, version });
        Self { values, version, stamps, updated: Some(now) }
    }

    /// Returns the properties as the hub shows them, with `$metadata` and `$version`.
    pub(super) fn to_json(&self, created: DateTime<Utc>) -> Value {
        let mut json = (*self.values).clone();
        json.insert("$metadata".into(), self.metadata(created));
        json.insert("$version".into(), self.version.into());
        Value::Object(json)
    }

    pub(super) fn metadata(&self, created: DateTime<Utc>) -> Value {
        let change = Change { at: self.updated.unwrap_or(created), version: self.version };
        self.stamps.metadata(&self.values, change, Change { at: created, version: 1 })
    }
}

/// Returns the members of an object; none of another value.
pub(super) fn members(value: Value) -> Arc<Map<String, Value>> {
    match value {
        Value::Object(members) => Arc::new(members),
        _ => Arc::default(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;
    use crate::dates::timestamp;

    #[test]
    fn metadata_dates_what_was_changed() {
        let created = DateTime::UNIX_EPOCH;
        let now = created + TimeDelta::hours(1);
        let values = json!({ "old": 1, "deep": { "old": 1 } });
        let patch = json!({ "deep": { "new": 2 } });
        let merged = json!({ "old": 1, "deep": { "old": 1, "new": 2 } });
        let collection = Collection::new(members(values)).updated(members(merged), &members(patch), now);
        let json = collection.to_json(created);
        assert_eq!(json["$version"], 2);
        let date = |pointer: &str| json["$metadata"].pointer(pointer).unwrap().as_str().unwrap().to_owned();
        assert_eq!(date("/old/$lastUpdated"), timestamp(created));
        assert_eq!(date("/deep/old/$lastUpdated"), timestamp(created));
        for changed in ["/$lastUpdated", "/deep/$lastUpdated", "/deep/new/$lastUpdated"] {
            assert_eq!(date(changed), timestamp(now), "{changed}");
        }
        assert_eq!(json["$metadata"]["deep"]["new"]["$lastUpdatedVersion"], 2);
    }
}
