//! Checks before generating: what the generator would stop at, or panic on.

mod keywords;
mod operations;

use std::collections::HashSet;

use serde_json::Value;

use crate::document::{Defect, child, descendant, resolve};
use crate::grammar::{Kind, walk};

pub(crate) use operations::{check as check_operations, is_left_to_client, is_success};

/// Refuses a document that is not OpenAPI 3.0, or whose parts do not fit together.
pub(crate) fn check_document(json: &Value) -> Result<(), Defect> {
    check_versions(json)?;
    check_references(json)?;
    keywords::check(json)
}

fn check_versions(json: &Value) -> Result<(), Defect> {
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

/// Refuses a `$ref` without a target in the file, and one that leads back to itself.
fn check_references(json: &Value) -> Result<(), Defect> {
    walk(json, "", Kind::Document, &mut |place, _, members| {
        let Some(reference) = members.get("$ref") else { return Ok(()) };
        let place = child(place, "$ref");
        let Some(target) = reference.as_str().filter(|reference| reference.starts_with('#')) else {
            return Err(Defect::new(place, format!("is {reference}; only references within this file work")));
        };
        match resolve(json, target) {
            Some(_) => Ok(()),
            None => Err(Defect::new(place, format!("leads nowhere: there is no {reference}"))),
        }
    })?;
    let sections = json["components"].as_object().into_iter().flatten();
    for (section, components) in sections {
        for (name, component) in components.as_object().into_iter().flatten() {
            if is_composed_of(json, component, &format!("#/components/{section}/{name}")) {
                let place = descendant(".components", &[section, name]);
                return Err(Defect::new(place, "refers to itself without an object in between"));
            }
        }
    }
    Ok(())
}

/// Returns true if following the direct references of `component` leads to `target`.
fn is_composed_of(json: &Value, component: &Value, target: &str) -> bool {
    let mut visited = HashSet::new();
    let mut pending = direct_references(component);
    while let Some(reference) = pending.pop() {
        if reference == target {
            return true;
        }
        if visited.insert(reference) {
            pending.extend(resolve(json, reference).into_iter().flat_map(direct_references));
        }
    }
    false
}

/// The schemas that `schema` is composed of, as opposed to those of its members.
fn direct_references(schema: &Value) -> Vec<&str> {
    let combined = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
    let reference = schema["$ref"].as_str();
    reference.into_iter().chain(combined.flat_map(direct_references)).collect()
}
