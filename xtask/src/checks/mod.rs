//! Checks before generating: what the generator would stop at, or panic on.

mod keywords;
mod operations;

use std::collections::HashSet;

use serde_json::Value;

use crate::document::{Defect, SCHEMA_REFERENCE, SCHEMAS, child, descendant, resolve};

pub(crate) use keywords::check_names;
pub(crate) use operations::{check as check_operations, is_left_to_client, is_success};

/// Refuses a document that is not OpenAPI 3.0, or whose parts do not fit together.
pub(crate) fn check_document(json: &Value) -> Result<(), Defect> {
    check_versions(json)?;
    check_references(json, json, "")?;
    keywords::check_schemas(json)?;
    check_circles(json)
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

/// Refuses a `$ref` without a target in the file.
fn check_references(json: &Value, part: &Value, place: &str) -> Result<(), Defect> {
    match part {
        Value::Object(members) => members.iter().try_for_each(|(key, member)| {
            let place = child(place, key);
            match member.as_str().filter(|_| key == "$ref") {
                Some(target) if !target.starts_with('#') => {
                    Err(Defect::new(place, format!("is {target:?}; only references within this file work")))
                }
                Some(target) if resolve(json, target).is_none() => {
                    Err(Defect::new(place, format!("leads nowhere: there is no {target:?}")))
                }
                Some(target)
                    if target.strip_prefix(SCHEMA_REFERENCE).is_some_and(|name| name.contains('/')) =>
                {
                    let reason = format!("leads into a component; move what is at {target:?} to {SCHEMAS}");
                    Err(Defect::new(place, reason))
                }
                _ => check_references(json, member, &place),
            }
        }),
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| check_references(json, item, &format!("{place}[{index}]")))
        }
        _ => Ok(()),
    }
}

/// Refuses a component whose references lead back to itself.
fn check_circles(json: &Value) -> Result<(), Defect> {
    for (section, components) in json["components"].as_object().into_iter().flatten() {
        for (name, component) in components.as_object().into_iter().flatten() {
            let mut visited = HashSet::new();
            let mut next = direct_reference(component);
            while let Some(reference) = next {
                if !visited.insert(reference) {
                    let place = descendant(".components", &[section, name]);
                    return Err(Defect::new(
                        place,
                        "refers to itself without an object in between; describe one",
                    ));
                }
                next = resolve(json, reference).and_then(direct_reference);
            }
        }
    }
    Ok(())
}

/// The schema that `schema` stands for, as opposed to those of its members.
fn direct_reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str())
}
