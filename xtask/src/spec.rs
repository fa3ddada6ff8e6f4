//! Reading the spec, and refusing one that the generator cannot take.
//!
//! The generator stops at the first thing it dislikes, often in a panic and seldom with a place. The
//! checks here come before it and say where in the file the trouble is, as a path that `jq` takes.

use std::fmt;
use std::path::{Path, PathBuf};

use openapiv3::OpenAPI;
use serde_json::Value;

use crate::checks;

/// The methods that a path item may hold an operation for.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The extension of a property that lists the other names it is read by.
pub(crate) const OTHER_NAMES: &str = "x-other-names";

/// An OpenAPI document that passed the checks.
pub(crate) struct Spec {
    /// The file, as error messages name it.
    pub(crate) file: PathBuf,
    /// The document as JSON, for what the typed form leaves out.
    pub(crate) json: Value,
    /// The document in the form that the generator takes.
    pub(crate) api: OpenAPI,
}

/// What is wrong with a spec, and where.
#[derive(Debug)]
pub(crate) struct SpecError {
    file: PathBuf,
    place: String,
    reason: String,
}

impl SpecError {
    pub(crate) fn new(file: &Path, place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: place.into(), reason: reason.into() }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if !self.place.is_empty() {
            write!(f, " at {}", self.place)?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for SpecError {}

impl Spec {
    /// Reads the spec at `path`, which messages call `file`.
    pub(crate) fn read(path: &Path, file: &Path) -> Result<Self, SpecError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| SpecError::new(file, "", format!("cannot be read: {error}")))?;
        Self::parse(&text, file)
    }

    /// Reads the spec from `text`, the content of `file`.
    pub(crate) fn parse(text: &str, file: &Path) -> Result<Self, SpecError> {
        let refuse = |(place, reason): Refusal| SpecError::new(file, place, reason);
        if text.trim().is_empty() {
            return Err(refuse((String::new(), "is empty".into())));
        }
        let json: Value = serde_json::from_str(text).map_err(|error| {
            refuse((
                format!("line {}, column {}", error.line(), error.column()),
                format!("is not JSON: {error}"),
            ))
        })?;
        checks::check(&json).map_err(refuse)?;
        let api = typed(&json).map_err(refuse)?;
        Ok(Self { file: file.to_owned(), json, api })
    }

    /// `info.version`, which is the `api-version` that every request carries.
    pub(crate) fn api_version(&self) -> &str {
        &self.api.info.version
    }
}

/// A place in the document, and what is wrong there.
pub(crate) type Refusal = (String, String);

/// The place of `key` within `place`, in the notation of `jq`.
pub(crate) fn within(place: &str, key: &str) -> String {
    let is_word = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_word { format!("{place}.{key}") } else { format!("{place}[{key:?}]") }
}

/// An operation as the document writes it.
pub(crate) struct Operation<'a> {
    pub(crate) place: String,
    pub(crate) path: &'a str,
    pub(crate) method: &'static str,
    pub(crate) json: &'a Value,
    /// The parameters that all operations of the path have; null when there are none.
    pub(crate) shared_parameters: &'a Value,
}

/// Every operation of the document.
pub(crate) fn operations(json: &Value) -> impl Iterator<Item = Operation<'_>> {
    let paths = json["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| {
            Some(Operation {
                place: within(&within(".paths", path), method),
                path,
                method,
                json: item.get(method)?,
                shared_parameters: &item["parameters"],
            })
        })
    })
}

/// The target of every `$ref` within `part`.
pub(crate) fn references(part: &Value) -> Vec<&str> {
    match part {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter().chain(members.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// Takes our own extension away: the generator knows a date by its schema, which must have nothing else.
fn without_other_names(json: &Value) -> Value {
    match json {
        Value::Object(members) => {
            let kept = members.iter().filter(|(key, _)| *key != OTHER_NAMES);
            kept.map(|(key, member)| (key.clone(), without_other_names(member))).collect()
        }
        Value::Array(items) => items.iter().map(without_other_names).collect(),
        other => other.clone(),
    }
}

/// The document in its typed form.
fn typed(json: &Value) -> Result<OpenAPI, Refusal> {
    serde_json::from_value(without_other_names(json)).map_err(|error| {
        // The typed form's own errors tell no place: look for the smallest part that fails alone.
        let operation = operations(json)
            .find_map(|operation| Some((operation.place, fault::<openapiv3::Operation>(operation.json)?)));
        let component = || {
            fault_in::<openapiv3::Schema>(json, "schemas")
                .or_else(|| fault_in::<openapiv3::Parameter>(json, "parameters"))
                .or_else(|| fault_in::<openapiv3::Response>(json, "responses"))
                .or_else(|| fault_in::<openapiv3::RequestBody>(json, "requestBodies"))
                .or_else(|| fault_in::<openapiv3::Header>(json, "headers"))
                .or_else(|| fault_in::<openapiv3::SecurityScheme>(json, "securitySchemes"))
        };
        let path = || {
            let items = json["paths"].as_object().into_iter().flatten();
            let faults =
                items.map(|(path, item)| (within(".paths", path), fault::<openapiv3::PathItem>(item)));
            faults.into_iter().find_map(|(place, fault)| Some((place, fault?)))
        };
        let head = || {
            fault::<openapiv3::Info>(&json["info"]).map(|error| (".info".to_owned(), error)).or_else(|| {
                let servers = json.get("servers")?;
                fault::<Vec<openapiv3::Server>>(servers).map(|error| (".servers".to_owned(), error))
            })
        };
        let found = operation.or_else(path).or_else(component).or_else(head);
        let (place, error) = found.unwrap_or_else(|| (String::new(), error));
        (place, format!("is not OpenAPI 3.0: {error}"))
    })
}

fn fault<T: serde::de::DeserializeOwned>(part: &Value) -> Option<serde_json::Error> {
    serde_json::from_value::<T>(part.clone()).err()
}

fn fault_in<T: serde::de::DeserializeOwned>(
    json: &Value,
    section: &str,
) -> Option<(String, serde_json::Error)> {
    let parts = json["components"][section].as_object()?;
    parts.iter().find_map(|(name, part)| {
        let place = within(&within(".components", section), name);
        Some((place, fault::<openapiv3::ReferenceOr<T>>(part)?))
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn minimal() -> Value {
        json!({
            "openapi": "3.0.3",
            "info": { "title": "hub", "version": "1" },
            "paths": { "/jobs/{id}": { "get": operation("read_job") } },
            "components": { "schemas": { "Job": { "type": "object" } } },
        })
    }

    pub(crate) fn operation(id: &str) -> Value {
        json!({ "operationId": id, "responses": { "200": { "description": "" } } })
    }

    fn refusal(text: &str) -> String {
        match Spec::parse(text, Path::new("spec.json")) {
            Ok(_) => panic!("the spec was taken"),
            Err(error) => error.to_string(),
        }
    }

    #[track_caller]
    pub(crate) fn assert_refused(change: impl FnOnce(&mut Value), start: &str) {
        let mut spec = minimal();
        change(&mut spec);
        let message = refusal(&spec.to_string());
        assert!(message.starts_with(start), "{message}");
    }

    #[test]
    fn a_sound_document_is_taken() {
        assert_eq!(Spec::parse(&minimal().to_string(), Path::new("spec.json")).unwrap().api_version(), "1");
    }

    #[test]
    fn a_missing_file_is_named() {
        let path = Path::new("no/such/openapi.json");
        let error = Spec::read(path, path).err().unwrap().to_string();
        assert!(error.starts_with("no/such/openapi.json: cannot be read: "), "{error}");
    }

    #[test]
    fn text_that_is_no_openapi_document_is_refused() {
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
    fn text_nested_beyond_reason_is_refused() {
        let deep = "[".repeat(100_000);
        assert!(refusal(&deep).contains("recursion limit"));
    }

    #[test]
    fn a_part_of_the_wrong_shape_is_named() {
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
