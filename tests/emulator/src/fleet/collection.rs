//! Properties of a twin with their metadata.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::dates::timestamp;

/// Desired or reported properties.
///
/// The values are shared between clones until one of them changes, so that a fleet of alike devices
/// takes little memory.
#[derive(Clone, Debug)]
pub(super) struct Collection {
    values: Arc<Map<String, Value>>,
    version: u64,
    /// Time and version of the properties that were changed; the others are as old as the device.
    stamps: BTreeMap<String, Stamp>,
    updated: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
struct Stamp {
    updated: DateTime<Utc>,
    version: u64,
    members: BTreeMap<String, Stamp>,
}

impl Collection {
    pub(super) fn new(values: Arc<Map<String, Value>>) -> Self {
        Self { values, version: 1, stamps: BTreeMap::new(), updated: None }
    }

    pub(super) fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Applies a merge patch at `now`.
    pub(super) fn update(&mut self, patch: &Map<String, Value>, now: DateTime<Utc>) {
        self.version += 1;
        self.updated = Some(now);
        merge(Arc::make_mut(&mut self.values), patch);
        stamp(&mut self.stamps, patch, now, self.version);
    }

    /// Returns the properties as the hub shows them, with `$metadata` and `$version`.
    pub(super) fn to_json(&self, created: DateTime<Utc>) -> Value {
        let mut json = (*self.values).clone();
        json.insert("$metadata".into(), self.metadata(created));
        json.insert("$version".into(), self.version.into());
        Value::Object(json)
    }

    pub(super) fn metadata(&self, created: DateTime<Utc>) -> Value {
        let root = (self.updated.unwrap_or(created), self.version);
        metadata(&self.values, &self.stamps, root, created)
    }
}

/// Returns the members of an object; none of another value.
pub(super) fn members(value: Value) -> Arc<Map<String, Value>> {
    match value {
        Value::Object(members) => Arc::new(members),
        _ => Arc::default(),
    }
}

/// Applies a merge patch: null deletes a key, objects merge, everything else replaces.
pub(super) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
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

fn stamp(stamps: &mut BTreeMap<String, Stamp>, patch: &Map<String, Value>, now: DateTime<Utc>, version: u64) {
    for (key, value) in patch {
        if value.is_null() {
            stamps.remove(key);
            continue;
        }
        let new = Stamp { updated: now, version, members: BTreeMap::new() };
        let member = stamps.entry(key.clone()).or_insert(new);
        (member.updated, member.version) = (now, version);
        match value {
            Value::Object(patch) => stamp(&mut member.members, patch, now, version),
            _ => member.members.clear(),
        }
    }
}

fn metadata(
    values: &Map<String, Value>,
    stamps: &BTreeMap<String, Stamp>,
    (updated, version): (DateTime<Utc>, u64),
    created: DateTime<Utc>,
) -> Value {
    let none = BTreeMap::new();
    let mut json = Map::new();
    json.insert("$lastUpdated".into(), timestamp(updated).into());
    json.insert("$lastUpdatedVersion".into(), version.into());
    for (key, value) in values {
        let stamp = stamps.get(key);
        let own = stamp.map_or((created, 1), |stamp| (stamp.updated, stamp.version));
        let nested = stamp.map_or(&none, |stamp| &stamp.members);
        let empty = Map::new();
        json.insert(key.clone(), metadata(value.as_object().unwrap_or(&empty), nested, own, created));
    }
    Value::Object(json)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn patch_merges_objects_and_null_deletes() {
        let mut target = json!({ "keep": 1, "drop": 2, "deep": { "keep": 3, "drop": 4 }, "flat": 5 });
        let patch = json!({
            "drop": null, "deep": { "drop": null, "add": [6] }, "flat": { "now": "deep", "not": null },
        });
        merge(target.as_object_mut().unwrap(), patch.as_object().unwrap());
        assert_eq!(
            target,
            json!({ "keep": 1, "deep": { "keep": 3, "add": [6] }, "flat": { "now": "deep" } })
        );
    }

    #[test]
    fn metadata_dates_what_was_changed() {
        let created = DateTime::UNIX_EPOCH;
        let now = created + TimeDelta::hours(1);
        let values = json!({ "old": 1, "deep": { "old": 1 } });
        let mut collection = Collection::new(Arc::new(values.as_object().unwrap().clone()));
        collection.update(json!({ "deep": { "new": 2 } }).as_object().unwrap(), now);
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
