//! Names for the enums and objects that are written inline: each becomes a component.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::{Defect, Located, OTHER_NAMES, SCHEMA_REFERENCE, SCHEMAS, child, locate_schemas};
use crate::names::type_name;
use crate::places::Places;

/// The keywords that stay with the place of a part; the others move with it.
const OF_PLACE: [&str; 5] = ["description", "nullable", "readOnly", "writeOnly", OTHER_NAMES];

/// Moves every inline enum and object to the component schemas.
pub(super) fn name(json: &mut Value) -> Result<Places, Defect> {
    let mut places = Places::default();
    // The values of enums, and the other parts as a whole: an equal part of the same name is the same type.
    let mut shapes = BTreeMap::new();
    for (name, schema) in json["components"]["schemas"].as_object().into_iter().flatten() {
        places.add(&type_name(name), &child(SCHEMAS, name));
        shapes.insert(type_name(name), schema["enum"].clone());
    }
    // Inner parts come first, so that outer ones move with references to them.
    for Located { place, pointer } in locate_schemas(json).into_iter().rev() {
        let Some(name) = name_of_part(json, &pointer) else { continue };
        let Some(part) = json.pointer_mut(&pointer).and_then(Value::as_object_mut) else { continue };
        if !part.contains_key("enum") && !part.contains_key("properties") {
            continue;
        }
        let moved = move_out(part, &name);
        let shape = moved.get("enum").unwrap_or(&moved).clone();
        if shapes.get(&name) == Some(&shape) {
            continue;
        }
        if let Some(other) = places.add(&name, &place) {
            let reason =
                format!("would be named {name}, as is {other}; move it to {SCHEMAS} under another name");
            return Err(Defect::new(place, reason));
        }
        shapes.insert(name.clone(), shape);
        json["components"]["schemas"][name] = moved;
    }
    Ok(places)
}

/// Replaces a schema by a reference to a component `name`, and returns that.
fn move_out(part: &mut Map<String, Value>, name: &str) -> Value {
    let mut moved = part.clone();
    moved.retain(|key, _| key == "description" || !OF_PLACE.contains(&key.as_str()));
    if moved.contains_key("enum") {
        moved.insert("type".to_owned(), "string".into());
    }
    part.retain(|key, _| OF_PLACE.contains(&key.as_str()));
    part.insert("$ref".to_owned(), format!("{SCHEMA_REFERENCE}{name}").into());
    moved.into()
}

/// Names the schema at `pointer` after what it is a part of; none if it is a component itself.
fn name_of_part(json: &Value, pointer: &str) -> Option<String> {
    let keys: Vec<String> =
        pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (owner, part) = match keys.as_slice() {
        ["components", "schemas", _] => return None,
        ["components", "schemas", owner, part @ ..] => (*owner, part),
        ["paths", path, method, part @ ..] => (json["paths"][*path][*method]["operationId"].as_str()?, part),
        _ => return None,
    };
    let mut name = type_name(owner);
    let mut keys = part.iter();
    while let Some(key) = keys.next() {
        name += &match *key {
            "properties" => type_name(keys.next()?),
            "parameters" => type_name(json.pointer(pointer.split_once("/schema")?.0)?["name"].as_str()?),
            "requestBody" => "Body".to_owned(),
            "responses" => "Response".to_owned(),
            "items" => "Item".to_owned(),
            "additionalProperties" => "Value".to_owned(),
            _ => String::new(),
        };
    }
    Some(name)
}
