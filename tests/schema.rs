//! JSON schemas of the generated types, compared with the components of the spec.

use std::collections::BTreeSet;

use jobs_api::types;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

fn spec() -> Value {
    serde_json::from_str(include_str!("../spec/openapi.json")).unwrap()
}

/// Returns the name and the JSON schema of a generated type.
fn schema_of<T: JsonSchema>() -> (String, Value) {
    (T::schema_name().into_owned(), SchemaGenerator::default().into_root_schema_for::<T>().to_value())
}

/// Returns the JSON schemas of all generated types by name.
fn generated() -> Map<String, Value> {
    Map::from_iter([
        schema_of::<types::AuthenticationType>(),
        schema_of::<types::CloudToDeviceMethod>(),
        schema_of::<types::CloudToDeviceMethodResult>(),
        schema_of::<types::ConnectionState>(),
        schema_of::<types::DeviceCapabilities>(),
        schema_of::<types::DeviceJob>(),
        schema_of::<types::DeviceJobError>(),
        schema_of::<types::DeviceJobOutcome>(),
        schema_of::<types::DeviceJobStatistics>(),
        schema_of::<types::DeviceJobStatus>(),
        schema_of::<types::DeviceRow>(),
        schema_of::<types::DeviceStatus>(),
        schema_of::<types::JobRequest>(),
        schema_of::<types::JobResponse>(),
        schema_of::<types::JobStatus>(),
        schema_of::<types::JobType>(),
        schema_of::<types::QuerySpecification>(),
        schema_of::<types::Twin>(),
        schema_of::<types::TwinProperties>(),
        schema_of::<types::X509Thumbprint>(),
    ])
}

/// Reduces a property to its type, in one form for both kinds of schema. Ignores `null`, which every
/// property accepts.
fn shape(property: &Value) -> Value {
    if let Some(name) = reference(property) {
        return json!({ "ref": name });
    }
    let type_ = match &property["type"] {
        Value::Array(types) => types.iter().find(|name| *name != "null").cloned().unwrap_or_default(),
        type_ => type_.clone(),
    };
    json!({ "type": type_, "format": property["format"], "items": property["items"]["type"] })
}

/// Returns the name of the component that the property refers to.
fn reference(property: &Value) -> Option<&str> {
    let combined = ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| property[key].as_array()).flatten();
    let target =
        property["$ref"].as_str().or_else(|| combined.into_iter().find_map(|part| part["$ref"].as_str()))?;
    target.rsplit('/').next()
}

#[test]
fn every_component_has_a_type() {
    let (spec, generated) = (spec(), generated());
    let components = spec["components"]["schemas"].as_object().unwrap();
    assert_eq!(BTreeSet::from_iter(generated.keys()), BTreeSet::from_iter(components.keys()));
}

#[test]
fn every_type_matches_its_component() {
    let spec = spec();
    for (name, schema) in generated() {
        let component = &spec["components"]["schemas"][&name];
        assert_eq!(schema["type"], component["type"], "{name}");
        let members = |schema: &Value| {
            let properties = schema["properties"].as_object().cloned().unwrap_or_default();
            Map::from_iter(properties.iter().map(|(name, property)| (name.clone(), shape(property))))
        };
        assert_eq!(members(&schema), members(component), "{name}");
        assert_eq!(schema["required"], component["required"], "{name}");
        assert_eq!(
            schema["description"].as_str().map(first_line),
            component["description"].as_str().map(first_line)
        );
        assert_eq!(schema["examples"], component["enum"], "{name}");
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
