//! Members that the service names differently by operation.
//!
//! The extension `x-other-names` of a property lists its other names. The generated type then reads the
//! member by any of them, and writes the property's own name. What the error of reading a request quotes is escaped.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;
use syn::punctuated::Punctuated;
use syn::{Fields, Item, ItemStruct, Path, Token, parse_quote};

use super::readers::REQUEST;
use crate::document::{Defect, OTHER_NAMES, SCHEMAS, descendant, schemas};
use crate::names::type_name;
use crate::syntax::type_name as type_name_of;

/// Makes each of the generated `types` read its members by the other names that the spec lists.
pub(super) fn add(json: &Value, types: &mut Vec<Item>) -> Result<(), Defect> {
    for (component, schema) in schemas(json) {
        let properties = schema["properties"].as_object();
        let mut used: BTreeSet<&str> =
            properties.into_iter().flat_map(|names| names.keys()).map(String::as_str).collect();
        let mut members: Vec<(&str, Vec<&str>)> = Vec::new();
        for (property_name, property) in properties.into_iter().flatten() {
            let Some(names) = property.get(OTHER_NAMES) else { continue };
            let place = descendant(SCHEMAS, &[component, "properties", property_name, OTHER_NAMES]);
            let names = read(names, &mut used).map_err(|reason| Defect::new(place, reason))?;
            members.push((property_name, names));
        }
        let owner = type_name(component);
        if owner == REQUEST {
            let read = quote!(Members::deserialize(deserializer).map_err(crate::runtime::escape));
            read_by_copy(types, &owner, &quote!(#[serde(deny_unknown_fields)]), &read);
        } else if !members.is_empty() {
            let members = members.iter().map(|(own, others)| quote!((#own, &[#(#others),*])));
            let reader = quote!(crate::runtime::aliases::AliasReader::new(deserializer, &[#(#members),*]));
            read_by_copy(types, &owner, &TokenStream::new(), &quote!(Members::deserialize(#reader)));
        }
    }
    Ok(())
}

/// Reads a list of other names, none of which may name another member.
fn read<'a>(names: &'a Value, used: &mut BTreeSet<&'a str>) -> Result<Vec<&'a str>, String> {
    let names = names.as_array().ok_or("must be a list of names")?;
    let read = names.iter().map(|name| match name.as_str() {
        Some(name) if used.insert(name) => Ok(name),
        _ => Err(format!("holds {name}, which is in use or no name; remove it")),
    });
    read.collect()
}

/// Reads a struct by the expression `read`, in which `Members` is a copy with this attribute that exists for this alone.
fn read_by_copy(types: &mut Vec<Item>, owner: &str, attribute: &TokenStream, read: &TokenStream) {
    let mut structs = types.iter_mut().filter(|item| type_name_of(item).as_deref() == Some(owner));
    let Some(Item::Struct(ItemStruct { ident, attrs, fields: Fields::Named(fields), .. })) = structs.next()
    else {
        return;
    };
    for attr in attrs.iter_mut().filter(|attr| attr.path().is_ident("derive")) {
        let derives = attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
        let is_other = |path: &Path| path.segments.last().is_none_or(|last| last.ident != "Deserialize");
        let others = derives.into_iter().flatten().filter(is_other);
        *attr = parse_quote!(#[derive(#(#others),*)]);
    }
    let mut members = fields.clone();
    members.named.iter_mut().for_each(|field| field.attrs.retain(|attr| !attr.path().is_ident("doc")));
    let item = parse_quote! {
        impl<'de> ::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                #[derive(::serde::Deserialize)]
                #[serde(remote = #owner)]
                #attribute
                struct Members #members
                #read
            }
        }
    };
    types.push(item);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn add_to(property: Value) -> Result<String, String> {
        let spec = json!({
            "components": { "schemas": { "job": { "properties": { "startTime": property, "end": {} } } } },
        });
        let mut file: syn::File = parse_quote! {
            pub struct Job {
                #[serde(rename = "startTime", skip_serializing_if = "Option::is_none")]
                pub start_time: Option<String>,
                pub end: Option<String>,
            }
        };
        add(&spec, &mut file.items).map_err(|defect| defect.to_string())?;
        Ok(prettyplease::unparse(&file))
    }

    #[test]
    fn member_is_read_by_its_other_names() {
        let source = add_to(json!({ "x-other-names": ["startTimeUtc"] })).unwrap();
        assert!(source.contains("#[serde(remote = \"Job\")]\n        struct Members {"), "{source}");
        assert!(source.contains("&[(\"startTime\", &[\"startTimeUtc\"])]"), "{source}");
    }

    #[test]
    fn errors_of_a_request_are_escaped() {
        let spec = json!({ "components": { "schemas": { "JobRequest": { "properties": {} } } } });
        let mut file: syn::File = parse_quote!(
            pub struct JobRequest {}
        );
        add(&spec, &mut file.items).unwrap();
        let source = prettyplease::unparse(&file);
        assert!(source.contains(".map_err(crate::runtime::escape)"), "{source}");
    }

    #[test]
    fn invalid_names_are_refused() {
        for (names, reason) in [
            (json!("startTimeUtc"), "must be a list of names"),
            (json!([1]), "holds 1, which is in use or no name; remove it"),
            (json!(["a", "a"]), "holds \"a\", which is in use or no name; remove it"),
            (json!(["end"]), "holds \"end\", which is in use or no name; remove it"),
        ] {
            let place = " at .components.schemas.job.properties.startTime[\"x-other-names\"]";
            let error = add_to(json!({ "x-other-names": names })).unwrap_err();
            assert_eq!(error, format!("{place}: {reason}"));
        }
    }
}
