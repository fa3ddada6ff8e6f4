//! Keywords: what OpenAPI 3.0 does not know, and what no typed client can express.

use serde_json::{Map, Value};
use similar::TextDiff;

use crate::document::{Defect, child};
use crate::grammar::{Kind, walk};

/// The keywords that may accompany a `$ref`; the others would be ignored.
const BESIDE_REFERENCE: [&str; 9] =
    ["$ref", "summary", "description", "nullable", "deprecated", "readOnly", "writeOnly", "title", "example"];

/// How alike an unknown keyword and a known one must be to be suggested.
const SIMILARITY: f32 = 0.6;

/// Refuses unknown keywords, and schemas that become no single type.
pub(crate) fn check(json: &Value) -> Result<(), Defect> {
    walk(json, "", Kind::Document, &mut |place, kind, members| {
        check_names(place, kind, members)?;
        if kind == Kind::Schema { check_schema(place, members) } else { Ok(()) }
    })
}

fn check_names(place: &str, kind: Kind, members: &Map<String, Value>) -> Result<(), Defect> {
    let is_reference = members.contains_key("$ref");
    for key in members.keys().filter(|key| !key.starts_with("x-")) {
        if is_reference && !BESIDE_REFERENCE.contains(&key.as_str()) {
            return Err(Defect::new(child(place, key), "is ignored beside $ref; move it to the target"));
        }
        if !is_reference && !kind.keywords().any(|keyword| keyword == key) {
            let reason = match nearest(key, kind) {
                Some(keyword) => format!("is no keyword of OpenAPI 3.0; is {keyword:?} meant?"),
                None => "is no keyword of OpenAPI 3.0; remove it or name it x-…".to_owned(),
            };
            return Err(Defect::new(child(place, key), reason));
        }
    }
    Ok(())
}

fn nearest(key: &str, kind: Kind) -> Option<&'static str> {
    let ratio = |keyword: &str| {
        TextDiff::from_chars(key.to_ascii_lowercase().as_str(), keyword.to_ascii_lowercase().as_str()).ratio()
    };
    let best = kind.keywords().map(|keyword| (ratio(keyword), keyword)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(ratio, _)| *ratio >= SIMILARITY).map(|(_, keyword)| keyword)
}

fn check_schema(place: &str, schema: &Map<String, Value>) -> Result<(), Defect> {
    let refuse = |key: &str, reason: &str| Err(Defect::new(child(place, key), reason));
    for key in ["oneOf", "anyOf", "not", "discriminator"] {
        if schema.contains_key(key) {
            return refuse(
                key,
                "gives no type that reads every response; \
                 describe one object with all members optional, or {} for any JSON",
            );
        }
    }
    match schema.get("type") {
        None => Ok(()),
        Some(Value::String(name)) => match name.as_str() {
            "string" | "number" | "integer" | "boolean" | "array" | "object" => Ok(()),
            _ => {
                refuse("type", &format!("is {name:?}; use string, number, integer, boolean, array or object"))
            }
        },
        Some(Value::Array(_)) => {
            refuse("type", "is a list, as in OpenAPI 3.1; use a single type and \"nullable\": true")
        }
        Some(_) => refuse("type", "must be a string"),
    }
}
