//! Operations in the only form that the generator handles: JSON in, JSON out, errors as bytes.

use serde_json::{Map, Value, json};

use super::descriptions;
use crate::checks::{is_left_to_client, is_success};
use crate::document::{DEPRECATED, Operation, follow, operations};

/// Rewrites every operation, and removes the components other than schemas.
pub(super) fn simplify(json: &mut Value) {
    let mut paths = json!({});
    for operation in operations(json) {
        paths[operation.path][operation.method] = simple(json, &operation);
    }
    let schemas = json["components"]["schemas"].as_object().cloned().unwrap_or_default();
    json["components"] = json!({ "schemas": schemas });
    json["paths"] = paths;
}

fn simple(json: &Value, operation: &Operation<'_>) -> Value {
    let mut simple = members(operation.json, &["operationId", "summary", "description"]);
    if operation.json["deprecated"] == true {
        descriptions::append(&mut simple, DEPRECATED);
    }
    let declared = operation.parameters().map(|(_, parameter)| follow(json, parameter));
    simple.insert("parameters".to_owned(), parameters(declared));
    if let Some(body) = operation.json.get("requestBody") {
        let mut request = members(follow(json, body), &["description", "required"]);
        request.insert("content".to_owned(), content_of(json, body));
        simple.insert("requestBody".to_owned(), request.into());
    }
    let responses = operation.json["responses"].as_object().into_iter().flatten();
    let responses = responses.filter(|(code, _)| is_success(code)).map(|(code, response)| {
        (code.clone(), json!({ "description": "", "content": content_of(json, response) }))
    });
    // Errors are read as bytes, so that the status survives a body that is not what it should be.
    let errors = ["4XX", "5XX"]
        .map(|range| (range.to_owned(), json!({ "description": "", "content": { "*/*": {} } })));
    simple.insert("responses".to_owned(), responses.chain(errors).collect());
    simple.into()
}

fn members(object: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), object.get(*key)?.clone()))).collect()
}

/// The content of a body or a response as the generator takes it.
fn content_of(json: &Value, body: &Value) -> Value {
    let content = follow(json, body)["content"].as_object().and_then(|content| content.values().next());
    content.map_or(json!({}), |content| {
        let schema = content.get("schema").filter(|schema| !schema.is_null()).cloned();
        json!({ "application/json": { "schema": schema.unwrap_or_else(|| json!({})) } })
    })
}

/// The parameters of an operation; one of its own replaces one of the path.
fn parameters<'a>(declared: impl Iterator<Item = &'a Value>) -> Value {
    let mut kept: Vec<Map<String, Value>> = Vec::new();
    for parameter in declared {
        let name = parameter["name"].as_str().unwrap_or_default();
        let location = parameter["in"].as_str().unwrap_or_default();
        if is_left_to_client(name, location) {
            continue;
        }
        kept.retain(|other| other["name"] != parameter["name"]);
        let mut simple = members(parameter, &["name", "in", "description", "required", "schema"]);
        if location == "path" {
            simple.insert("required".to_owned(), true.into());
        }
        if let Some(schema) = simple.get_mut("schema").and_then(Value::as_object_mut) {
            schema.remove("nullable");
        }
        if parameter["deprecated"] == true {
            descriptions::append(&mut simple, DEPRECATED);
        }
        kept.push(simple);
    }
    kept.into_iter().map(Value::Object).collect()
}
