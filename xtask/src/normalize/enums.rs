//! Names for enums that are written inline, and null kept out of their values.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::document::{Defect, SCHEMAS, child};
use crate::names::type_name;

/// The keywords that stay with the place of an enum; the others move with it.
const OF_PLACE: [&str; 6] =
    ["description", "nullable", "readOnly", "writeOnly", "deprecated", "x-other-names"];

/// Moves every inline enum of text to the component schemas.
pub(super) fn name(json: &mut Value) -> Result<(), Defect> {
    let mut schemas = json["components"]["schemas"].take();
    let mut named = Named::default();
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        let place = child(SCHEMAS, name);
        match schema.as_object_mut().filter(|schema| is_enum(schema)) {
            Some(schema) => named.keep(name, schema),
            None => {
                named.search(schema, &place, &type_name(name))?;
                named.keep_null(name, schema);
            }
        }
    }
    // The components are known by now: an inline enum may have the name of one of the same values.
    let mut paths = json["paths"].take();
    for (path, item) in paths.as_object_mut().into_iter().flatten() {
        named.search_path_item(item, &child(".paths", path))?;
    }
    json["paths"] = paths;
    for section in ["parameters", "responses", "requestBodies"] {
        let mut components = json["components"][section].take();
        for (name, component) in components.as_object_mut().into_iter().flatten() {
            let place = child(&child(".components", section), name);
            named.search_content(component, &place, &type_name(name), &type_name(name))?;
        }
        if !components.is_null() {
            json["components"][section] = components;
        }
    }
    named.insert_into(&mut schemas)?;
    if !schemas.is_null() {
        json["components"]["schemas"] = schemas;
    }
    Ok(())
}

fn is_enum(schema: &Map<String, Value>) -> bool {
    schema.get("enum").is_some_and(Value::is_array)
}

#[derive(Default)]
struct Named {
    /// The enums by name: values, place, and whether they are inline.
    enums: BTreeMap<String, (Value, String, Option<Value>)>,
    /// The components whose values include null.
    nullable: Vec<String>,
}

impl Named {
    /// Takes note of a component that is an enum; null is moved from its values to its uses.
    fn keep(&mut self, name: &str, schema: &mut Map<String, Value>) {
        let had_null = remove_null(schema);
        if schema.remove("nullable") == Some(true.into()) || had_null {
            self.nullable.push(name.to_owned());
        }
        self.enums.insert(type_name(name), (schema["enum"].clone(), child(SCHEMAS, name), None));
    }

    /// Takes note of a component that may be null, which is moved to its uses.
    fn keep_null(&mut self, name: &str, schema: &mut Value) {
        let nullable = schema.as_object_mut().and_then(|schema| schema.remove("nullable"));
        if nullable == Some(true.into()) {
            self.nullable.push(name.to_owned());
        }
    }

    /// Looks for enums below a schema, whose type is or would be `name`.
    fn search(&mut self, schema: &mut Value, place: &str, name: &str) -> Result<(), Defect> {
        let Some(members) = schema.as_object_mut() else { return Ok(()) };
        if is_enum(members) {
            return self.move_out(members, place, name);
        }
        for (property, schema) in
            members.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            let place = child(&child(place, "properties"), property);
            self.search(schema, &place, &format!("{name}{}", type_name(property)))?;
        }
        for (key, suffix) in [("items", "Item"), ("additionalProperties", "Value")] {
            if let Some(inner) = members.get_mut(key) {
                self.search(inner, &child(place, key), &format!("{name}{suffix}"))?;
            }
        }
        for (index, part) in
            members.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten().enumerate()
        {
            self.search(part, &format!("{}[{index}]", child(place, "allOf")), name)?;
        }
        Ok(())
    }

    fn search_path_item(&mut self, item: &mut Value, place: &str) -> Result<(), Defect> {
        let Some(members) = item.as_object_mut() else { return Ok(()) };
        for (key, member) in members {
            let place = child(place, key);
            if key == "parameters" {
                self.search_parameters(member, &place, "")?;
                continue;
            }
            let Some(id) = member.get("operationId").and_then(Value::as_str).map(type_name) else { continue };
            self.search_parameters(&mut member["parameters"], &child(&place, "parameters"), &id)?;
            let body = format!("{id}Body");
            self.search_content(&mut member["requestBody"], &child(&place, "requestBody"), &body, &body)?;
            for (code, response) in member["responses"].as_object_mut().into_iter().flatten() {
                let place = child(&child(&place, "responses"), code);
                let response_name = format!("{id}Response");
                self.search_content(response, &place, &response_name, &response_name)?;
            }
            member.as_object_mut().into_iter().for_each(|member| member.retain(|_, part| !part.is_null()));
        }
        Ok(())
    }

    fn search_parameters(&mut self, parameters: &mut Value, place: &str, owner: &str) -> Result<(), Defect> {
        for (index, parameter) in parameters.as_array_mut().into_iter().flatten().enumerate() {
            let name = type_name(parameter["name"].as_str().unwrap_or_default());
            self.search_content(parameter, &format!("{place}[{index}]"), &format!("{owner}{name}"), &name)?;
        }
        Ok(())
    }

    /// Looks into the schema, and the content, of a parameter, a body or a response.
    ///
    /// A parameter's enum takes the `short` name if a component of that name has the same values.
    fn search_content(
        &mut self,
        part: &mut Value,
        place: &str,
        name: &str,
        short: &str,
    ) -> Result<(), Defect> {
        let Some(part) = part.as_object_mut() else { return Ok(()) };
        if let Some(schema) = part.get_mut("schema") {
            let is_known = self.enums.get(short).is_some_and(|(values, ..)| *values == schema["enum"]);
            self.search(schema, &child(place, "schema"), if is_known { short } else { name })?;
        }
        for (media_type, content) in
            part.get_mut("content").and_then(Value::as_object_mut).into_iter().flatten()
        {
            let place = child(&child(place, "content"), media_type);
            if let Some(schema) = content.get_mut("schema") {
                self.search(schema, &child(&place, "schema"), name)?;
            }
        }
        Ok(())
    }

    /// Replaces the enum at `place` by a reference to a component `name`.
    fn move_out(&mut self, schema: &mut Map<String, Value>, place: &str, name: &str) -> Result<(), Defect> {
        if remove_null(schema) {
            schema.insert("nullable".to_owned(), true.into());
        }
        let mut moved = schema.clone();
        moved.retain(|key, _| !OF_PLACE.contains(&key.as_str()));
        moved.insert("type".to_owned(), "string".into());
        if let Some(description) = schema.get("description") {
            moved.insert("description".to_owned(), description.clone());
        }
        schema.retain(|key, _| OF_PLACE.contains(&key.as_str()));
        schema.insert("$ref".to_owned(), format!("#/components/schemas/{name}").into());
        match self.enums.get(name) {
            Some((values, ..)) if *values == moved["enum"] => Ok(()),
            Some((_, other, _)) => Err(taken(place, name, other)),
            None => {
                self.enums
                    .insert(name.to_owned(), (moved["enum"].clone(), place.to_owned(), Some(moved.into())));
                Ok(())
            }
        }
    }

    /// Adds the named enums to the components, and null to the uses of those that had it.
    fn insert_into(self, schemas: &mut Value) -> Result<(), Defect> {
        let uses: Vec<String> =
            self.nullable.iter().map(|name| format!("#/components/schemas/{name}")).collect();
        admit_null(schemas, &uses);
        let taken_names: BTreeMap<String, String> = schemas
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| (type_name(name), name.clone()))
            .collect();
        for (name, (_, place, moved)) in self.enums {
            let Some(moved) = moved else { continue };
            if let Some(other) = taken_names.get(&name) {
                return Err(taken(&place, &name, &child(SCHEMAS, other)));
            }
            schemas[name.as_str()] = moved;
        }
        Ok(())
    }
}

fn taken(place: &str, name: &str, other: &str) -> Defect {
    let reason = format!("would be named {name}, as is {other}; move it to {SCHEMAS} under another name");
    Defect::new(child(place, "enum"), reason)
}

/// Removes null from the values of an enum, and returns true if it was there.
fn remove_null(schema: &mut Map<String, Value>) -> bool {
    let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) else { return false };
    let count = values.len();
    values.retain(|value| !value.is_null());
    values.len() < count
}

/// Makes every schema below `part` that refers to one of the `targets` nullable.
fn admit_null(part: &mut Value, targets: &[String]) {
    match part {
        Value::Object(members) => {
            members.values_mut().for_each(|member| admit_null(member, targets));
            let is_use =
                members.get("$ref").and_then(Value::as_str).is_some_and(|to| targets.iter().any(|t| t == to));
            if is_use {
                members.insert("nullable".to_owned(), true.into());
            }
            let wraps = members.get("allOf").and_then(Value::as_array).is_some_and(|parts| {
                matches!(parts.as_slice(), [part] if part["nullable"] == true && part.get("$ref").is_some())
            });
            if wraps {
                members["allOf"][0] = json!({ "$ref": members["allOf"][0]["$ref"] });
                members.insert("nullable".to_owned(), true.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| admit_null(item, targets)),
        _ => {}
    }
}
