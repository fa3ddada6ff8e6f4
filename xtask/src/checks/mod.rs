//! Checks before generating: what the generator would stop at, or panic on.

mod keywords;
mod operations;

use std::collections::HashSet;

use serde_json::Value;

use crate::document::{Defect, SCHEMA_REFERENCE, SCHEMAS, members, resolve};

pub(crate) use keywords::find_unknown;
use keywords::find_unsupported_schemas;
pub(crate) use operations::{find_unsupported, is_left_to_client, is_success};

/// Refuses a document that is not OpenAPI 3.0.
pub(crate) fn check_versions(json: &Value) -> Result<(), Defect> {
    match json["openapi"].as_str() {
        Some(version) if version.starts_with("3.0.") => {}
        Some(version) => {
            return Err(Defect::new(".openapi", format!("is {version}; the generator takes OpenAPI 3.0.x")));
        }
        None if json.get("swagger").is_some() => {
            return Err(Defect::new(".swagger", "is a Swagger 2 document; convert it to OpenAPI 3.0.x"));
        }
        None => return Err(Defect::new(".openapi", "is missing: this is not an OpenAPI 3.0.x document")),
    }
    match json["info"]["version"].as_str() {
        Some(version) if !version.is_empty() && version.chars().all(|c| c.is_ascii_graphic()) => Ok(()),
        _ => Err(Defect::new(".info.version", "must hold the api-version, such as \"2021-04-12\"")),
    }
}

/// Finds parts that do not fit together, or that become no single type.
pub(crate) fn find_defects(json: &Value) -> Vec<Defect> {
    let mut defects = Vec::new();
    check_references(json, json, "", &mut defects);
    defects.extend(find_unsupported_schemas(json));
    defects.extend(find_circles(json));
    defects
}

/// Finds every `$ref` without a target in the file.
fn check_references(json: &Value, part: &Value, place: &str, defects: &mut Vec<Defect>) {
    for (place, key, member) in members(part, place) {
        let target = member.as_str().filter(|_| key == "$ref");
        defects.extend(
            target.and_then(|target| misleading(json, target)).map(|reason| Defect::new(&place, reason)),
        );
        check_references(json, member, &place, defects);
    }
}

/// Explains why a reference gives no type.
fn misleading(json: &Value, target: &str) -> Option<String> {
    if !target.starts_with('#') {
        return Some(format!("is {target:?}; only references within this file work"));
    }
    if resolve(json, target).is_none() {
        return Some(format!("leads nowhere: there is no {target:?}"));
    }
    let is_inside = target.strip_prefix(SCHEMA_REFERENCE).is_some_and(|name| name.contains('/'));
    is_inside.then(|| format!("leads into a component; move what is at {target:?} to {SCHEMAS}"))
}

/// Finds every component whose references lead back to itself.
fn find_circles(json: &Value) -> Vec<Defect> {
    let mut defects = Vec::new();
    for (place, _, components) in members(&json["components"], ".components") {
        for (place, _, component) in members(components, &place) {
            let mut visited = HashSet::new();
            let mut next = direct_reference(component);
            while let Some(reference) = next.filter(|reference| visited.insert(*reference)) {
                next = resolve(json, reference).and_then(direct_reference);
            }
            let reason = "refers to itself without an object in between; describe one";
            defects.extend(next.map(|_| Defect::new(&place, reason)));
        }
    }
    defects
}

/// The schema that `schema` stands for, as opposed to those of its members.
fn direct_reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str())
}
