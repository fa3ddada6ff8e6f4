//! Operations in the only form that the generator handles: one body in, one body out, errors as bytes.

use serde_json::{Map, Value, json};

use super::descriptions;
use crate::checks::{is_left_to_client, is_success};
use crate::document::{Defect, OTHER_ROWS, follow, operations};
use crate::names;

/// An operation whose method differs from what the generator writes.
#[derive(Debug, Default)]
pub(crate) struct Method {
    /// The name of the method.
    pub(crate) name: String,
    /// The place of the operation.
    pub(crate) place: String,
    pub(crate) is_deprecated: bool,
    pub(crate) bodies: Bodies,
    /// The methods that read other rows from its responses: their ids, descriptions and items.
    pub(crate) other_rows: Vec<Value>,
}

/// The bodies of an operation, as far as the generator does not know them.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    /// The request may be sent without a body.
    pub(crate) is_request_optional: bool,
    /// The media type of the request, if it is not the one that the generator sends.
    pub(crate) content_type: Option<String>,
    /// The media type to ask for, if it is not the one that the generator asks for.
    pub(crate) accept: Option<String>,
    /// The other status codes that come with the body of the first.
    pub(crate) same_body: Vec<String>,
    /// The status codes of success that come without a body, while others have one.
    pub(crate) no_body: Vec<String>,
}

/// How a body is sent or read.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Coding {
    Json,
    Form,
    Text,
    Bytes,
}

impl Coding {
    fn of(media_type: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" | "text/json" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Form,
            "text/plain" => Self::Text,
            other if other.ends_with("+json") => Self::Json,
            _ => Self::Bytes,
        }
    }

    /// The media type that the generator writes for it.
    fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
            Self::Text => "text/plain",
            Self::Bytes => "application/octet-stream",
        }
    }
}

/// Rewrites every operation, and removes the components other than schemas.
pub(super) fn simplify(json: &mut Value) -> Result<Vec<Method>, Defect> {
    let original = json.clone();
    let mut methods = Vec::new();
    for operation in operations(&original) {
        let mut method = Method {
            name: names::value_name(operation.json["operationId"].as_str().unwrap_or_default()),
            place: operation.place.clone(),
            is_deprecated: operation.json["deprecated"] == true,
            bodies: Bodies::default(),
            other_rows: other_rows(operation.json),
        };
        let mut simple = Map::new();
        for key in ["operationId", "summary", "description"] {
            simple.extend(operation.json.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        let declared = operation.parameters().map(|(_, parameter)| follow(&original, parameter));
        simple.insert("parameters".to_owned(), parameters(declared));
        if let Some(body) = operation.json.get("requestBody") {
            let body = request_body(follow(&original, body), &mut method.bodies);
            simple.insert("requestBody".to_owned(), body);
        }
        let responses = operation.json["responses"].as_object();
        let responses = responses.into_iter().flatten().map(|(code, part)| (code, follow(&original, part)));
        let has_body = operation.method != "head";
        simple.insert("responses".to_owned(), responses_of(responses, has_body, &mut method.bodies));
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
    Ok(methods)
}

/// The other rows of an operation, with their descriptions escaped.
fn other_rows(operation: &Value) -> Vec<Value> {
    let mut rows = operation[OTHER_ROWS].as_array().cloned().unwrap_or_default();
    rows.iter_mut().filter_map(Value::as_object_mut).for_each(descriptions::escape_members);
    rows
}

/// The parameters of an operation; one of its own replaces one of the path.
fn parameters<'a>(declared: impl Iterator<Item = &'a Value>) -> Value {
    let mut kept: Vec<Map<String, Value>> = Vec::new();
    for parameter in declared.filter_map(Value::as_object) {
        let name = parameter["name"].as_str().unwrap_or_default();
        let location = parameter["in"].as_str().unwrap_or_default();
        if is_left_to_client(name, location) {
            continue;
        }
        kept.retain(|other| other["name"] != parameter["name"]);
        let mut simple = Map::new();
        for key in ["name", "in", "description", "required", "schema"] {
            simple.extend(parameter.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        if location == "path" {
            simple.insert("required".to_owned(), true.into());
        }
        if parameter.get("deprecated") == Some(&true.into()) {
            descriptions::append(&mut simple, "Deprecated.");
        }
        if let Some(schema) = simple.get_mut("schema").and_then(Value::as_object_mut) {
            schema.remove("nullable");
        }
        kept.push(simple);
    }
    kept.into_iter().map(Value::Object).collect()
}

fn request_body(body: &Value, bodies: &mut Bodies) -> Value {
    let content = body["content"].as_object().and_then(|content| content.iter().next());
    let Some((media_type, content)) = content else { return body.clone() };
    let coding = Coding::of(media_type);
    bodies.is_request_optional = body["required"] != true;
    bodies.content_type = (coding.media_type() != media_type).then(|| media_type.clone());
    let schema = match coding {
        Coding::Json | Coding::Form => content.get("schema").cloned().unwrap_or_else(|| json!({})),
        Coding::Text => json!({ "type": "string" }),
        Coding::Bytes => json!({ "type": "string", "format": "binary" }),
    };
    let mut simple = json!({ "required": true, "content": { coding.media_type(): { "schema": schema } } });
    if let Some(description) = body.get("description") {
        simple["description"] = description.clone();
    }
    simple
}

fn responses_of<'a>(
    responses: impl Iterator<Item = (&'a String, &'a Value)>,
    has_body: bool,
    bodies: &mut Bodies,
) -> Value {
    let mut successes: Vec<(&str, &Value)> = Vec::new();
    let mut default = None;
    for (code, response) in responses {
        match code.as_str() {
            "default" => default = Some(response),
            code if is_success(code) => successes.push((code, response)),
            _ => {}
        }
    }
    if successes.is_empty() {
        // Nothing else describes a success.
        successes.extend(default.map(|response| ("2XX", response)));
    }
    let body_of = |response: &'a Value| response["content"].as_object().filter(|_| has_body)?.iter().next();
    let mut simple = Map::new();
    let with_body: Vec<_> =
        successes.iter().filter_map(|(code, response)| Some((*code, body_of(response)?))).collect();
    let without_body = successes.iter().filter(|(_, response)| body_of(response).is_none());
    let without_body: Vec<String> = without_body.map(|(code, _)| (*code).to_owned()).collect();
    match with_body.split_first() {
        None => simple.extend(without_body.into_iter().map(|code| (code, json!({ "description": "" })))),
        Some(((code, (media_type, content)), others)) => {
            let content = if Coding::of(media_type) == Coding::Json {
                bodies.accept = (*media_type != Coding::Json.media_type()).then(|| media_type.to_string());
                let schema = content.get("schema").cloned().unwrap_or_else(|| json!({}));
                json!({ "application/json": { "schema": schema } })
            } else {
                json!({ "application/octet-stream": {} })
            };
            bodies.same_body = others.iter().map(|(code, _)| (*code).to_owned()).collect();
            bodies.no_body = without_body;
            simple.insert((*code).to_owned(), json!({ "description": "", "content": content }));
        }
    }
    // Errors are read as bytes, so that the status survives a body that is not what it should be.
    for range in ["4XX", "5XX"] {
        simple.insert(range.to_owned(), json!({ "description": "", "content": { "*/*": {} } }));
    }
    simple.into()
}
