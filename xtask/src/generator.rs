//! Progenitor and all of its settings; a panic in it becomes an error with a place.

use std::panic::{self, AssertUnwindSafe};

use openapiv3::OpenAPI;
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TypeImpl, TypePatch};
use quote::quote;
use serde_json::{Value, json};

use crate::document::{Defect, schemas};
use crate::enums::Enum;
use crate::names::type_name;
use crate::spec::Spec;
use crate::syntax::types_module;

/// Derived on every generated type, so that a user's schema tools can read it.
const SCHEMA_ATTRIBUTE: &str = r#"#[cfg_attr(feature = "schemars", derive(::schemars::JsonSchema))]"#;

/// Generates the client for `spec`, without the `enums`, which are to be added to its types.
pub(crate) fn generate(spec: &Spec, enums: &[Enum]) -> Result<syn::File, Defect> {
    // No document is known that passes the checks and yet fails here.
    let mut client = run(&spec.json, &spec.api, enums)
        .map_err(|reason| Defect::new("", format!("the generator cannot take it: {reason}")))?;
    if let Some(types) = types_module(&mut client).filter(|_| !enums.is_empty()) {
        // Both the module and the methods name the enums as `types::…`, wherever the client is.
        let import = syn::parse_str("use super::types;");
        types.insert(0, import.map_err(|error| Defect::new("", error.to_string()))?);
    }
    Ok(client)
}

fn settings(json: &Value, enums: &[Enum]) -> Result<GenerationSettings, serde_json::Error> {
    let mut settings = GenerationSettings::new();
    settings
        .with_interface(InterfaceStyle::Positional)
        .with_inner_type(quote!(crate::runtime::Attempt))
        .with_hooks(HooksMode::Expected)
        .with_conversion(
            serde_json::from_value(json!({ "type": "string", "format": "date-time" }))?,
            "crate::runtime::Timestamp",
            [TypeImpl::Display].into_iter(),
        );
    for Enum { ident, .. } in enums {
        let traits = [TypeImpl::FromStr, TypeImpl::Display].into_iter();
        settings.with_replacement(ident, format!("types::{ident}"), traits);
    }
    for (name, schema) in schemas(json) {
        let mut patch = TypePatch::default();
        patch.with_attr(SCHEMA_ATTRIBUTE).with_derive("PartialEq");
        // The spec may add members to an object.
        if schema["properties"].is_object() {
            patch.with_attr("#[non_exhaustive]");
        }
        settings.with_patch(type_name(name), &patch);
    }
    Ok(settings)
}

/// Runs the generator on a document and its typed form.
fn run(json: &Value, api: &OpenAPI, enums: &[Enum]) -> Result<syn::File, String> {
    let settings = settings(json, enums).map_err(|error| error.to_string())?;
    catch(|| Generator::new(&settings).generate_tokens(api))?
        .map_err(|error| error.to_string())
        .and_then(|tokens| syn::parse2(tokens).map_err(|error| format!("it wrote no Rust: {error}")))
}

/// Runs `work`; a panic in it is returned as its message.
fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
        text.lines().next().unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::places::Places;

    #[test]
    fn panic_of_the_generator_is_an_error() {
        let unsound = json!({ "operationId": "unsound", "responses": {} });
        let document = json!({
            "openapi": "3.0.3",
            "info": { "title": "hub", "version": "1" },
            "paths": { "/b}": { "put": unsound } },
        });
        // Neither checked nor normalized.
        let api = serde_json::from_value(document.clone()).unwrap();
        let spec = Spec { json: document, api, places: Places::default() };
        let message = generate(&spec, &[]).err().unwrap().to_string();
        assert!(message.starts_with(": the generator cannot take it: "), "{message}");
    }
}
