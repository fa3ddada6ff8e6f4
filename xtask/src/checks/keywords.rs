//! Keywords: what OpenAPI 3.0 does not know, and what no typed client can express.

use serde_json::Value;
use similar::TextDiff;

use crate::document::{Defect, Located, child, locate_schemas};

/// The keywords that may accompany a `$ref`; the others would be ignored.
const BESIDE_REFERENCE: [&str; 9] =
    ["$ref", "summary", "description", "nullable", "deprecated", "readOnly", "writeOnly", "title", "example"];

/// The keywords of which one is suggested for an unknown one.
const KEYWORDS: &str = "additionalProperties allOf content default deprecated description enum example format \
                        headers in items maximum maxItems maxLength minimum minItems minLength name nullable \
                        operationId parameters pattern properties readOnly requestBody required responses schema \
                        summary title type uniqueItems writeOnly";

/// The types of values.
const TYPES: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];

/// How alike an unknown keyword and a known one must be to be suggested.
const SIMILARITY: f32 = 0.6;

/// Refuses schemas that become no single type.
pub(crate) fn check_schemas(json: &Value) -> Result<(), Defect> {
    let mut located = locate_schemas(json).into_iter();
    located.try_for_each(|Located { place, pointer }| {
        json.pointer(&pointer).map_or(Ok(()), |schema| check_schema(&place, schema))
    })
}

/// Refuses what the `typed` form of the document has forgotten, at and below `place`.
pub(crate) fn check_names(json: &Value, typed: &Value, place: &str) -> Result<(), Defect> {
    match (json, typed) {
        (Value::Object(members), _) => {
            let is_reference = members.contains_key("$ref");
            for (key, member) in members.iter().filter(|(key, _)| !key.starts_with("x-")) {
                let place = child(place, key);
                match typed.get(key) {
                    Some(typed) => check_names(member, typed, &place)?,
                    None if is_reference && !BESIDE_REFERENCE.contains(&key.as_str()) => {
                        return Err(Defect::new(place, "is ignored beside $ref; move it to the target"));
                    }
                    None if is_reference || is_empty(member) || key == "xml" => {}
                    None => return Err(Defect::new(place, unknown(key))),
                }
            }
            Ok(())
        }
        (Value::Array(items), Value::Array(typed)) => {
            let mut items = items.iter().zip(typed).enumerate();
            items
                .try_for_each(|(index, (item, typed))| check_names(item, typed, &format!("{place}[{index}]")))
        }
        _ => Ok(()),
    }
}

/// Returns true for a value that says as much as its absence.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn unknown(key: &str) -> String {
    let ratio = |keyword: &str| {
        TextDiff::from_chars(key.to_ascii_lowercase().as_str(), keyword.to_ascii_lowercase().as_str()).ratio()
    };
    let nearest =
        KEYWORDS.split(' ').map(|keyword| (ratio(keyword), keyword)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest.filter(|(ratio, _)| *ratio >= SIMILARITY) {
        Some((_, keyword)) => format!("is no keyword of OpenAPI 3.0; is {keyword:?} meant?"),
        None => "is no keyword of OpenAPI 3.0; remove it or name it x-…".to_owned(),
    }
}

fn check_schema(place: &str, schema: &Value) -> Result<(), Defect> {
    let refuse = |key: &str, reason: &str| Err(Defect::new(child(place, key), reason));
    let untyped =
        ["oneOf", "anyOf", "not", "discriminator"].into_iter().find(|key| schema.get(key).is_some());
    if let Some(key) = untyped {
        return refuse(
            key,
            "gives no type that reads every response; \
             describe one object with all members optional, or {} for any JSON",
        );
    }
    let others = ["enum", "items", "properties", "required", "additionalProperties"];
    match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([part]) if part.get("$ref").is_some() && others.iter().all(|key| schema.get(key).is_none()) => {}
        Some(_) => return refuse("allOf", "combines schemas; describe one object with the members of all"),
        None => {}
    }
    match &schema["type"] {
        Value::Null => Ok(()),
        Value::String(name) if TYPES.contains(&name.as_str()) => Ok(()),
        Value::Array(_) => {
            refuse("type", "is a list, as in OpenAPI 3.1; use a single type and \"nullable\": true")
        }
        other => refuse("type", &format!("is {other}; use one of {}", TYPES.join(", "))),
    }
}
