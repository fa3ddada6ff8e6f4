//! What the generator cannot take, found before it runs.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use crate::spec::{Operation, Refusal, operations, within};

/// Refuses a document that the generator would stop at, or panic on.
pub(crate) fn check(json: &Value) -> Result<(), Refusal> {
    check_versions(json)?;
    check_references(json)?;
    check_operations(json)
}

fn check_versions(json: &Value) -> Result<(), Refusal> {
    match json["openapi"].as_str() {
        Some(version) if version.starts_with("3.0.") => {}
        Some(version) => {
            return Err((".openapi".into(), format!("is {version}; the generator takes OpenAPI 3.0.x")));
        }
        None if json.get("swagger").is_some() => {
            return Err((".swagger".into(), "is a Swagger 2 document; convert it to OpenAPI 3.0.x".into()));
        }
        None => return Err((".openapi".into(), "is missing: this is not an OpenAPI 3.0.x document".into())),
    }
    match json["info"]["version"].as_str() {
        Some(version) if !version.is_empty() && version.chars().all(|c| c.is_ascii_graphic()) => Ok(()),
        _ => Err((".info.version".into(), "must hold the api-version, such as \"2021-04-12\"".into())),
    }
}

/// Refuses a `$ref` that leads nowhere, out of the file, or back to itself.
fn check_references(json: &Value) -> Result<(), Refusal> {
    visit(json, "", &mut |place, value| {
        let Some(reference) = value.get("$ref") else { return Ok(()) };
        let place = within(place, "$ref");
        let Some(target) = reference.as_str().and_then(|reference| reference.strip_prefix('#')) else {
            return Err((place, format!("is {reference}; only references within this file are taken")));
        };
        if json.pointer(target).is_none() {
            return Err((place, format!("leads nowhere: there is no {reference}")));
        }
        Ok(())
    })?;
    let sections = json["components"].as_object().into_iter().flatten();
    for (section, components) in sections {
        for (name, component) in components.as_object().into_iter().flatten() {
            if is_made_of(json, component, &format!("/components/{section}/{name}")) {
                let place = within(&within(".components", section), name);
                return Err((place, "refers to itself without an object in between".into()));
            }
        }
    }
    Ok(())
}

/// Whether `component` comes back to `own`, its pointer, when its direct references are followed.
fn is_made_of(json: &Value, component: &Value, own: &str) -> bool {
    let mut seen = HashSet::new();
    let mut open = direct_references(component);
    while let Some(target) = open.pop() {
        if target == own {
            return true;
        }
        if seen.insert(target) {
            open.extend(json.pointer(target).into_iter().flat_map(direct_references));
        }
    }
    false
}

/// The schemas that `schema` is made of, as opposed to those that its members have.
fn direct_references(schema: &Value) -> Vec<&str> {
    let combined = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
    let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.into_iter().chain(combined.flat_map(direct_references)).collect()
}

/// Calls `check` for every object of the document, outermost first.
fn visit<'a>(
    value: &'a Value,
    place: &str,
    check: &mut impl FnMut(&str, &'a Value) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    match value {
        Value::Object(members) => {
            check(place, value)?;
            members.iter().try_for_each(|(key, member)| visit(member, &within(place, key), check))
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| visit(item, &format!("{place}[{index}]"), check)),
        _ => Ok(()),
    }
}

fn check_operations(json: &Value) -> Result<(), Refusal> {
    for (path, item) in json["paths"].as_object().into_iter().flatten() {
        if item.get("$ref").is_some() {
            return Err((within(".paths", path), "is a reference; write the operations here".into()));
        }
    }
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    for Operation { place, json: operation, .. } in operations(json) {
        let id = match operation["operationId"].as_str() {
            Some(id) if !id.is_empty() => id,
            _ => return Err((place, "has no operationId, from which its method is named".into())),
        };
        // Ids that differ in case or separators alone give one Rust name.
        let method_name = id.to_ascii_lowercase().replace(['_', '-', '.', ' '], "");
        if let Some(other) = places.insert(method_name, place.clone()) {
            return Err((within(&place, "operationId"), format!("{id:?} is taken by {other}")));
        }
        let responses = operation["responses"].as_object();
        if responses.is_some_and(|responses| responses.contains_key("default") && responses.len() > 1) {
            let place = within(&within(&place, "responses"), "default");
            return Err((
                place,
                "cannot stand beside other responses; list \"4XX\" and \"5XX\" instead".into(),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use crate::spec::Spec;
    use crate::spec::tests::{assert_refused, minimal, operation};

    #[test]
    fn a_dangling_reference_is_refused_at_its_place() {
        assert_refused(
            |spec| {
                spec["components"]["schemas"]["Job"] =
                    json!({ "properties": { "a-b": { "$ref": "#/none" } } })
            },
            "spec.json at .components.schemas.Job.properties[\"a-b\"][\"$ref\"]: leads nowhere: there is no \"#/none\"",
        );
        assert_refused(
            |spec| spec["components"]["schemas"]["Job"] = json!({ "$ref": "other.json#/Job" }),
            "spec.json at .components.schemas.Job[\"$ref\"]: is \"other.json#/Job\"; only references within",
        );
    }

    #[test]
    fn a_schema_made_of_itself_is_refused() {
        let own = json!({ "$ref": "#/components/schemas/Job" });
        assert_refused(
            |spec| spec["components"]["schemas"]["Job"] = json!({ "allOf": [own] }),
            "spec.json at .components.schemas.Job: refers to itself",
        );
        let own = json!({ "$ref": "#/components/parameters/Id" });
        assert_refused(
            |spec| spec["components"]["parameters"] = json!({ "Id": own }),
            "spec.json at .components.parameters.Id: refers to itself",
        );
    }

    #[test]
    fn a_schema_may_hold_itself_as_a_member() {
        let mut spec = minimal();
        spec["components"]["schemas"]["Job"] =
            json!({ "type": "object", "properties": { "parent": { "$ref": "#/components/schemas/Job" } } });
        assert!(Spec::parse(&spec.to_string(), Path::new("spec.json")).is_ok());
    }

    #[test]
    fn an_operation_needs_an_id_of_its_own() {
        assert_refused(
            |spec| spec["paths"]["/jobs/{id}"]["get"]["operationId"] = json!(""),
            "spec.json at .paths[\"/jobs/{id}\"].get: has no operationId",
        );
        assert_refused(
            |spec| spec["paths"]["/jobs/{id}"]["put"] = operation("readJob"),
            "spec.json at .paths[\"/jobs/{id}\"].put.operationId: \"readJob\" is taken by .paths[\"/jobs/{id}\"].get",
        );
    }

    #[test]
    fn a_default_response_beside_others_is_refused() {
        assert_refused(
            |spec| spec["paths"]["/jobs/{id}"]["get"]["responses"]["default"] = json!({ "description": "" }),
            "spec.json at .paths[\"/jobs/{id}\"].get.responses.default: cannot stand beside",
        );
    }
}
