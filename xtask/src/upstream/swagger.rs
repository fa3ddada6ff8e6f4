//! Swagger 2.0 in the form of OpenAPI 3, as far as facts are read from it.

use serde_json::{Map, Value, json};

use crate::document::{SCHEMA_REFERENCE, follow};

/// Converts a document. What facts do not need is left out.
pub(super) fn convert(swagger: &Value) -> Value {
    let mut paths = Map::new();
    for (path, item) in swagger["paths"].as_object().into_iter().flatten() {
        let members = item.as_object().into_iter().flatten();
        let members = members.map(|(key, member)| match key.as_str() {
            "parameters" => (key.clone(), parameters(swagger, member)),
            key if key.starts_with("x-") => (key.to_owned(), member.clone()),
            key => (key.to_owned(), operation(swagger, member)),
        });
        paths.insert(path.clone(), Value::Object(members.collect()));
    }
    let document = json!({
        "openapi": "3.0.3",
        "info": swagger["info"],
        "paths": paths,
        "components": { "schemas": swagger["definitions"] },
        "security": swagger["security"],
    });
    let text = document.to_string().replace("\"#/definitions/", &format!("\"{SCHEMA_REFERENCE}"));
    serde_json::from_str(&text).unwrap_or(document)
}

fn operation(swagger: &Value, operation: &Value) -> Value {
    let mut converted = json!({
        "operationId": operation["operationId"],
        "parameters": parameters(swagger, &operation["parameters"]),
        "responses": {},
    });
    let declared = operation["parameters"].as_array().into_iter().flatten();
    for parameter in declared.map(|parameter| follow(swagger, parameter)) {
        if parameter["in"] == "body" {
            let media_type = media_type(swagger, operation, "consumes");
            let content = json!({ media_type: { "schema": parameter["schema"] } });
            converted["requestBody"] =
                json!({ "required": parameter["required"] == true, "content": content });
        }
    }
    for (code, response) in operation["responses"].as_object().into_iter().flatten() {
        let response = follow(swagger, response);
        let mut new = json!({ "description": response["description"] });
        if !response["schema"].is_null() {
            let media_type = media_type(swagger, operation, "produces");
            new["content"] = json!({ media_type: { "schema": response["schema"] } });
        }
        let headers = response["headers"].as_object().into_iter().flatten();
        let headers: Map<String, Value> =
            headers.map(|(name, header)| (name.clone(), json!({ "schema": header }))).collect();
        if !headers.is_empty() {
            new["headers"] = headers.into();
        }
        converted["responses"][code] = new;
    }
    converted
}

/// The parameters outside of the body, each with a schema.
fn parameters(swagger: &Value, parameters: &Value) -> Value {
    let parameters = parameters.as_array().into_iter().flatten().map(|parameter| follow(swagger, parameter));
    let parameters = parameters.filter(|parameter| parameter["in"] != "body").map(|parameter| {
        json!({
            "name": parameter["name"],
            "in": parameter["in"],
            "required": parameter["required"] == true,
            "schema": parameter,
        })
    });
    parameters.collect()
}

fn media_type<'a>(swagger: &'a Value, operation: &'a Value, key: &str) -> &'a str {
    let of = |owner: &'a Value| owner[key].as_array()?.first()?.as_str();
    of(operation).or_else(|| of(swagger)).unwrap_or("application/json")
}
