//! Compositions: `allOf` of objects becomes one object.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::document::{Defect, child, follow};
use crate::grammar::{Kind, walk_mut};

/// The keywords that describe a value, as opposed to the place where it is.
const STRUCTURE: [&str; 8] =
    ["type", "properties", "required", "additionalProperties", "items", "enum", "format", "allOf"];

/// Merges every `allOf`, but keeps the one that merely describes a reference.
pub(super) fn merge(json: &mut Value) -> Result<(), Defect> {
    let original = json.clone();
    walk_mut(json, "", Kind::Document, &mut |place, kind, members| {
        if kind != Kind::Schema || !members.contains_key("allOf") {
            return Ok(());
        }
        if let Some(reference) = single_reference(members) {
            members.insert("allOf".to_owned(), Value::Array(vec![reference]));
            return Ok(());
        }
        let mut merged = Merged::default();
        merged.add(&original, &Value::Object(members.clone()), place)?;
        members.retain(|key, _| !STRUCTURE.contains(&key.as_str()));
        members.extend(merged.into_members());
        Ok(())
    })
}

/// The only part with a structure, if that is a reference.
fn single_reference(schema: &Map<String, Value>) -> Option<Value> {
    let has_structure =
        |part: &Value| part.get("$ref").is_some() || STRUCTURE.iter().any(|key| part.get(*key).is_some());
    let own = STRUCTURE
        .iter()
        .filter(|key| **key != "allOf" && **key != "type")
        .any(|key| schema.contains_key(*key));
    let parts: Vec<&Value> = schema["allOf"].as_array()?.iter().filter(|part| has_structure(part)).collect();
    match parts.as_slice() {
        [part] if !own && part.get("$ref").is_some() => {
            let mut reference = Map::new();
            reference.insert("$ref".to_owned(), part["$ref"].clone());
            Some(Value::Object(reference))
        }
        _ => None,
    }
}

#[derive(Default)]
struct Merged {
    properties: Map<String, Value>,
    required: BTreeSet<String>,
    additional: Option<Value>,
}

impl Merged {
    fn add(&mut self, json: &Value, part: &Value, place: &str) -> Result<(), Defect> {
        let part = follow(json, part);
        let kind = part["type"].as_str().unwrap_or("object");
        if kind != "object" || part.get("enum").is_some() {
            let reason = format!("combines a value of the type {kind:?} with others; only objects combine");
            return Err(Defect::new(child(place, "allOf"), reason));
        }
        for inner in part["allOf"].as_array().into_iter().flatten() {
            self.add(json, inner, place)?;
        }
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            if self.properties.get(name).is_some_and(|other| structure(other) != structure(property)) {
                let reason = format!("holds {name:?} with two types; rename one or give both one type");
                return Err(Defect::new(child(place, "allOf"), reason));
            }
            self.properties.insert(name.clone(), property.clone());
        }
        let required = part["required"].as_array().into_iter().flatten();
        self.required.extend(required.filter_map(Value::as_str).map(str::to_owned));
        if let Some(additional) = part.get("additionalProperties") {
            self.additional = Some(additional.clone());
        }
        Ok(())
    }

    fn into_members(self) -> Map<String, Value> {
        let mut members = Map::from_iter([("type".to_owned(), "object".into())]);
        if !self.properties.is_empty() {
            members.insert("properties".to_owned(), self.properties.into());
        }
        if !self.required.is_empty() {
            members.insert("required".to_owned(), self.required.into_iter().collect());
        }
        members.extend(self.additional.map(|additional| ("additionalProperties".to_owned(), additional)));
        members
    }
}

/// A schema without its docs.
fn structure(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(members) = schema.as_object_mut() {
        members.remove("description");
    }
    schema
}
