//! Members that functions of the runtime read.

use quote::format_ident;
use syn::{Fields, Ident, Item, ItemStruct, Type, parse_quote};

use crate::syntax::{optional, wire_name};

/// The request that people write by hand: a member that it does not know is misspelt.
const REQUEST: &str = "JobRequest";
/// Texts that the service writes as numbers too: in a row of devices.jobs, the code of an error.
const TEXTS_OR_NUMBERS: [(&str, &str); 1] = [("DeviceJobError", "code")];

/// Reads a number as its text where the service writes either.
pub(super) fn read_numbers_as_text(types: &mut [Item]) {
    for (name, member) in TEXTS_OR_NUMBERS {
        let fields = find(types, name).map(|item| &mut item.fields);
        for field in fields.into_iter().flatten().filter(|field| wire_name(field).as_deref() == Some(member))
        {
            let reader = "crate::runtime::text_or_number";
            field.attrs.push(parse_quote!(#[serde(default, deserialize_with = #reader)]));
        }
    }
}

/// Refuses members of the request that it does not know, with their paths, those of types that it shares with
/// responses included.
pub(super) fn refuse_unknown_members(types: &mut Vec<Item>) {
    let structs: Vec<Ident> = types.iter().filter_map(struct_name).collect();
    let Some(ItemStruct { attrs, fields: Fields::Named(fields), .. }) = find(types, REQUEST) else { return };
    attrs.push(parse_quote!(#[serde(deny_unknown_fields)]));
    let mut readers: Vec<Item> = Vec::new();
    for field in &mut fields.named {
        let is_struct = |ty: &Type| match ty {
            Type::Path(path) => structs.iter().any(|name| path.path.is_ident(name)),
            _ => false,
        };
        let (Some(ident), Some(name)) = (&field.ident, wire_name(field)) else { continue };
        if !optional(&field.ty).is_some_and(is_struct) {
            continue;
        }
        let (reader, ty) = (format_ident!("read_{ident}"), &field.ty);
        readers.push(parse_quote! {
            fn #reader<'de, D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<#ty, D::Error> {
                crate::runtime::read_known(#name, deserializer)
            }
        });
        let reader = reader.to_string();
        field.attrs.push(parse_quote!(#[serde(default, deserialize_with = #reader)]));
    }
    types.extend(readers);
}

fn find<'a>(types: &'a mut [Item], name: &str) -> Option<&'a mut ItemStruct> {
    types.iter_mut().find_map(|item| match item {
        Item::Struct(item) if item.ident == name => Some(item),
        _ => None,
    })
}

fn struct_name(item: &Item) -> Option<Ident> {
    match item {
        Item::Struct(item) => Some(item.ident.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_reads_shared_types_strictly() {
        let mut file: syn::File = parse_quote! {
            pub struct JobRequest {
                #[serde(rename = "updateTwin")]
                pub update_twin: Option<Twin>,
                pub status: Option<types::JobStatus>,
            }
            pub struct Twin {}
        };
        refuse_unknown_members(&mut file.items);
        let source = prettyplease::unparse(&file);
        assert!(source.starts_with("#[serde(deny_unknown_fields)]\npub struct JobRequest {"), "{source}");
        assert_eq!(source.matches("deserialize_with = \"read_update_twin\"").count(), 1, "{source}");
        assert!(source.contains("crate::runtime::read_known(\"updateTwin\", deserializer)"), "{source}");
    }

    #[test]
    fn code_of_an_error_is_read_as_text() {
        let mut file: syn::File = parse_quote! {
            pub struct DeviceJobError { pub code: Option<String>, pub description: Option<String> }
        };
        read_numbers_as_text(&mut file.items);
        let source = prettyplease::unparse(&file);
        assert_eq!(source.matches("crate::runtime::text_or_number").count(), 1, "{source}");
    }
}
