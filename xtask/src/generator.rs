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
use syn::Item;

use crate::enums::Enum;
use crate::spec::{Spec, SpecError, operations, references, within};

/// Where the generated types live, seen from everywhere in the client's crate.
const TYPES: &str = "crate::generated::types";

/// Derived on every generated type, so that a user's schema tools can read it.
const SCHEMA_ATTRIBUTE: &str = r#"#[cfg_attr(feature = "schemars", derive(::schemars::JsonSchema))]"#;

/// Generates the client for `spec`, without the `enums`, which are to be added to its types.
pub(crate) fn generate(spec: &Spec, enums: &[Enum]) -> Result<syn::File, SpecError> {
    let generate = || {
        // Types that have no name in the spec get one from the generator: a first run tells it.
        let mut file = run(&spec.api, enums, &[])?;
        let types = types_module(&mut file).ok_or("it wrote no module `types`")?;
        let names: Vec<String> = types.iter().filter_map(type_name).collect();
        run(&spec.api, enums, &names)
    };
    generate().map_err(|reason: String| {
        let place = culprit(spec, enums).unwrap_or_default();
        SpecError::new(&spec.file, place, format!("the generator cannot take it: {reason}"))
    })
}

/// The items of the module that holds the types; none when the generator wrote no such module.
pub(crate) fn types_module(file: &mut syn::File) -> Option<&mut Vec<Item>> {
    file.items.iter_mut().find_map(|item| match item {
        Item::Mod(module) if module.ident == "types" => Some(&mut module.content.as_mut()?.1),
        _ => None,
    })
}

/// The name of a struct or enum.
pub(crate) fn type_name(item: &Item) -> Option<String> {
    match item {
        Item::Struct(item) => Some(item.ident.to_string()),
        Item::Enum(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

fn settings(enums: &[Enum], types: &[String]) -> Result<GenerationSettings, serde_json::Error> {
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
        settings.with_replacement(ident, format!("{TYPES}::{ident}"), traits);
    }
    for name in types {
        settings.with_patch(name, TypePatch::default().with_attr(SCHEMA_ATTRIBUTE).with_derive("PartialEq"));
    }
    Ok(settings)
}

/// Runs the generator once.
fn run(api: &OpenAPI, enums: &[Enum], types: &[String]) -> Result<syn::File, String> {
    let settings = settings(enums, types).map_err(|error| error.to_string())?;
    quietly(|| Generator::new(&settings).generate_tokens(api))?
        .map_err(|error| error.to_string())
        .and_then(|tokens| syn::parse2(tokens).map_err(|error| format!("it wrote no Rust: {error}")))
}

/// The part of the document that the generator fails on even when it is alone.
fn culprit(spec: &Spec, enums: &[Enum]) -> Option<String> {
    let schemas = spec.json["components"]["schemas"].as_object();
    let reach = |name| {
        let mut reached = BTreeMap::new();
        collect_schemas(&spec.json, name, &mut reached);
        Value::from_iter(reached)
    };
    let mut alone: Vec<(String, Value)> = schemas
        .into_iter()
        .flat_map(Map::keys)
        .map(|name| (within(".components.schemas", name), parts(spec, json!({}), reach(name))))
        .collect();
    // A schema that merely refers to the culprit fails as well, but has more to it.
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

/// The document with nothing but `paths` and `schemas` in it, and what those may refer to.
fn parts(spec: &Spec, paths: Value, schemas: Value) -> Value {
    let mut document = spec.json.clone();
    document["paths"] = paths;
    document["components"]["schemas"] = schemas;
    document
}

/// Collects the schema `name` and all that it refers to, directly or not.
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

/// Runs `work`; a panic in it prints nothing and comes back as its message.
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
    use std::path::Path;

    use super::*;

    fn refusal(paths: Value, schemas: Value) -> String {
        let document = json!({
            "openapi": "3.0.3",
            "info": { "title": "hub", "version": "1" },
            "paths": paths,
            "components": { "schemas": schemas },
        });
        let spec = Spec::parse(&document.to_string(), Path::new("spec.json")).unwrap();
        generate(&spec, &[]).err().unwrap().to_string()
    }

    #[test]
    fn an_operation_the_generator_cannot_take_is_named() {
        let answer = |name: &str| {
            let schema =
                json!({ "type": "object", "title": name, "required": [name], "properties": { name: {} } });
            json!({ "description": "", "content": { "application/json": { "schema": schema } } })
        };
        let sound = json!({ "operationId": "sound", "responses": { "200": answer("a") } });
        let unsound =
            json!({ "operationId": "unsound", "responses": { "200": answer("a"), "201": answer("b") } });
        let message = refusal(json!({ "/a": { "get": sound }, "/b": { "put": unsound } }), json!({}));
        assert!(
            message.starts_with("spec.json at .paths[\"/b\"].put: the generator cannot take it: "),
            "{message}"
        );
    }

    #[test]
    fn a_schema_the_generator_cannot_take_is_named() {
        let unsound = json!({ "exclusiveMinimum": true });
        let refers = json!({ "type": "object", "properties": { "unsound": { "$ref": "#/components/schemas/Unsound" } } });
        let message = refusal(json!({}), json!({ "Job": refers, "Unsound": unsound }));
        assert!(
            message.starts_with("spec.json at .components.schemas.Unsound: the generator cannot take it: "),
            "{message}"
        );
    }
}
