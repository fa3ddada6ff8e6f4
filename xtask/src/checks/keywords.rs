//! Keywords: what OpenAPI 3.0 does not know, and what no typed client can express.

use serde_json::{Map, Value};

use crate::document::{Defect, Located, OTHER_NAMES, child, locate_schemas, members};

/// The keywords that may accompany a `$ref`; the others would be ignored.
const BESIDE_REFERENCE: [&str; 9] =
    ["$ref", "summary", "description", "nullable", "deprecated", "readOnly", "writeOnly", "title", "example"];

/// The types of values.
const TYPES: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];

/// Finds the schemas that become no single type.
pub(super) fn find_unsupported_schemas(json: &Value) -> Vec<Defect> {
    let located = locate_schemas(json).into_iter();
    let check = |Located { place, pointer }| check_schema(&place, &pointer, json.pointer(&pointer)?).err();
    located.filter_map(check).collect()
}

/// Finds what the `typed` form of the document has forgotten, at and below `place`.
pub(crate) fn find_unknown(json: &Value, typed: &Value, place: &str) -> Vec<Defect> {
    let is_reference = json.get("$ref").is_some();
    let mut defects = Vec::new();
    for (index, (place, key, member)) in members(json, place).into_iter().enumerate() {
        let typed = if json.is_array() { typed.get(index) } else { typed.get(key) };
        match typed {
            _ if key.starts_with("x-") => {}
            Some(typed) => defects.extend(find_unknown(member, typed, &place)),
            None if is_reference && !BESIDE_REFERENCE.contains(&key) => {
                defects.push(Defect::new(place, "is ignored beside $ref; move it to the target"));
            }
            None if is_reference || is_empty(member) || key == "xml" || json.is_array() => {}
            None => defects.push(Defect::new(
                place,
                "is no keyword of OpenAPI 3.0; correct it, remove it or name it x-…",
            )),
        }
    }
    defects
}

/// Returns true for a value that says as much as its absence.
fn is_empty(value: &Value) -> bool {
    let is_empty_list = value.as_array().is_some_and(Vec::is_empty);
    value.is_null() || *value == false || is_empty_list || value.as_object().is_some_and(Map::is_empty)
}

fn check_schema(place: &str, pointer: &str, schema: &Value) -> Result<(), Defect> {
    let refuse = |key: &str, reason: &str| Err(Defect::new(child(place, key), reason));
    let keys: Vec<&str> = pointer.split('/').skip(1).collect();
    match keys.as_slice() {
        ["components", "schemas", "String"] => {
            return Err(Defect::new(place, "has a name that generated code uses for text; rename it"));
        }
        ["components", "schemas", _] if schema["nullable"] == true => {
            return refuse("nullable", "is set on a component; set it where the component is used");
        }
        ["components", "schemas", _, "properties", _] => {}
        _ if schema.get(OTHER_NAMES).is_some() => {
            return refuse(OTHER_NAMES, "works only on the properties of a component; move it to one");
        }
        _ => {}
    }
    if schema["enum"].as_array().is_some_and(|values| values.contains(&Value::Null)) {
        return refuse("enum", "holds null; remove it, and set \"nullable\": true where the enum is used");
    }
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
        other => {
            let types = TYPES.join(", ");
            refuse(
                "type",
                &format!("is {other}; use one of {types}, and \"nullable\": true beside it for null"),
            )
        }
    }
}
