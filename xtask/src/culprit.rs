//! The search for the part of a document on which the generator fails.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::document::{SCHEMAS, child, operations, schemas};

/// Finds the place of a schema, or of an operation, on which the generator `fails` alone.
///
/// Each step halves what is left and cuts its references: the search costs about as much as one run.
pub(crate) fn find(json: &Value, fails: impl Fn(Value) -> bool) -> Option<String> {
    let names: Vec<&str> = schemas(json).map(|(name, _)| name.as_str()).collect();
    if fails(with_schemas(json, &names)) {
        let name = halve(&names, |names| fails(with_schemas(json, names)))?;
        return Some(child(SCHEMAS, name));
    }
    let places: Vec<String> = operations(json).map(|operation| operation.place).collect();
    let places: Vec<&str> = places.iter().map(String::as_str).collect();
    halve(&places, |places| fails(with_operations(json, places))).map(str::to_owned)
}

/// Halves `parts` for as long as one of the halves fails.
fn halve<'a>(parts: &[&'a str], fails: impl Fn(&[&'a str]) -> bool) -> Option<&'a str> {
    let mut parts = parts;
    while parts.len() > 1 {
        let (first, second) = parts.split_at(parts.len() / 2);
        parts = [first, second].into_iter().find(|half| fails(half))?;
    }
    parts.first().copied().filter(|part| fails(&[part]))
}

/// The document with no more than these schemas, whose references to others allow anything.
fn with_schemas(json: &Value, names: &[&str]) -> Value {
    let names: BTreeSet<&str> = names.iter().copied().collect();
    let kept = schemas(json).filter(|(name, _)| names.contains(name.as_str()));
    let kept: Map<String, Value> =
        kept.map(|(name, schema)| (name.clone(), cut_references(schema, &names))).collect();
    json!({ "openapi": json["openapi"], "info": json["info"], "paths": {}, "components": { "schemas": kept } })
}

fn cut_references(part: &Value, kept: &BTreeSet<&str>) -> Value {
    match part {
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str);
            let name = target.and_then(|target| target.strip_prefix("#/components/schemas/"));
            if name.is_some_and(|name| !kept.contains(name)) {
                return json!({});
            }
            members.iter().map(|(key, member)| (key.clone(), cut_references(member, kept))).collect()
        }
        Value::Array(items) => items.iter().map(|item| cut_references(item, kept)).collect(),
        other => other.clone(),
    }
}

/// The document with no more than the operations at these places, and a stub for each schema.
fn with_operations(json: &Value, places: &[&str]) -> Value {
    let mut paths = json!({});
    for operation in operations(json).filter(|operation| places.contains(&operation.place.as_str())) {
        paths[operation.path][operation.method] = operation.json.clone();
    }
    let stubs: Map<String, Value> = schemas(json)
        .map(|(name, _)| (name.clone(), json!({ "type": "object", "properties": { name.as_str(): {} } })))
        .collect();
    json!({ "openapi": json["openapi"], "info": json["info"], "paths": paths, "components": { "schemas": stubs } })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn document() -> Value {
        let mut document =
            json!({ "openapi": "3.0.3", "info": {}, "paths": {}, "components": { "schemas": {} } });
        for number in 0..64 {
            let next = format!("#/components/schemas/S{}", (number + 1) % 64);
            document["components"]["schemas"][format!("S{number}")] =
                json!({ "type": "object", "properties": { "next": { "$ref": next } } });
            document["paths"][format!("/p{number}")]["get"] = json!({ "operationId": format!("o{number}") });
        }
        document
    }

    #[test]
    fn culprit_is_found_at_the_cost_of_a_few_runs() {
        let (document, cost) = (document(), Cell::new(0));
        let schema = find(&document, |part| {
            cost.set(cost.get() + part["components"]["schemas"].as_object().unwrap().len());
            part["components"]["schemas"].get("S41").is_some()
        });
        assert_eq!(schema.as_deref(), Some(".components.schemas.S41"));
        assert!(cost.get() <= 64 * 4, "{}", cost.get());
        let operation = find(&document, |part| part["paths"].get("/p17").is_some());
        assert_eq!(operation.as_deref(), Some(".paths[\"/p17\"].get"));
        assert_eq!(find(&document, |_| false), None);
    }
}
