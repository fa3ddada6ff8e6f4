//! Names for the enums and objects that are written inline: each becomes a component.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::{Defect, OTHER_NAMES, SCHEMA_REFERENCE, SCHEMAS, child};
use crate::names::type_name;
use crate::places::Places;

/// The keywords that stay with the place of a part; the others move with it.
const OF_PLACE: [&str; 6] = ["description", "nullable", "readOnly", "writeOnly", "deprecated", OTHER_NAMES];

/// Moves every inline enum and object to the component schemas.
pub(super) fn name(json: &mut Value) -> Result<Places, Defect> {
    let mut schemas = json["components"]["schemas"].as_object().cloned().unwrap_or_default();
    let mut parts = Parts::default();
    for (name, schema) in &schemas {
        parts.places.add(&type_name(name), &child(SCHEMAS, name));
        parts.shapes.insert(type_name(name), schema["enum"].clone());
    }
    for (name, schema) in &mut schemas {
        parts.search_within(schema, &child(SCHEMAS, name), &type_name(name))?;
    }
    for (path, item) in json["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            parts.search_operation(operation, &child(&child(".paths", path), method))?;
        }
    }
    schemas.extend(parts.moved);
    json["components"]["schemas"] = schemas.into();
    Ok(parts.places)
}

#[derive(Default)]
struct Parts {
    /// The places of the names in use.
    places: Places,
    /// The values of enums, and the other parts as a whole: an equal part of the same name is the same type.
    shapes: BTreeMap<String, Value>,
    moved: Map<String, Value>,
}

impl Parts {
    fn search_operation(&mut self, operation: &mut Value, place: &str) -> Result<(), Defect> {
        let id = type_name(operation["operationId"].as_str().unwrap_or_default());
        for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
            let name = type_name(parameter["name"].as_str().unwrap_or_default());
            self.search(&mut parameter["schema"], &child(place, "parameters"), &format!("{id}{name}"))?;
        }
        if let Some(body) = operation.get_mut("requestBody") {
            self.search_content(body, &child(place, "requestBody"), &format!("{id}Body"))?;
        }
        for (code, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            let place = child(&child(place, "responses"), code);
            self.search_content(response, &place, &format!("{id}Response"))?;
        }
        Ok(())
    }

    fn search_content(&mut self, body: &mut Value, place: &str, name: &str) -> Result<(), Defect> {
        for content in body["content"].as_object_mut().into_iter().flat_map(Map::values_mut) {
            if let Some(schema) = content.get_mut("schema") {
                self.search(schema, place, name)?;
            }
        }
        Ok(())
    }

    /// Moves what is within a schema, and then the schema itself if it is an enum or an object.
    fn search(&mut self, schema: &mut Value, place: &str, name: &str) -> Result<(), Defect> {
        self.search_within(schema, place, name)?;
        match schema.as_object_mut() {
            Some(members) if members.contains_key("enum") || members.contains_key("properties") => {
                self.move_out(members, place, name)
            }
            _ => Ok(()),
        }
    }

    fn search_within(&mut self, schema: &mut Value, place: &str, name: &str) -> Result<(), Defect> {
        let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (property, schema) in properties.into_iter().flatten() {
            let place = child(&child(place, "properties"), property);
            self.search(schema, &place, &format!("{name}{}", type_name(property)))?;
        }
        for (key, suffix) in [("items", "Item"), ("additionalProperties", "Value")] {
            if let Some(inner) = schema.get_mut(key) {
                self.search(inner, &child(place, key), &format!("{name}{suffix}"))?;
            }
        }
        Ok(())
    }

    /// Replaces the schema at `place` by a reference to a component `name`.
    fn move_out(&mut self, schema: &mut Map<String, Value>, place: &str, name: &str) -> Result<(), Defect> {
        let mut moved = schema.clone();
        moved.retain(|key, _| key == "description" || !OF_PLACE.contains(&key.as_str()));
        if moved.contains_key("enum") {
            moved.insert("type".to_owned(), "string".into());
        }
        let moved = Value::Object(moved);
        schema.retain(|key, _| OF_PLACE.contains(&key.as_str()));
        schema.insert("$ref".to_owned(), format!("{SCHEMA_REFERENCE}{name}").into());
        let shape = moved.get("enum").unwrap_or(&moved).clone();
        if self.shapes.get(name) == Some(&shape) {
            return Ok(());
        }
        if let Some(other) = self.places.add(name, place) {
            let reason =
                format!("would be named {name}, as is {other}; move it to {SCHEMAS} under another name");
            return Err(Defect::new(place, reason));
        }
        self.shapes.insert(name.to_owned(), shape);
        self.moved.insert(name.to_owned(), moved);
        Ok(())
    }
}
