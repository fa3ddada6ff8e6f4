//! Operations in the only form that the generator handles: JSON in, JSON out, errors as bytes.

use serde_json::{Map, Value, json};

use super::descriptions;
use crate::checks::{is_left_to_client, is_success};
use crate::document::{OTHER_ROWS, Operation, follow, operations};
use crate::names::value_name;

/// The media type that the generator writes.
const JSON: &str = "application/json";

/// What the generator does not know of an operation.
#[derive(Debug, Default)]
pub(crate) struct Method {
    /// The name of the method.
    pub(crate) name: String,
    /// The place of the operation.
    pub(crate) place: String,
    pub(crate) is_deprecated: bool,
    /// The media type of the request, if it is another kind of JSON.
    pub(crate) content_type: Option<String>,
    /// The methods that read other rows from its responses: their ids, descriptions and items.
    pub(crate) other_rows: Vec<Value>,
}

/// Rewrites every operation, and removes the components other than schemas.
pub(super) fn simplify(json: &mut Value) -> Vec<Method> {
    let mut paths = json!({});
    let mut methods = Vec::new();
    for operation in operations(json) {
        let media_type =
            content(json, &operation.json["requestBody"]).map(|(media_type, _)| media_type.clone());
        paths[operation.path][operation.method] = simple(json, &operation);
        methods.push(Method {
            name: value_name(operation.json["operationId"].as_str().unwrap_or_default()),
            is_deprecated: operation.json["deprecated"] == true,
            content_type: media_type.filter(|media_type| media_type != JSON),
            other_rows: operation.json[OTHER_ROWS].as_array().cloned().unwrap_or_default(),
            place: operation.place,
        });
    }
    let schemas = json["components"]["schemas"].take();
    json["components"] = json!({ "schemas": schemas });
    json["paths"] = paths;
    methods
}

fn simple(json: &Value, operation: &Operation<'_>) -> Value {
    let mut simple = members(operation.json, &["operationId", "summary", "description"]);
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

/// The media type of a body or a response, and its content.
fn content<'a>(json: &'a Value, body: &'a Value) -> Option<(&'a String, &'a Value)> {
    follow(json, body)["content"].as_object()?.iter().next()
}

/// The content of a body or a response as the generator takes it.
fn content_of(json: &Value, body: &Value) -> Value {
    content(json, body).map_or(json!({}), |(_, content)| {
        let schema = content.get("schema").filter(|schema| !schema.is_null()).cloned();
        json!({ JSON: { "schema": schema.unwrap_or_else(|| json!({})) } })
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
            descriptions::append(&mut simple, "Deprecated.");
        }
        kept.push(simple);
    }
    kept.into_iter().map(Value::Object).collect()
}
