//! Merge patches, and what they make of twins that are alike.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound as _, Utc};
use serde_json::{Map, Value, json};

use super::collection::Collection;
use super::twin_limits::check_part;

/// Most results of each kind that are kept.
const CAPACITY: usize = 1_024;

type Members = Map<String, Value>;

/// What one patch makes of the parts of twins: alike twins share the result.
#[derive(Debug, Default)]
pub(crate) struct Merges {
    members: Results<Members>,
    /// Those of the latest millisecond.
    collections: Results<Collection>,
    millisecond: Option<DateTime<Utc>>,
}

impl Merges {
    /// Merges the part of a patch for the tags, desired or reported properties into their members, unless a limit
    /// would be exceeded; the error says which.
    pub(super) fn merge(
        &mut self,
        part: &'static str,
        before: &Arc<Members>,
        patch: &Members,
    ) -> Result<Arc<Members>, String> {
        self.members.get_or_make(part, before, || {
            let mut after = (**before).clone();
            merge(&mut after, patch);
            check_part(part, &after)?;
            Ok(after)
        })
    }

    /// Merges the part of a patch for desired or reported properties. Their metadata get the time to the millisecond,
    /// so that devices that are updated within one can share them.
    pub(super) fn update(
        &mut self,
        part: &'static str,
        before: &Arc<Collection>,
        patch: &Members,
        now: DateTime<Utc>,
    ) -> Result<Arc<Collection>, String> {
        let now = now.trunc_subsecs(3);
        if self.millisecond.replace(now) != Some(now) {
            self.collections = Results::default();
        }
        let values = self.merge(part, before.values(), patch)?;
        self.collections.get_or_make(part, before, || Ok(before.updated(values, patch, now)))
    }
}

/// Results by the part of the twin and the address of what they were made of.
#[derive(Debug)]
struct Results<T>(HashMap<(&'static str, usize), Made<T>>);

#[derive(Debug)]
struct Made<T> {
    /// Kept so that nothing else can have its address.
    _before: Arc<T>,
    after: Arc<T>,
}

impl<T> Results<T> {
    fn get_or_make(
        &mut self,
        part: &'static str,
        before: &Arc<T>,
        make: impl FnOnce() -> Result<T, String>,
    ) -> Result<Arc<T>, String> {
        let key = (part, Arc::as_ptr(before).addr());
        if let Some(made) = self.0.get(&key) {
            return Ok(made.after.clone());
        }
        let after = Arc::new(make()?);
        if self.0.len() == CAPACITY {
            self.0.clear();
        }
        self.0.insert(key, Made { _before: before.clone(), after: after.clone() });
        Ok(after)
    }
}

impl<T> Default for Results<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// Applies a merge patch: null deletes a key, objects merge, everything else replaces.
fn merge(target: &mut Members, patch: &Members) {
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

    fn members(value: Value) -> Arc<Members> {
        Arc::new(value.as_object().unwrap().clone())
    }

    #[test]
    fn patch_merges_objects_and_null_deletes() {
        let target = json!({ "keep": 1, "drop": 2, "deep": { "keep": 3, "drop": 4 }, "flat": 5 });
        let patch = json!({
            "drop": null, "deep": { "drop": null, "add": [6] }, "flat": { "now": "deep", "not": null },
        });
        let merged = Merges::default().merge("tags", &members(target), &members(patch)).unwrap();
        let expected = json!({ "keep": 1, "deep": { "keep": 3, "add": [6] }, "flat": { "now": "deep" } });
        assert_eq!(Value::Object((*merged).clone()), expected);
    }

    #[test]
    fn alike_members_share_the_result_and_others_do_not() {
        let (a, b) = (members(json!({ "a": 1 })), members(json!({ "b": 1 })));
        let patch = members(json!({ "c": 2 }));
        let mut merges = Merges::default();
        let mut merge = |before: &Arc<Members>| merges.merge("tags", before, &patch).unwrap();
        let first = merge(&a);
        assert!(Arc::ptr_eq(&first, &merge(&a)));
        assert_eq!(*merge(&b), *members(json!({ "b": 1, "c": 2 })));
    }
}
