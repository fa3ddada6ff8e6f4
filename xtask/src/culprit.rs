//! The search for the part of a document that fails alone.

use serde_json::{Value, json};

use crate::document::{descendant, operations};

/// Finds the smallest part of a document for which `failure` gives an error, with its place.
///
/// Each operation, path and component is tried in a document of its own, and then each section.
pub(crate) fn find<E>(json: &Value, failure: impl Fn(Value) -> Option<E>) -> Option<(String, E)> {
    parts(json).into_iter().find_map(|keys| {
        let mut alone = json!({ "openapi": "3.0.3", "info": { "title": "", "version": "1" }, "paths": {} });
        *keys.iter().fold(&mut alone, |parent, key| &mut parent[key]) = part(json, &keys).clone();
        Some((descendant("", &keys), failure(alone)?))
    })
}

/// The keys that lead to each part, small ones first.
fn parts(json: &Value) -> Vec<Vec<&str>> {
    let mut parts: Vec<Vec<&str>> =
        operations(json).map(|operation| vec!["paths", operation.path, operation.method]).collect();
    let sections = names(&json["components"]).map(|section| vec!["components", section]);
    for parent in [vec!["paths"]].into_iter().chain(sections).chain([Vec::new()]) {
        parts.extend(names(part(json, &parent)).map(|name| [&parent[..], &[name]].concat()));
    }
    parts
}

fn names(part: &Value) -> impl Iterator<Item = &str> {
    part.as_object().into_iter().flatten().map(|(name, _)| name.as_str())
}

fn part<'a>(json: &'a Value, keys: &[&str]) -> &'a Value {
    keys.iter().fold(json, |part, key| &part[key])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_that_fails_alone_is_found() {
        let document = json!({
            "openapi": "3.0.3",
            "info": {},
            "paths": { "/a": { "get": { "is": "sound" } }, "/b": { "put": { "$ref": "#/components/schemas/A" } } },
            "components": { "schemas": { "A": { "of": { "$ref": "#/components/schemas/B" } }, "B": { "is": "bad" } } },
        });
        let find = |word: &str| find(&document, |part| part.to_string().contains(word).then_some(()));
        assert_eq!(find("sound"), Some((".paths[\"/a\"].get".to_owned(), ())));
        assert_eq!(find("bad"), Some((".components.schemas.B".to_owned(), ())));
        assert_eq!(find("other"), None);
    }
}
