//! Operations: ids, paths, parameters, bodies and responses that give no correct method.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::document::{Defect, Operation, child, descendant, follow, operations};
use crate::names;

/// The methods and variables of the generated client, which no operation or argument may be named after.
const RESERVED_METHODS: [&str; 11] = [
    "new",
    "new_with_client",
    "api_version",
    "baseurl",
    "client",
    "inner",
    "pre",
    "exec",
    "post",
    "clone",
    "fmt",
];
const RESERVED_ARGUMENTS: [&str; 2] = ["header_map", "body"];

/// Refuses operations that the generator would turn into a wrong method, or into none.
pub(crate) fn check(json: &Value) -> Result<(), Defect> {
    for (path, item) in json["paths"].as_object().into_iter().flatten() {
        check_path(path, item)?;
    }
    check_servers("", json)?;
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for operation in operations(json) {
        check_id(&operation, &mut places)?;
        check_method(&operation)?;
        check_parameters(json, &operation)?;
        check_request_body(json, &operation)?;
        check_responses(json, &operation)?;
    }
    Ok(())
}

fn check_path(path: &str, item: &Value) -> Result<(), Defect> {
    let refuse = |reason: &str| Err(Defect::new(child(".paths", path), reason));
    if item.get("$ref").is_some() {
        return refuse("is a reference; write the operations here");
    }
    if !path.starts_with('/') {
        return refuse("must begin with a slash");
    }
    if path.contains("//") || path.contains(['?', '#']) {
        return refuse("must hold neither an empty segment nor a query; declare query parameters");
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
    let place = child(&operation.place, "operationId");
    let id = match operation.json["operationId"].as_str() {
        Some(id) if id.contains(|c: char| c.is_alphanumeric()) => id,
        _ => return Err(Defect::new(&operation.place, "has no operationId, which names its method")),
    };
    let name = names::value_name(id);
    if RESERVED_METHODS.contains(&name.as_str()) {
        return Err(Defect::new(
            place,
            format!("{id:?} names a method that every client has; choose another"),
        ));
    }
    match places.insert(name, operation.place.clone()) {
        Some(other) => Err(Defect::new(place, format!("{id:?} is in use at {other}"))),
        None => Ok(()),
    }
}

fn check_method(operation: &Operation<'_>) -> Result<(), Defect> {
    match operation.method {
        "trace" | "options" => {
            Err(Defect::new(&operation.place, "the HTTP client has no such method; remove it"))
        }
        _ => check_servers(&operation.place, operation.json),
    }
}

fn check_parameters(json: &Value, operation: &Operation<'_>) -> Result<(), Defect> {
    let mut declared: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    let mut arguments: BTreeMap<String, &str> = BTreeMap::new();
    for (place, parameter) in operation.parameters() {
        let parameter = follow(json, parameter);
        let (Some(name), Some(location)) = (parameter["name"].as_str(), parameter["in"].as_str()) else {
            return Err(Defect::new(place, "needs a name and a location (\"name\" and \"in\")"));
        };
        if is_left_to_client(name, location) {
            continue;
        }
        check_parameter(json, &place, parameter, location)?;
        let is_shared = !place.starts_with(&operation.place);
        match declared.insert(name, (location, is_shared)) {
            Some((other, true)) if other == location && !is_shared => continue,
            Some(_) => return Err(Defect::new(place, format!("{name:?} is declared twice; rename one"))),
            None => {}
        }
        let argument = names::value_name(name);
        if RESERVED_ARGUMENTS.contains(&argument.as_str()) {
            return Err(Defect::new(
                place,
                format!("{name:?} gives an argument that the client uses itself"),
            ));
        }
        if let Some(other) = arguments.insert(argument, name) {
            return Err(Defect::new(place, format!("{name:?} gives the same argument as {other:?}")));
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
    let place = child(".paths", operation.path);
    let mut in_template = BTreeSet::new();
    for part in operation.path.split('{').skip(1) {
        let Some((name, _)) = part.split_once('}') else {
            return Err(Defect::new(place, "has an opening brace without a closing one"));
        };
        if !in_template.insert(name) {
            return Err(Defect::new(place, format!("names {name:?} twice")));
        }
    }
    if let Some(name) = in_template.difference(declared).next() {
        let reason = format!("the path names {name:?}, but no path parameter declares it; add one");
        return Err(Defect::new(&operation.place, reason));
    }
    match declared.difference(&in_template).next() {
        Some(name) => {
            let reason = format!("declares the path parameter {name:?}, which the path lacks; remove it");
            Err(Defect::new(&operation.place, reason))
        }
        None => Ok(()),
    }
}

fn check_parameter(json: &Value, place: &str, parameter: &Value, location: &str) -> Result<(), Defect> {
    let refuse = |reason: &str| Err(Defect::new(place, reason));
    let schema = &parameter["schema"];
    if parameter.get("content").is_some() || schema.is_null() {
        return refuse("needs a schema; parameters with content are not supported");
    }
    let style = parameter["style"].as_str();
    let name = parameter["name"].as_str().unwrap_or_default();
    let shape = shape(json, schema);
    match location {
        "path" | "header" => {
            if style.is_some_and(|style| style != "simple") {
                return refuse("has a style that is not supported; remove it");
            }
            if location == "header" && !is_header_name(name) {
                return refuse("is no name of a header");
            }
            match shape {
                Shape::Scalar => Ok(()),
                _ => refuse("must be a string, a number or a boolean there"),
            }
        }
        "query" => {
            if style.is_some_and(|style| style != "form") || parameter["explode"] == false {
                return refuse("has a style that is not supported; only exploded forms are");
            }
            match shape {
                Shape::Object => {
                    refuse("is an object, which is not supported in a query; declare its members")
                }
                Shape::Array(items) if !matches!(self::shape(json, items), Shape::Scalar) => {
                    refuse("is a list of values other than strings, numbers and booleans")
                }
                _ => Ok(()),
            }
        }
        _ => refuse("is in a place that is not supported; use path, query or header"),
    }
}

fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

enum Shape<'a> {
    Scalar,
    Array(&'a Value),
    Object,
    Any,
}

fn shape<'a>(json: &'a Value, schema: &'a Value) -> Shape<'a> {
    let schema = follow(json, schema);
    match schema["type"].as_str() {
        Some("string" | "number" | "integer" | "boolean") => Shape::Scalar,
        Some("array") => Shape::Array(&schema["items"]),
        Some("object") => Shape::Object,
        _ if schema["enum"].is_array() => Shape::Scalar,
        _ if schema["properties"].is_object() => Shape::Object,
        _ => match schema["allOf"].as_array().map(Vec::as_slice) {
            Some([part]) => shape(json, part),
            Some(_) => Shape::Object,
            None => Shape::Any,
        },
    }
}

fn check_request_body(json: &Value, operation: &Operation<'_>) -> Result<(), Defect> {
    let body = &operation.json["requestBody"];
    if body.is_null() {
        return Ok(());
    }
    let place = descendant(&operation.place, &["requestBody", "content"]);
    if matches!(operation.method, "get" | "head") {
        return Err(Defect::new(place, "a request of this method has no body; remove it"));
    }
    let content = follow(json, body)["content"].as_object();
    match content.map(|content| content.keys().map(String::as_str).collect::<Vec<_>>()).as_deref() {
        None | Some([]) => Err(Defect::new(place, "must name a media type, such as application/json")),
        Some([media_type]) if media_type.starts_with("multipart/") => {
            Err(Defect::new(child(&place, media_type), "is not supported; use another media type"))
        }
        Some([media_type]) if media_type.contains('*') => {
            Err(Defect::new(child(&place, media_type), "is a range; name the media type that is sent"))
        }
        Some([_]) => Ok(()),
        Some([first, second, ..]) => {
            Err(Defect::new(place, format!("names both {first} and {second}; keep the one to send")))
        }
    }
}

/// Returns true for the status codes of a success.
pub(crate) fn is_success(code: &str) -> bool {
    code.starts_with('2')
}

fn check_responses(json: &Value, operation: &Operation<'_>) -> Result<(), Defect> {
    let place = child(&operation.place, "responses");
    let mut bodies: Vec<(&str, &Value)> = Vec::new();
    for (code, response) in operation.json["responses"].as_object().into_iter().flatten() {
        let place = child(&place, code);
        let is_range =
            code.len() == 3 && code.ends_with("XX") && code.starts_with(|c: char| ('1'..='5').contains(&c));
        let is_code = code.parse::<u16>().is_ok_and(|code| (100..600).contains(&code));
        if !is_range && !is_code && code != "default" {
            return Err(Defect::new(place, "is no status code, no range such as 4XX and not \"default\""));
        }
        if !is_success(code) {
            continue;
        }
        let content = follow(json, response)["content"].as_object();
        let mut media_types = content.into_iter().flatten();
        if let Some((media_type, body)) = media_types.next() {
            if let Some((second, _)) = media_types.next() {
                let reason = format!("answers both {media_type} and {second}; keep one");
                return Err(Defect::new(child(&place, "content"), reason));
            }
            match bodies.first() {
                Some((other, first)) if first["schema"] != body["schema"] => {
                    let reason = format!("answers another body than {other}; give both codes one schema");
                    return Err(Defect::new(place, reason));
                }
                _ => bodies.push((code, body)),
            }
        }
    }
    Ok(())
}
