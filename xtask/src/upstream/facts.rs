//! A document reduced to facts: one line for each thing that a client depends on.

use std::collections::BTreeMap;

use serde_json::Value;

use super::swagger;
use crate::document::{Defect, OTHER_NAMES, Operation, follow, operations, resolve, schemas};
use crate::open_enums;

/// The members of a schema, and of a parameter of Swagger, that are told otherwise or are for readers.
const NO_KEYWORDS: &str = "$ref additionalProperties allOf description enum example externalDocs format in items name \
                           properties required title type";

/// The statements of a document by subject, such as `PUT /jobs/{id} body` and `Job.status`.
pub(super) type Facts = BTreeMap<String, String>;

/// Reads the facts of a Swagger 2.0 or OpenAPI 3 document.
pub(super) fn read(json: &Value) -> Result<Facts, Defect> {
    match (json["swagger"].as_str(), json["openapi"].as_str()) {
        (Some("2.0"), _) => Ok(reduce(swagger::convert(json))),
        (None, Some(version)) if version.starts_with("3.") => Ok(reduce(json.clone())),
        _ => Err(Defect::new("", "is neither Swagger 2.0 nor OpenAPI 3")),
    }
}

fn reduce(mut json: Value) -> Facts {
    open_enums::simplify(&mut json);
    let json = &json;
    let mut facts = Facts::new();
    let version = json["info"]["version"].as_str().unwrap_or_default();
    facts.insert("api-version".to_owned(), version.to_owned());
    if json["security"].as_array().is_some_and(|schemes| !schemes.is_empty()) {
        facts.insert("security".to_owned(), "described".to_owned());
    }
    operations(json).for_each(|operation| add_operation(json, &operation, &mut facts));
    // An enum is a fact of its uses: whether it has a name does not change the wire.
    for (name, schema) in schemas(json).filter(|(_, schema)| !schema["enum"].is_array()) {
        add_schema(json, name, schema, &mut facts);
    }
    facts
}

fn add_operation(json: &Value, operation: &Operation<'_>, facts: &mut Facts) {
    let name = format!("{} {}", operation.method.to_ascii_uppercase(), operation.path);
    let mut add = |part: &str, fact: String| facts.insert(format!("{name}{part}"), fact);
    add("", operation.json["operationId"].as_str().unwrap_or_default().to_owned());
    for (_, parameter) in operation.parameters() {
        let parameter = follow(json, parameter);
        let text = |key: &str| parameter[key].as_str().unwrap_or_default();
        let fact = format!("{}{}", type_text(json, &parameter["schema"]), required(parameter));
        let part = format!(" {} {}", text("in"), text("name"));
        keywords(&parameter["schema"]).for_each(|(key, fact)| drop(add(&format!("{part} {key}"), fact)));
        add(&part, fact);
    }
    if let Some(body) = operation.json.get("requestBody").map(|body| follow(json, body)) {
        add(" body", format!("{}{}", content_text(json, body), required(body)));
    }
    for (code, response) in operation.json["responses"].as_object().into_iter().flatten() {
        let response = follow(json, response);
        add(&format!(" {code}"), content_text(json, response));
        for (header, part) in response["headers"].as_object().into_iter().flatten() {
            let part = follow(json, part);
            add(&format!(" {code} header {header}"), type_text(json, &part["schema"]));
        }
    }
}

fn add_schema(json: &Value, name: &str, schema: &Value, facts: &mut Facts) {
    let kind =
        schema["properties"].as_object().map_or_else(|| type_text(json, schema), |_| "object".to_owned());
    facts.insert(name.to_owned(), kind);
    for (property, part) in schema["properties"].as_object().into_iter().flatten() {
        let mut add = |aspect: &str, fact: String| facts.insert(format!("{name}.{property}{aspect}"), fact);
        add("", type_text(json, part));
        if let Some(component) = enum_name(json, part) {
            add(" name", component.to_owned());
        }
        if schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == property)) {
            add(" required", "yes".to_owned());
        }
        keywords(part).for_each(|(key, fact)| drop(add(&format!(" {key}"), fact)));
    }
}

/// The keywords of a schema that are neither its type nor a text for readers: flags, limits and defaults.
fn keywords(schema: &Value) -> impl Iterator<Item = (&str, String)> {
    let members = schema.as_object().into_iter().flatten();
    let members = members.filter(|(key, value)| {
        let is_own = key.starts_with("x-") && *key != OTHER_NAMES;
        !is_own && **value != false && !NO_KEYWORDS.split(' ').any(|other| other == *key)
    });
    members
        .map(|(key, value)| (key.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
}

fn required(part: &Value) -> &'static str {
    if part["required"] == true { " required" } else { "" }
}

/// The body of a request or a response.
fn content_text(json: &Value, part: &Value) -> String {
    match part["content"].as_object().and_then(|content| content.iter().next()) {
        None => "no body".to_owned(),
        Some((media_type, content)) if media_type.starts_with("application/json") => {
            type_text(json, &content["schema"])
        }
        Some((media_type, _)) => media_type.clone(),
    }
}

/// The component that an enum is named by.
fn enum_name<'a>(json: &Value, schema: &'a Value) -> Option<&'a str> {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str())?;
    let target = resolve(json, reference)?;
    target["enum"].is_array().then(|| reference.rsplit('/').next().unwrap_or_default())
}

fn type_text(json: &Value, schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = follow(json, schema);
        let is_inline = target["enum"].is_array();
        return if is_inline {
            type_text(json, target)
        } else {
            reference.rsplit('/').next().unwrap_or_default().to_owned()
        };
    }
    if let Some([part]) = schema["allOf"].as_array().map(Vec::as_slice) {
        return type_text(json, part);
    }
    if let Some(values) = schema["enum"].as_array() {
        let values =
            values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        return format!("one of {}", values.collect::<Vec<_>>().join(", "));
    }
    match schema["type"].as_str() {
        Some("array") => format!("[{}]", type_text(json, &schema["items"])),
        Some("object") => match schema.get("additionalProperties") {
            Some(Value::Bool(true)) => "{any}".to_owned(),
            Some(values @ Value::Object(_)) => format!("{{{}}}", type_text(json, values)),
            _ => "object".to_owned(),
        },
        Some(name) => match schema["format"].as_str() {
            Some(format) => format!("{name} {format}"),
            None => name.to_owned(),
        },
        None => "any".to_owned(),
    }
}
