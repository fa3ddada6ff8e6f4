//! Operations: ids, paths, parameters, bodies and responses that give no correct method.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::document::{Defect, Operation, child, follow, operations};
use crate::names::value_name;

/// Returns true for the operations whose calls would have the name of another type.
fn is_reserved(method: &str) -> bool {
    matches!(method, "client" | "failure" | "option" | "reply" | "sending")
}

/// The variables of the generated methods, which no argument may be named after.
const RESERVED_ARGUMENTS: [&str; 3] = ["header_map", "body", "client"];

/// Finds operations that the generator would turn into a wrong method, or into none.
pub(crate) fn find_unsupported(json: &Value) -> Vec<Defect> {
    let paths = json["paths"].as_object().into_iter().flatten();
    let mut defects: Vec<Defect> = paths.filter_map(|(path, item)| check_path(path, item).err()).collect();
    defects.extend(check_servers("", json).err());
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for operation in operations(json) {
        defects.extend(check_id(&operation, &mut places).err());
        defects.extend(check_method(&operation).err());
        defects.extend(check_parameters(json, &operation).err());
        defects.extend(check_request_body(json, &operation).err());
        defects.extend(check_responses(json, &operation).err());
    }
    defects
}

fn check_path(path: &str, item: &Value) -> Result<(), Defect> {
    let refuse = |reason: &str| Err(Defect::new(child(".paths", path), reason));
    if item.get("$ref").is_some() {
        return refuse("is a reference; write the operations here");
    }
    if !path.starts_with('/') || path.contains("//") || path.contains('?') {
        return refuse(
            "must begin with a slash, and hold no empty segment and no query; declare query parameters",
        );
    }
    check_servers(&child(".paths", path), item)
}

/// Refuses a server with a path, which the client would not send.
fn check_servers(place: &str, owner: &Value) -> Result<(), Defect> {
    for (index, server) in owner["servers"].as_array().into_iter().flatten().enumerate() {
        let url = server["url"].as_str().unwrap_or_default();
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        if rest.trim_end_matches('/').contains('/') {
            let place = format!("{}[{index}].url", child(place, "servers"));
            return Err(Defect::new(place, "has a path, which no request would carry; move it into .paths"));
        }
    }
    Ok(())
}

fn check_id(operation: &Operation<'_>, places: &mut BTreeMap<String, String>) -> Result<(), Defect> {
    let refuse = |reason: String| Err(Defect::new(child(&operation.place, "operationId"), reason));
    let id = match operation.json["operationId"].as_str() {
        Some(id) if id.contains(|c: char| c.is_alphanumeric()) => id,
        _ => return Err(Defect::new(&operation.place, "has no operationId, which names its method")),
    };
    let name = value_name(id);
    if is_reserved(&name) {
        return refuse(format!("{id:?} gives a call the name of another type; choose another"));
    }
    match places.insert(name, operation.place.clone()) {
        Some(other) => refuse(format!("{id:?} is in use at {other}; choose another")),
        None => Ok(()),
    }
}

fn check_method(operation: &Operation<'_>) -> Result<(), Defect> {
    match operation.method {
        "head" | "options" | "trace" => {
            Err(Defect::new(&operation.place, "is a method that the client does not send; remove it"))
        }
        _ => check_servers(&operation.place, operation.json),
    }
}

fn check_parameters(json: &Value, operation: &Operation<'_>) -> Result<(), Defect> {
    let mut declared: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    let mut arguments: BTreeMap<String, &str> = BTreeMap::new();
    for (place, parameter) in operation.parameters() {
        let refuse = |reason: String| Err(Defect::new(&place, reason));
        let parameter = follow(json, parameter);
        let (Some(name), Some(location)) = (parameter["name"].as_str(), parameter["in"].as_str()) else {
            return refuse("needs a name and a location (\"name\" and \"in\")".to_owned());
        };
        if is_left_to_client(name, location) {
            continue;
        }
        if let Some(reason) = why_not_sent(json, parameter) {
            return refuse(reason.to_owned());
        }
        let is_shared = !place.starts_with(&operation.place);
        match declared.insert(name, (location, is_shared)) {
            Some((other, true)) if other == location && !is_shared => continue,
            Some(_) => return refuse(format!("{name:?} is declared twice; rename one")),
            None => {}
        }
        let argument = value_name(name);
        if RESERVED_ARGUMENTS.contains(&argument.as_str()) {
            return refuse(format!("{name:?} gives an argument that the client uses itself; leave it out"));
        }
        if let Some(other) = arguments.insert(argument, name) {
            return refuse(format!("{name:?} gives the same argument as {other:?}; keep one"));
        }
    }
    let in_path = declared.iter().filter(|(_, (location, _))| *location == "path").map(|(name, _)| *name);
    check_template(operation, &in_path.collect())
}

/// Returns true for the parameters that the client sends itself.
pub(crate) fn is_left_to_client(name: &str, location: &str) -> bool {
    let headers = ["accept", "authorization", "content-type"];
    let is_own_header = location == "header" && headers.contains(&name.to_ascii_lowercase().as_str());
    is_own_header || name.eq_ignore_ascii_case("api-version")
}

fn check_template(operation: &Operation<'_>, declared: &BTreeSet<&str>) -> Result<(), Defect> {
    let parts = operation.path.split('{').skip(1);
    let named: Vec<&str> = parts.map(|part| part.split_once('}').map_or("", |(name, _)| name)).collect();
    let in_template: BTreeSet<&str> = named.iter().copied().filter(|name| !name.is_empty()).collect();
    if in_template.len() < named.len() {
        let place = child(".paths", operation.path);
        return Err(Defect::new(place, "must close each brace, and name each parameter once"));
    }
    let refuse = |reason: String| Err(Defect::new(&operation.place, reason));
    if let Some(name) = in_template.difference(declared).next() {
        return refuse(format!("the path names {name:?}, but no path parameter declares it; add one"));
    }
    if let Some(name) = declared.difference(&in_template).next() {
        return refuse(format!("declares the path parameter {name:?}, which the path lacks; remove it"));
    }
    Ok(())
}

/// Returns what the client cannot send of a parameter, and the remedy.
fn why_not_sent(json: &Value, parameter: &Value) -> Option<&'static str> {
    let (name, style) = (parameter["name"].as_str().unwrap_or_default(), parameter["style"].as_str());
    let usual = match parameter["in"].as_str() {
        Some("path" | "header") => "simple",
        Some("query") => "form",
        _ => return Some("is in a place that is not supported; use path, query or header"),
    };
    let is_header_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
    if style.is_some_and(|style| style != usual) {
        Some("has a style that is not supported; remove it")
    } else if parameter["in"] == "header" && !is_header_name {
        Some("is no name of a header; correct it")
    } else if !is_scalar(json, &parameter["schema"]) {
        Some("needs the schema of a string, a number or a boolean")
    } else {
        None
    }
}

fn is_scalar(json: &Value, schema: &Value) -> bool {
    let schema = follow(json, schema);
    match schema["type"].as_str() {
        Some(name) => ["string", "number", "integer", "boolean"].contains(&name),
        None => {
            let part = &schema["allOf"][0];
            schema["enum"].is_array() || !part.is_null() && is_scalar(json, part)
        }
    }
}

fn check_request_body(json: &Value, operation: &Operation<'_>) -> Result<(), Defect> {
    let body = follow(json, &operation.json["requestBody"]);
    let place = child(&operation.place, "requestBody");
    let refuse = |reason: &str| Err(Defect::new(&place, reason));
    if body.is_null() {
        return Ok(());
    }
    if operation.method == "get" {
        return refuse("a request of this method has no body; remove it");
    }
    check_content(&child(&place, "content"), &body["content"])?;
    if body["content"].as_object().is_none_or(serde_json::Map::is_empty) {
        return refuse("must name a media type, such as application/json");
    }
    if body["required"] != true {
        return refuse(
            "is optional, which the generator cannot express; \
             set \"required\": true to send a body always, or remove it to send none",
        );
    }
    Ok(())
}

/// Refuses content other than one of JSON.
fn check_content(place: &str, content: &Value) -> Result<(), Defect> {
    let media_types: Vec<&String> = content.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    match media_types.as_slice() {
        [first, second, ..] => Err(Defect::new(place, format!("names both {first} and {second}; keep one"))),
        [media_type] if media_type.split(';').next() != Some("application/json") => Err(Defect::new(
            child(place, media_type),
            "is not application/json, which alone the client sends and reads; leave the operation out",
        )),
        _ => Ok(()),
    }
}

/// Returns true for the status codes of a success.
pub(crate) fn is_success(code: &str) -> bool {
    code.starts_with('2')
}

fn check_responses(json: &Value, operation: &Operation<'_>) -> Result<(), Defect> {
    let place = child(&operation.place, "responses");
    let mut first: Option<(&str, Option<&Value>)> = None;
    for (code, response) in operation.json["responses"].as_object().into_iter().flatten() {
        let place = child(&place, code);
        if !is_success(code) {
            continue;
        }
        let content = &follow(json, response)["content"];
        check_content(&child(&place, "content"), content)?;
        let body =
            content.as_object().and_then(|content| content.values().next()).map(|body| &body["schema"]);
        match first {
            Some((other, shape)) if shape != body => {
                let reason = format!(
                    "has another body than {other}, which the generator cannot express; \
                     give all codes of success one schema, or none of them a body"
                );
                return Err(Defect::new(place, reason));
            }
            _ => first = Some((code, body)),
        }
    }
    match first {
        Some(_) => Ok(()),
        None => Err(Defect::new(place, "names no code of a success, such as 200; add it")),
    }
}
