//! When the members of a twin were changed.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::dates::timestamp;

/// Time and version of a change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) at: DateTime<Utc>,
    pub(super) version: u64,
}

/// The members that were changed, sorted by key; the others are as old as the device.
#[derive(Clone, Debug, Default)]
pub(super) struct Stamps(Vec<Stamp>);

#[derive(Clone, Debug)]
struct Stamp {
    key: Box<str>,
    change: Change,
    members: Stamps,
}

impl Stamps {
    /// Records the members that a merge patch changes.
    pub(super) fn update(&mut self, patch: &Map<String, Value>, change: Change) {
        for (key, value) in patch {
            let found = self.position(key);
            if value.is_null() {
                drop(found.map(|index| self.0.remove(index)));
                continue;
            }
            let index = found.unwrap_or_else(|index| {
                self.0.insert(index, Stamp { key: key.as_str().into(), change, members: Self::default() });
                index
            });
            let stamp = &mut self.0[index];
            stamp.change = change;
            match value {
                Value::Object(patch) => stamp.members.update(patch, change),
                _ => stamp.members = Self::default(),
            }
        }
        self.0.shrink_to_fit();
    }

    /// Returns the metadata of these members, of which the whole was last changed by `change`.
    pub(super) fn metadata(&self, members: &Map<String, Value>, change: Change, created: Change) -> Value {
        let (no_members, no_stamps) = (Map::new(), Self::default());
        let mut json = Map::new();
        json.insert("$lastUpdated".into(), timestamp(change.at).into());
        json.insert("$lastUpdatedVersion".into(), change.version.into());
        for (key, value) in members {
            let stamp = self.position(key).ok().map(|index| &self.0[index]);
            let (change, stamps) =
                stamp.map_or((created, &no_stamps), |stamp| (stamp.change, &stamp.members));
            let members = value.as_object().unwrap_or(&no_members);
            json.insert(key.clone(), stamps.metadata(members, change, created));
        }
        Value::Object(json)
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|stamp| (*stamp.key).cmp(key))
    }
}
