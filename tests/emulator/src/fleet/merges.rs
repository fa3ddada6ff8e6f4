//! Merge patches, and what they make of twins that are alike.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::twin_limits::check_part;

/// Most results that are kept.
const CAPACITY: usize = 1_024;

type Members = Arc<Map<String, Value>>;

/// Results of one patch, by the address of the members that it was merged into: alike twins share them.
#[derive(Debug, Default)]
pub(crate) struct Merges(HashMap<(&'static str, usize), (Members, Members)>);

impl Merges {
    /// Merges the part of a patch for the tags, desired or reported properties into their members, unless a limit
    /// would be exceeded; the error says which.
    pub(super) fn merge(
        &mut self,
        part: &'static str,
        before: &Members,
        patch: &Map<String, Value>,
    ) -> Result<Members, String> {
        // The members of the key are kept with the result, so that no others can have their address.
        let key = (part, Arc::as_ptr(before).addr());
        if let Some((_, after)) = self.0.get(&key) {
            return Ok(after.clone());
        }
        let mut after = (**before).clone();
        merge(&mut after, patch);
        check_part(part, &after)?;
        if self.0.len() == CAPACITY {
            self.0.clear();
        }
        let after = Arc::new(after);
        self.0.insert(key, (before.clone(), after.clone()));
        Ok(after)
    }
}

/// Applies a merge patch: null deletes a key, objects merge, everything else replaces.
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

    fn members(value: Value) -> Members {
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
        let mut merge = |before: &Members| merges.merge("tags", before, &patch).unwrap();
        let first = merge(&a);
        assert!(Arc::ptr_eq(&first, &merge(&a)));
        assert_eq!(*merge(&b), *members(json!({ "b": 1, "c": 2 })));
    }
}
