//! The search for the part of a document that fails alone.

use serde_json::{Value, json};

use crate::document::{SCHEMA_REFERENCE, descendant, operations};

/// Finds the smallest part of a document for which `failure` gives an error, with its place.
///
/// Each operation, path and component is tried in a document of its own, and then each section.
pub(crate) fn find<E>(json: &Value, failure: impl Fn(Value) -> Option<E>) -> Option<(String, E)> {
    parts(json).into_iter().find_map(|keys| {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let part = keys.iter().fold(json, |part, key| &part[key]);
        let mut alone = json!({ "openapi": "3.0.3", "info": { "title": "", "version": "1" }, "paths": {} });
        *keys.iter().fold(&mut alone, |parent, key| &mut parent[key]) = cut_references(part);
        Some((descendant("", &keys), failure(alone)?))
    })
}

/// The keys that lead to each part, small ones first.
fn parts(json: &Value) -> Vec<Vec<String>> {
    let names = |part: &Value| part.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let operations =
        operations(json).map(|operation| ["paths", operation.path, operation.method].map(str::to_owned));
    let mut parts: Vec<Vec<String>> = operations.map(Vec::from).collect();
    let paths: Vec<String> = names(&json["paths"]);
    parts.extend(paths.into_iter().map(|path| vec!["paths".to_owned(), path]));
    let sections: Vec<String> = names(&json["components"]);
    for section in sections {
        let components: Vec<String> = names(&json["components"][&section]);
        parts.extend(components.into_iter().map(|name| vec!["components".to_owned(), section.clone(), name]));
    }
    let head: Vec<String> = names(json);
    parts.extend(head.into_iter().filter(|key| key != "paths" && key != "components").map(|key| vec![key]));
    parts
}

/// The part with references to schemas that allow anything.
fn cut_references(part: &Value) -> Value {
    match part {
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str);
            if target.is_some_and(|target| target.starts_with(SCHEMA_REFERENCE)) {
                return json!({});
            }
            members.iter().map(|(key, member)| (key.clone(), cut_references(member))).collect()
        }
        Value::Array(items) => items.iter().map(cut_references).collect(),
        other => other.clone(),
    }
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
        assert_eq!(find("#/components"), None);
    }
}
