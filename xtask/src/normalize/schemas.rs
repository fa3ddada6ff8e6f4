//! Schemas without the constraints and formats for which a client would refuse a response.

use serde_json::{Map, Value, json};

use super::descriptions;
use crate::document::{Defect, SCHEMAS};
use crate::grammar::{Kind, walk_mut};

/// The keywords that limit values. They are kept in the docs.
const LIMITS: [&str; 13] = [
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

/// The keywords that say nothing about what is sent and read.
const ANNOTATIONS: [&str; 5] = ["title", "example", "xml", "externalDocs", "default"];

/// The member that carries the limits of a schema to the object that documents it.
const NOTES: &str = "x-notes";

/// Removes constraints, unknown formats, defaults and titles, and writes them into the docs.
pub(super) fn loosen(json: &mut Value) -> Result<(), Defect> {
    walk_mut(json, "", Kind::Document, &mut |place, kind, members| {
        match kind {
            Kind::Schema => loosen_schema(place, members),
            // The schema of a parameter has no docs of its own in the client.
            Kind::Parameter => {
                let notes =
                    members.get_mut("schema").and_then(Value::as_object_mut).and_then(|s| s.remove(NOTES));
                if let Some(Value::String(notes)) = notes {
                    descriptions::append(members, &notes);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    walk_mut(json, "", Kind::Document, &mut |_, _, members| {
        members.remove(NOTES);
        Ok(())
    })
}

fn loosen_schema(place: &str, schema: &mut Map<String, Value>) {
    let mut notes: Vec<String> = Vec::new();
    for key in LIMITS {
        match schema.remove(key) {
            // An exclusive limit of false means the same as none.
            None | Some(Value::Bool(false)) => {}
            Some(value) => notes.push(format!("`{key}` {}", code(&value))),
        }
    }
    if let Some(value) = schema.get("default") {
        notes.push(format!("default {}", code(value)));
    }
    notes.extend(loosen_format(schema));
    notes.extend(loosen_closed_values(schema));
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => {
            schema.remove("additionalProperties");
            notes.push("no other members".to_owned());
        }
        Some(Value::Bool(true)) if schema.contains_key("properties") => {
            schema.remove("additionalProperties");
        }
        _ => {}
    }
    if schema.get("type").is_some_and(|kind| kind == "array") && !schema.contains_key("items") {
        schema.insert("items".to_owned(), json!({}));
    }
    for (key, title) in [("items", "each item"), ("additionalProperties", "each value")] {
        let inner = schema.get_mut(key).and_then(Value::as_object_mut).and_then(|inner| inner.remove(NOTES));
        if let Some(Value::String(inner)) = inner {
            notes.push(format!("{title}: {}", inner.trim_start_matches("Limits: ").trim_end_matches('.')));
        }
    }
    let title = schema.get("title").and_then(Value::as_str).map(str::to_owned);
    if let (Some(title), None, true) = (title, schema.get("description"), is_component(place)) {
        schema.insert("description".to_owned(), title.into());
    }
    ANNOTATIONS.iter().for_each(|key| {
        schema.remove(*key);
    });
    if !notes.is_empty() {
        let notes = format!("Limits: {}.", notes.join(", "));
        descriptions::append(schema, &notes);
        schema.insert(NOTES.to_owned(), notes.into());
    }
}

fn is_component(place: &str) -> bool {
    place.strip_prefix(SCHEMAS).is_some_and(|rest| !rest.contains(".properties"))
}

/// Removes a format that the client does not know; some would bring types of other crates.
fn loosen_format(schema: &mut Map<String, Value>) -> Option<String> {
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or_default();
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let is_known = matches!(
        (kind, format),
        ("string", "date-time") | ("integer", "int32" | "int64") | ("number", "float" | "double")
    );
    if is_known {
        return None;
    }
    schema.remove("format").map(|format| format!("format {}", code(&format)))
}

/// Removes an `enum` of values other than text, which would become a closed set.
fn loosen_closed_values(schema: &mut Map<String, Value>) -> Option<String> {
    let is_text = matches!(schema.get("type").and_then(Value::as_str), None | Some("string"));
    let values = schema.get("enum")?.as_array()?;
    // An enum that is left without values is refused where its variants are named.
    if is_text && (values.is_empty() || values.iter().any(Value::is_string)) {
        return None;
    }
    let values = values.iter().map(code).collect::<Vec<_>>().join(", ");
    schema.remove("enum");
    Some(format!("one of {values}"))
}

/// A value as a code span on one line.
fn code(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), |text| text.escape_debug().to_string());
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// Wraps each `$ref` with siblings, which would be lost, into an `allOf`.
pub(super) fn wrap_references(json: &mut Value) -> Result<(), Defect> {
    walk_mut(json, "", Kind::Document, &mut |_, kind, members| {
        if kind == Kind::Schema
            && members.len() > 1
            && let Some(reference) = members.remove("$ref")
        {
            members.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
        }
        Ok(())
    })
}
