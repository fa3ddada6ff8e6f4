//! What the document deprecates.

use std::collections::BTreeSet;

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
    let mut found = false;
    for (name, schema) in schemas(json) {
        let ident = type_name(name);
        let fields = schema["properties"].as_object().into_iter().flatten();
        let fields: BTreeSet<&str> = fields
            .filter(|(_, property)| property["deprecated"] == true)
            .map(|(name, _)| name.as_str())
            .collect();
        for item in types.iter_mut() {
            match item {
                Item::Struct(item) if item.ident == ident => {
                    if schema["deprecated"] == true {
                        item.attrs.push(deprecated());
                        found = true;
                    }
                    let Fields::Named(named) = &mut item.fields else { continue };
                    for field in &mut named.named {
                        if wire_name(field).is_some_and(|name| fields.contains(name.as_str())) {
                            field.attrs.push(deprecated());
                            found = true;
                        }
                    }
                }
                Item::Enum(item) if item.ident == ident && schema["deprecated"] == true => {
                    item.attrs.push(deprecated());
                    found = true;
                }
                _ => {}
            }
        }
    }
    if found {
        module.attrs.push(parse_quote!(#[allow(deprecated)]));
    }
}

fn deprecated() -> Attribute {
    parse_quote!(#[deprecated])
}
