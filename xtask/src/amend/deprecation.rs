//! Deprecations: `#[deprecated]` on what the document deprecates.

use serde_json::Value;
use syn::{Attribute, Item, parse_quote};

use crate::document::schemas;
use crate::names;
use crate::normalize::Method;
use crate::syntax::{methods_mut, type_name, wire_name};

/// Marks methods, types and fields as deprecated; the generated code itself may use them.
pub(super) fn apply(json: &Value, methods: &[Method], client: &mut syn::File) {
    for function in methods_mut(&mut client.items) {
        if methods.iter().any(|method| method.is_deprecated && function.sig.ident == method.name) {
            function.attrs.push(deprecated());
        }
    }
    for item in &mut client.items {
        let Item::Mod(module) = item else { continue };
        let mut found = false;
        for item in module.content.iter_mut().flat_map(|(_, items)| items) {
            found |= mark_type(json, item);
        }
        if found {
            module.attrs.push(parse_quote!(#[allow(deprecated)]));
        }
    }
}

/// Marks a type and its fields, and returns true if something is deprecated.
fn mark_type(json: &Value, item: &mut Item) -> bool {
    let name = type_name(item);
    let schema = schemas(json).find(|(component, _)| name.as_ref() == Some(&names::type_name(component)));
    let Some((_, schema)) = schema else { return false };
    let mark = |attributes: &mut Vec<Attribute>, schema: &Value| {
        let is_deprecated = schema["deprecated"] == true;
        attributes.extend(is_deprecated.then(deprecated));
        is_deprecated
    };
    match item {
        Item::Struct(item) => item.fields.iter_mut().fold(mark(&mut item.attrs, schema), |found, field| {
            let property = wire_name(field).map_or(&Value::Null, |name| &schema["properties"][name]);
            mark(&mut field.attrs, property) || found
        }),
        Item::Enum(item) => mark(&mut item.attrs, schema),
        _ => false,
    }
}

fn deprecated() -> Attribute {
    parse_quote!(#[deprecated])
}
