//! A document reduced to facts: one line for each thing that a client depends on.

use std::collections::BTreeMap;

use serde_json::Value;

use super::swagger;
use crate::document::{Defect, OTHER_NAMES, OTHER_ROWS, follow, operations, schemas};

/// The statements of a document by subject, such as `PUT /jobs/{id} body` and `Job.status`.
pub(super) type Facts = BTreeMap<String, String>;

/// Reads the facts of a Swagger 2.0 or OpenAPI 3 document.
pub(super) fn read(json: &Value) -> Result<Facts, Defect> {
    match (json["swagger"].as_str(), json["openapi"].as_str()) {
        (Some("2.0"), _) => Ok(reduce(&swagger::convert(json))),
        (None, Some(version)) if version.starts_with("3.") => Ok(reduce(json)),
        _ => Err(Defect::new("", "is neither Swagger 2.0 nor OpenAPI 3")),
    }
}

fn reduce(json: &Value) -> Facts {
    let mut facts = Facts::new();
    let mut add = |name: String, value: String| {
        facts.insert(name, value);
    };
    add("api-version".to_owned(), json["info"]["version"].as_str().unwrap_or_default().to_owned());
    if json["security"].as_array().is_some_and(|schemes| !schemes.is_empty()) {
        add("security".to_owned(), "described".to_owned());
    }
    for operation in operations(json) {
        let name = format!("{} {}", operation.method.to_ascii_uppercase(), operation.path);
        add(name.clone(), operation.json["operationId"].as_str().unwrap_or_default().to_owned());
        for (_, parameter) in operation.parameters() {
            let parameter = follow(json, parameter);
            let text = |key: &str| parameter[key].as_str().unwrap_or_default();
            let fact = format!("{}{}", type_text(json, &parameter["schema"]), required(parameter));
            add(format!("{name} {} {}", text("in"), text("name")), fact);
        }
        for rows in operation.json[OTHER_ROWS].as_array().into_iter().flatten() {
            let id = rows["operationId"].as_str().unwrap_or_default();
            add(format!("{name} {OTHER_ROWS} {id}"), format!("[{}]", type_text(json, &rows["items"])));
        }
        if let Some(body) = operation.json.get("requestBody").map(|body| follow(json, body)) {
            add(format!("{name} body"), format!("{}{}", content_text(json, body), required(body)));
        }
        for (code, response) in operation.json["responses"].as_object().into_iter().flatten() {
            let response = follow(json, response);
            add(format!("{name} {code}"), content_text(json, response));
            for (header, part) in response["headers"].as_object().into_iter().flatten() {
                let part = follow(json, part);
                add(format!("{name} {code} header {header}"), type_text(json, &part["schema"]));
            }
        }
    }
    for (name, schema) in schemas(json) {
        // An enum is a fact of its uses: whether it has a name does not change the wire.
        if schema["enum"].is_array() {
            continue;
        }
        add(
            name.clone(),
            if schema["properties"].is_object() { "object".to_owned() } else { type_text(json, schema) },
        );
        let is_required = |property: &str| {
            schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == property))
        };
        for (property, part) in schema["properties"].as_object().into_iter().flatten() {
            let name = format!("{name}.{property}");
            add(name.clone(), type_text(json, part));
            if let Some(component) = enum_name(json, part) {
                add(format!("{name} name"), component.to_owned());
            }
            for flag in ["nullable", "readOnly", "writeOnly", "deprecated"] {
                if part[flag] == true {
                    add(format!("{name} {flag}"), "yes".to_owned());
                }
            }
            if is_required(property) {
                add(format!("{name} required"), "yes".to_owned());
            }
            if !part[OTHER_NAMES].is_null() {
                add(format!("{name} {OTHER_NAMES}"), part[OTHER_NAMES].to_string());
            }
        }
    }
    facts
}

fn required(part: &Value) -> &'static str {
    if part["required"] == true { " required" } else { "" }
}

/// The body of a request or a response.
fn content_text(json: &Value, part: &Value) -> String {
    match part["content"].as_object().and_then(|content| content.iter().next()) {
        None => "no body".to_owned(),
        Some((media_type, content)) => match media_type.starts_with("application/json") {
            true => type_text(json, &content["schema"]),
            false => media_type.clone(),
        },
    }
}

/// The component that an enum is named by.
fn enum_name<'a>(json: &Value, schema: &'a Value) -> Option<&'a str> {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str())?;
    let target = crate::document::resolve(json, reference)?;
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
