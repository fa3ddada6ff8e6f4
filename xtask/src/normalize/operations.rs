//! Operations in the only form that the generator handles: JSON in, JSON out, errors as bytes.

use serde_json::{Map, Value, json};

use super::{descriptions, schemas};
use crate::checks::{is_left_to_client, is_success};
use crate::document::{OTHER_ROWS, follow, operations};
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
    /// The media type to ask for, if it is another kind of JSON.
    pub(crate) accept: Option<String>,
    /// The methods that read other rows from its responses: their ids, descriptions and items.
    pub(crate) other_rows: Vec<Value>,
}

/// Rewrites every operation, and removes the components other than schemas.
pub(super) fn simplify(json: &mut Value) -> Vec<Method> {
    let original = json.clone();
    let mut methods = Vec::new();
    for operation in operations(&original) {
        let mut method = Method {
            name: value_name(operation.json["operationId"].as_str().unwrap_or_default()),
            place: operation.place.clone(),
            is_deprecated: operation.json["deprecated"] == true,
            other_rows: operation.json[OTHER_ROWS].as_array().cloned().unwrap_or_default(),
            ..Method::default()
        };
        let mut simple = members(operation.json, &["operationId", "summary", "description"]);
        let declared = operation.parameters().map(|(_, parameter)| follow(&original, parameter));
        simple.insert("parameters".to_owned(), parameters(declared));
        if let Some(body) = operation.json.get("requestBody").map(|body| follow(&original, body)) {
            let mut request = members(body, &["description", "required"]);
            let (content, media_type) = content_of(body);
            request.insert("content".to_owned(), content);
            simple.insert("requestBody".to_owned(), request.into());
            method.content_type = media_type;
        }
        let responses = operation.json["responses"].as_object().into_iter().flatten();
        let mut kept = Map::new();
        for (code, response) in responses.filter(|(code, _)| is_success(code)) {
            let (content, media_type) = content_of(follow(&original, response));
            kept.insert(code.clone(), json!({ "description": "", "content": content }));
            method.accept = method.accept.or(media_type);
        }
        // Errors are read as bytes, so that the status survives a body that is not what it should be.
        for range in ["4XX", "5XX"] {
            kept.insert(range.to_owned(), json!({ "description": "", "content": { "*/*": {} } }));
        }
        simple.insert("responses".to_owned(), kept.into());
        json["paths"][operation.path][operation.method] = simple.into();
        methods.push(method);
    }
    for item in json["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        item.as_object_mut().into_iter().for_each(|item| {
            item.remove("parameters");
            item.remove("servers");
        });
    }
    if let Some(components) = json.get_mut("components").and_then(Value::as_object_mut) {
        components.retain(|section, _| section == "schemas");
    }
    methods
}

fn members(object: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter().filter_map(|key| Some(((*key).to_owned(), object.get(*key)?.clone()))).collect()
}

/// The content of a body as the generator takes it, and the media type if it is another one.
fn content_of(body: &Value) -> (Value, Option<String>) {
    let content = body["content"].as_object().and_then(|content| content.iter().next());
    let Some((media_type, content)) = content else { return (json!({}), None) };
    let schema = content.get("schema").cloned().unwrap_or_else(|| json!({}));
    (json!({ JSON: { "schema": schema } }), (media_type != JSON).then(|| media_type.clone()))
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
        // The schema of a parameter has no docs of its own in the client.
        if let Some(schema) = simple.get_mut("schema").and_then(Value::as_object_mut) {
            schema.remove("nullable");
            if let Some(Value::String(limits)) = schema.remove(schemas::LIMITS) {
                descriptions::append(&mut simple, &limits);
            }
        }
        if parameter["deprecated"] == true {
            descriptions::append(&mut simple, "Deprecated.");
        }
        kept.push(simple);
    }
    kept.into_iter().map(Value::Object).collect()
}
