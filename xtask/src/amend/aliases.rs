//! Members that the service names differently by operation.
//!
//! The extension `x-other-names` of a property lists its other names. The generated type then reads the
//! member by any of them, and writes the property's own name. What the error of reading a request quotes is escaped.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;
use syn::{Item, parse_quote};

use super::readers::REQUEST;
use crate::document::{Defect, OTHER_NAMES, SCHEMAS, descendant, schemas};
use crate::names::type_name;

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
            let read = quote!(Self::deserialize(deserializer).map_err(crate::runtime::escape));
            read_otherwise(types, REQUEST, &read);
        } else if !members.is_empty() {
            let members = members.iter().map(|(own, others)| quote!((#own, &[#(#others),*])));
            let reader = quote!(crate::runtime::aliases::AliasReader::new(deserializer, &[#(#members),*]));
            read_otherwise(types, &owner, &quote!(Self::deserialize(#reader)));
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

/// Reads a struct by this expression, which may call the derived code: `remote` turns that into inherent functions.
fn read_otherwise(types: &mut Vec<Item>, type_name: &str, read: &TokenStream) {
    let item = types.iter_mut().find_map(|item| match item {
        Item::Struct(item) if item.ident == type_name => Some(item),
        _ => None,
    });
    let Some(item) = item else { return };
    item.attrs.push(parse_quote!(#[serde(remote = "Self")]));
    let ident = item.ident.clone();
    types.push(parse_quote! {
        impl<'de> ::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                #read
            }
        }
    });
    types.push(parse_quote! {
        impl ::serde::Serialize for #ident {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> ::std::result::Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }
    });
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
        assert!(source.starts_with("#[serde(remote = \"Self\")]\npub struct Job {"), "{source}");
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
