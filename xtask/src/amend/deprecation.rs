//! Deprecations: `#[deprecated]` on what the document deprecates.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use syn::{Attribute, Fields, ImplItem, Item, ItemMod, parse_quote};

use crate::document::schemas;
use crate::names::type_name;
use crate::normalize::Method;
use crate::syntax::wire_name;

/// Marks methods, types and fields as deprecated; the generated code itself may use them.
pub(crate) fn apply(json: &Value, methods: &[Method], client: &mut syn::File) {
    let names: BTreeSet<&str> =
        methods.iter().filter(|method| method.is_deprecated).map(|method| method.name.as_str()).collect();
    for item in &mut client.items {
        match item {
            Item::Impl(block) if block.trait_.is_none() => {
                for item in &mut block.items {
                    if let ImplItem::Fn(function) = item
                        && names.contains(function.sig.ident.to_string().as_str())
                    {
                        function.attrs.push(deprecated());
                    }
                }
            }
            Item::Mod(module) if module.ident == "types" => mark_types(json, module),
            _ => {}
        }
    }
}

fn mark_types(json: &Value, module: &mut ItemMod) {
    let Some((_, types)) = &mut module.content else { return };
    let schemas: BTreeMap<String, &Value> =
        schemas(json).map(|(name, schema)| (type_name(name), schema)).collect();
    let mut found = false;
    let mut mark = |attributes: &mut Vec<Attribute>, schema: &Value| {
        if schema["deprecated"] == true {
            attributes.push(deprecated());
            found = true;
        }
    };
    for item in types.iter_mut() {
        match item {
            Item::Struct(item) => {
                let Some(schema) = schemas.get(&item.ident.to_string()) else { continue };
                mark(&mut item.attrs, schema);
                let Fields::Named(named) = &mut item.fields else { continue };
                for field in &mut named.named {
                    if let Some(name) = wire_name(field) {
                        mark(&mut field.attrs, &schema["properties"][name]);
                    }
                }
            }
            Item::Enum(item) => {
                if let Some(schema) = schemas.get(&item.ident.to_string()) {
                    mark(&mut item.attrs, schema);
                }
            }
            _ => {}
        }
    }
    if found {
        module.attrs.push(parse_quote!(#[allow(deprecated)]));
    }
}

fn deprecated() -> Attribute {
    parse_quote!(#[deprecated])
}
