//! Schemas without the constraints and formats for which a client would refuse a response.

use serde_json::{Map, Value, json};

use super::descriptions;
use crate::document::{DEPRECATED, Located, OTHER_NAMES, SCHEMAS, locate_schemas};

/// The keywords that limit values. They are kept in the docs.
const LIMITING: &str = "minLength maxLength pattern minimum exclusiveMinimum maximum exclusiveMaximum multipleOf \
                        minItems maxItems uniqueItems minProperties maxProperties";

/// The keywords that say nothing about what is sent and read.
const ANNOTATIONS: &str = "title example xml externalDocs default";

/// Removes constraints, unknown formats, defaults and titles, and writes them into the docs.
pub(super) fn loosen(json: &mut Value) {
    // Outer schemas come first: their docs tell the limits of what is within.
    for Located { place, pointer } in locate_schemas(json) {
        let schema = json.pointer_mut(&pointer).and_then(Value::as_object_mut);
        let Some(limits) = schema.and_then(loosen_schema) else { continue };
        // The schema of a parameter has no docs of its own in the client.
        let is_parameter = pointer.contains("/parameters/") && !place.starts_with(SCHEMAS);
        let parameter = pointer.strip_suffix("/schema").filter(|_| is_parameter);
        let documented = json.pointer_mut(parameter.unwrap_or(&pointer)).and_then(Value::as_object_mut);
        documented.into_iter().for_each(|documented| descriptions::append(documented, &limits));
    }
}

/// Removes what would make a client refuse values, and returns it in words.
fn loosen_schema(schema: &mut Map<String, Value>) -> Option<String> {
    let limits = limits(schema);
    if schema.remove("deprecated").is_some_and(|deprecated| deprecated == true) {
        descriptions::append(schema, DEPRECATED);
    }
    if closed_values(schema).is_some() {
        schema.remove("enum");
    }
    if !is_known_format(schema) {
        schema.remove("format");
    }
    // Other members are read anyway.
    let has_properties = schema.contains_key("properties");
    if schema.get("additionalProperties").is_some_and(|any| *any == false || *any == true && has_properties) {
        schema.remove("additionalProperties");
    }
    if let Some(title) = schema.get("title").cloned() {
        schema.entry("description").or_insert(title);
    }
    if schema.get("type").is_some_and(|kind| kind == "array") {
        schema.entry("items").or_insert_with(|| json!({}));
    }
    schema.retain(|key, _| {
        let is_foreign = key.starts_with("x-") && key != OTHER_NAMES;
        !is_foreign && !LIMITING.split(' ').chain(ANNOTATIONS.split(' ')).any(|dropped| dropped == key)
    });
    (!limits.is_empty()).then(|| format!("Limits: {}.", limits.join(", ")))
}

/// The values of an `enum` other than text, which would become a closed set.
fn closed_values(schema: &Map<String, Value>) -> Option<&Vec<Value>> {
    let is_text = matches!(schema.get("type").and_then(Value::as_str), None | Some("string"));
    let values = schema.get("enum")?.as_array()?;
    // An enum that is left without values is refused where its variants are named.
    Some(values).filter(|values| !is_text || !values.is_empty() && !values.iter().any(Value::is_string))
}

/// What the client does not check of a value.
fn limits(schema: &Map<String, Value>) -> Vec<String> {
    let is_dropped = |key: &str, value: &Value| match key {
        "format" => !is_known_format(schema),
        "enum" => closed_values(schema).is_some(),
        "additionalProperties" => *value == false,
        // An exclusive limit of false means the same as none.
        key => *value != false && (key == "default" || LIMITING.split(' ').any(|limiting| limiting == key)),
    };
    let dropped = schema.iter().filter(|(key, value)| is_dropped(key, value));
    let mut limits: Vec<String> = dropped.map(|(key, value)| format!("`{key}` {}", code(value))).collect();
    for (key, title) in [("items", "each item"), ("additionalProperties", "each value")] {
        let inner = schema.get(key).and_then(Value::as_object).map(self::limits).unwrap_or_default();
        if !inner.is_empty() {
            limits.push(format!("{title}: {}", inner.join(", ")));
        }
    }
    limits
}

/// Returns true for the formats that the client knows; some others would bring types of other crates.
fn is_known_format(schema: &Map<String, Value>) -> bool {
    let text = |key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default();
    matches!(
        (text("type"), text("format")),
        ("string", "date-time") | ("integer", "int32" | "int64") | ("number", "float" | "double")
    )
}

/// A value as a code span on one line.
fn code(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), |text| text.escape_debug().to_string());
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// Wraps each `$ref` with siblings, which would be lost, into an `allOf`.
pub(super) fn wrap_references(json: &mut Value) {
    for located in locate_schemas(json) {
        if let Some(schema) = json.pointer_mut(&located.pointer).and_then(Value::as_object_mut)
            && schema.len() > 1
            && let Some(reference) = schema.remove("$ref")
        {
            schema.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
        }
    }
}
