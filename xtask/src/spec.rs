//! Reading the spec into the form that the generator takes.
//!
//! The generator stops at the first defect, often in a panic and seldom with a place. The checks here
//! come before it and name the place in the file, as a path that `jq` understands.

use std::path::Path;

use openapiv3::OpenAPI;
use serde_json::Value;

use crate::checks;
use crate::culprit;
use crate::document::{Defect, Defects, OTHER_NAMES, locate_schemas};
use crate::json;
use crate::normalize;
use crate::open_enums;
use crate::places::Places;

/// An OpenAPI document that passed the checks and was normalized.
pub(crate) struct Spec {
    /// The document as JSON, for what the typed form leaves out.
    pub(crate) json: Value,
    pub(crate) places: Places,
    /// The document in the form that the generator takes.
    pub(crate) api: OpenAPI,
}

impl Spec {
    /// Reads the spec at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, Defects> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Defect::new("", format!("cannot be read: {error}")))?;
        Self::parse(&text)
    }

    /// Reads the spec from `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, Defects> {
        let mut json = json::parse(text)?;
        checks::check_versions(&json)?;
        open_enums::simplify(&mut json);
        check(&json)?;
        let places = normalize::normalize(&mut json)?;
        let api = to_typed(&without_other_names(&json))?;
        Ok(Self { json, places, api })
    }
}

/// Refuses a document with all that can be found at once.
fn check(json: &Value) -> Result<(), Defects> {
    let mut defects = checks::find_defects(json);
    match to_typed(json) {
        Ok(typed) => {
            let typed = serde_json::to_value(&typed).map_err(|error| Defect::new("", error.to_string()))?;
            defects.extend(checks::find_unknown(json, &typed, ""));
            defects.extend(checks::find_unsupported(json));
        }
        Err(defect) if defects.is_empty() => defects.push(defect),
        // It follows from the others.
        Err(_) => {}
    }
    Defects::check(defects)
}

/// Removes our own extension: the generator recognizes a date only by a schema with nothing else in it.
fn without_other_names(json: &Value) -> Value {
    let mut json = json.clone();
    for located in locate_schemas(&json) {
        if let Some(schema) = json.pointer_mut(&located.pointer).and_then(Value::as_object_mut) {
            schema.remove(OTHER_NAMES);
        }
    }
    json
}

/// Converts the document to its typed form, whose own errors name no place.
fn to_typed(json: &Value) -> Result<OpenAPI, Defect> {
    let parse = |json: Value| serde_json::from_value::<OpenAPI>(json);
    parse(json.clone()).map_err(|error| {
        let found = culprit::find(json, |part| parse(part).err());
        let (place, error) = found.unwrap_or_else(|| (String::new(), error));
        Defect::new(place, format!("is not OpenAPI 3.0: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn minimal() -> Value {
        json!({
            "openapi": "3.0.3",
            "info": { "title": "hub", "version": "1" },
            "paths": { "/jobs/{id}": { "parameters": [id()], "get": operation("read_job") } },
            "components": { "schemas": { "Job": { "type": "object" } } },
        })
    }

    fn id() -> Value {
        json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } })
    }

    fn operation(id: &str) -> Value {
        json!({ "operationId": id, "responses": { "200": { "description": "" } } })
    }

    fn refusal(text: &str) -> String {
        match Spec::parse(text) {
            Ok(_) => panic!("the spec was accepted"),
            Err(defect) => format!("spec.json{defect}"),
        }
    }

    #[track_caller]
    fn assert_refused(change: impl FnOnce(&mut Value), start: &str) {
        let mut spec = minimal();
        change(&mut spec);
        let message = refusal(&spec.to_string());
        assert!(message.starts_with(start), "{message}");
    }

    #[test]
    fn sound_document_is_accepted() {
        assert_eq!(Spec::parse(&minimal().to_string()).unwrap().api.info.version, "1");
    }

    #[test]
    fn missing_file_is_refused() {
        let defect = Spec::read(Path::new("no/such/openapi.json")).err().unwrap().to_string();
        assert!(defect.starts_with(": cannot be read: "), "{defect}");
    }

    #[test]
    fn text_other_than_openapi_is_refused() {
        assert_eq!(refusal(""), "spec.json: is empty");
        assert_eq!(refusal(" \n"), "spec.json: is empty");
        assert!(
            refusal("{\n  \"openapi\": oops").starts_with("spec.json at line 2, column 14: is not JSON: ")
        );
        assert!(refusal("[]").starts_with("spec.json at .openapi: is missing"));
        assert!(refusal("null").starts_with("spec.json at .openapi: is missing"));
        assert_refused(|spec| spec["openapi"] = json!("3.1.0"), "spec.json at .openapi: is 3.1.0; ");
        assert_refused(
            |spec| *spec = json!({ "swagger": "2.0" }),
            "spec.json at .swagger: is a Swagger 2 document",
        );
        assert_refused(|spec| spec["info"]["version"] = json!("1\n2"), "spec.json at .info.version: ");
        assert_refused(|spec| spec["info"] = json!(null), "spec.json at .info.version: ");
    }

    #[test]
    fn deeply_nested_text_is_refused() {
        let deep = "[".repeat(100_000);
        assert!(refusal(&deep).contains("recursion limit"));
    }

    #[test]
    fn malformed_part_is_named() {
        assert_refused(
            |spec| spec["paths"]["/jobs/{id}"]["get"]["parameters"] = json!(7),
            "spec.json at .paths[\"/jobs/{id}\"].get: is not OpenAPI 3.0: ",
        );
        assert_refused(
            |spec| spec["paths"]["/jobs/{id}"]["parameters"] = json!(7),
            "spec.json at .paths[\"/jobs/{id}\"]: is not OpenAPI 3.0: ",
        );
        assert_refused(|spec| spec["info"]["title"] = json!(7), "spec.json at .info: is not OpenAPI 3.0: ");
        assert_refused(|spec| spec["servers"] = json!(7), "spec.json at .servers: is not OpenAPI 3.0: ");
        assert_refused(
            |spec| spec["components"]["schemas"]["Job"] = json!({ "type": "object", "required": 1 }),
            "spec.json at .components.schemas.Job: is not OpenAPI 3.0: ",
        );
    }
}
