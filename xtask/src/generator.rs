//! Progenitor and all of its settings; a panic in it becomes an error with a place.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use openapiv3::OpenAPI;
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TypeImpl, TypePatch};
use quote::quote;
use serde_json::{Map, Value, json};
use syn::{Fields, Item, parse_quote};

use crate::document::{Defect, SCHEMAS, child, operations, references};
use crate::enums::Enum;
use crate::spec::Spec;
use crate::syntax::{type_name, types_module};

/// The methods of generated types that the hand-written layer defines, with the reason for each.
pub(crate) const HAND_WRITTEN: &[(&str, &str, &str)] = &[
    ("CloudToDeviceMethod", "new", "the constructor documents the method's name"),
    ("CloudToDeviceMethod", "with_payload", "its docs lead to with_payload_of, for a type of the user"),
    ("Twin", "with_tags", "takes any JSON, so that json! works, and documents the merge"),
    ("Twin", "with_desired", "reaches into the member properties"),
];

/// Derived on every generated type, so that a user's schema tools can read it.
const SCHEMA_ATTRIBUTE: &str = r#"#[cfg_attr(feature = "schemars", derive(::schemars::JsonSchema))]"#;

/// Generates the client for `spec`, without the `enums`, which are to be added to its types.
pub(crate) fn generate(spec: &Spec, enums: &[Enum]) -> Result<syn::File, Defect> {
    let generate = || {
        // The first run shows which names the generator gives to types without a name in the spec.
        let mut file = run(&spec.api, enums, &[])?;
        let types = types_module(&mut file).ok_or("it wrote no module `types`")?;
        let mut client = run(&spec.api, enums, types)?;
        if let Some(types) = types_module(&mut client).filter(|_| !enums.is_empty()) {
            // Both the module and the methods name the enums as `types::…`, wherever the client is.
            types.insert(
                0,
                parse_quote!(
                    use super::types;
                ),
            );
        }
        Ok(client)
    };
    generate().map_err(|reason: String| {
        let place = find_culprit(spec, enums).unwrap_or_default();
        Defect::new(place, format!("the generator cannot take it: {reason}"))
    })
}

fn settings(enums: &[Enum], types: &[Item]) -> Result<GenerationSettings, serde_json::Error> {
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_inner_type(quote!(crate::runtime::Attempt))
        .with_hooks(HooksMode::Expected)
        .with_conversion(
            serde_json::from_value(json!({ "type": "string", "format": "date-time" }))?,
            "crate::runtime::Timestamp",
            [TypeImpl::FromStr, TypeImpl::Display].into_iter(),
        );
    for Enum { ident, .. } in enums {
        let traits = [TypeImpl::FromStr, TypeImpl::Display].into_iter();
        settings.with_replacement(ident, format!("types::{ident}"), traits);
    }
    for item in types {
        let Some(name) = type_name(item) else { continue };
        let mut patch = TypePatch::default();
        patch.with_attr(SCHEMA_ATTRIBUTE).with_derive("PartialEq");
        if can_grow(item) {
            patch.with_attr("#[non_exhaustive]");
        }
        settings.with_patch(name, &patch);
    }
    Ok(settings)
}

/// Returns true for a struct to which the spec may add fields.
fn can_grow(item: &Item) -> bool {
    matches!(item, Item::Struct(item) if matches!(item.fields, Fields::Named(_)))
}

/// Runs the generator once.
fn run(api: &OpenAPI, enums: &[Enum], types: &[Item]) -> Result<syn::File, String> {
    let settings = settings(enums, types).map_err(|error| error.to_string())?;
    quietly(|| Generator::new(&settings).generate_tokens(api))?
        .map_err(|error| error.to_string())
        .and_then(|tokens| syn::parse2(tokens).map_err(|error| format!("it wrote no Rust: {error}")))
}

/// Finds the part of the document on which the generator fails even alone.
fn find_culprit(spec: &Spec, enums: &[Enum]) -> Option<String> {
    let schemas = spec.json["components"]["schemas"].as_object();
    let reach = |name| {
        let mut reached = BTreeMap::new();
        collect_schemas(&spec.json, name, &mut reached);
        Value::from_iter(reached)
    };
    let mut alone: Vec<(String, Value)> = schemas
        .into_iter()
        .flat_map(Map::keys)
        .map(|name| (child(SCHEMAS, name), parts(spec, json!({}), reach(name))))
        .collect();
    // A schema that merely refers to the culprit fails as well, but is larger.
    alone.sort_by_key(|(_, document)| document["components"]["schemas"].as_object().map(Map::len));
    let all_schemas = &spec.json["components"]["schemas"];
    alone.extend(operations(&spec.json).map(|operation| {
        let mut item = json!({ operation.method: operation.json });
        if !operation.shared_parameters.is_null() {
            item["parameters"] = operation.shared_parameters.clone();
        }
        (operation.place, parts(spec, json!({ operation.path: item }), all_schemas.clone()))
    }));
    let fails =
        |document: Value| serde_json::from_value(document).is_ok_and(|api| run(&api, enums, &[]).is_err());
    alone.into_iter().find_map(|(place, document)| fails(document).then_some(place))
}

/// The document reduced to `paths` and `schemas`, and what those may refer to.
fn parts(spec: &Spec, paths: Value, schemas: Value) -> Value {
    let mut document = spec.json.clone();
    document["paths"] = paths;
    document["components"]["schemas"] = schemas;
    document
}

/// Collects the schema `name` and every schema that it refers to, directly or not.
fn collect_schemas(document: &Value, name: &str, reached: &mut BTreeMap<String, Value>) {
    let schema = &document["components"]["schemas"][name];
    if reached.insert(name.to_owned(), schema.clone()).is_none() {
        for target in references(schema) {
            if let Some(name) = target.strip_prefix("#/components/schemas/") {
                collect_schemas(document, name, reached);
            }
        }
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; a panic in it prints nothing and is returned as its message.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(false);
    outcome.map_err(|payload| panic_message(payload.as_ref()))
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(paths: Value, schemas: Value) -> String {
        let document = json!({
            "openapi": "3.0.3",
            "info": { "title": "hub", "version": "1" },
            "paths": paths,
            "components": { "schemas": schemas },
        });
        let spec = Spec::parse(&document.to_string()).unwrap();
        generate(&spec, &[]).err().unwrap().to_string()
    }

    #[test]
    fn unsupported_operation_is_named() {
        let answer = |name: &str| {
            let schema =
                json!({ "type": "object", "title": name, "required": [name], "properties": { name: {} } });
            json!({ "description": "", "content": { "application/json": { "schema": schema } } })
        };
        let sound = json!({ "operationId": "sound", "responses": { "200": answer("a") } });
        let unsound =
            json!({ "operationId": "unsound", "responses": { "200": answer("a"), "201": answer("b") } });
        let message = refusal(json!({ "/a": { "get": sound }, "/b": { "put": unsound } }), json!({}));
        assert!(message.starts_with(" at .paths[\"/b\"].put: the generator cannot take it: "), "{message}");
    }

    #[test]
    fn unsupported_schema_is_named() {
        let unsound = json!({ "exclusiveMinimum": true });
        let refers = json!({ "type": "object", "properties": { "unsound": { "$ref": "#/components/schemas/Unsound" } } });
        let message = refusal(json!({}), json!({ "Job": refers, "Unsound": unsound }));
        assert!(
            message.starts_with(" at .components.schemas.Unsound: the generator cannot take it: "),
            "{message}"
        );
    }
}
