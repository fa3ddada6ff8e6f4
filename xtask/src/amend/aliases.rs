//! Members that the service names differently by operation.
//!
//! The extension `x-other-names` of a property lists its other names. The generated type then reads the
//! member by any of them, and writes the property's own name.

use std::collections::BTreeSet;

use quote::quote;
use serde_json::Value;
use syn::{Item, parse_quote};

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
        if !members.is_empty() {
            read_through_names(types, &type_name(component), &members);
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

/// Wraps the derived code of the struct, which `remote` turns into inherent functions.
fn read_through_names(types: &mut Vec<Item>, type_name: &str, members: &[(&str, Vec<&str>)]) {
    let item = types.iter_mut().find_map(|item| match item {
        Item::Struct(item) if item.ident == type_name => Some(item),
        _ => None,
    });
    let Some(item) = item else { return };
    item.attrs.push(parse_quote!(#[serde(remote = "Self")]));
    let ident = item.ident.clone();
    let members = members.iter().map(|(own, others)| quote!((#own, &[#(#others),*])));
    types.push(parse_quote! {
        impl<'de> ::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                Self::deserialize(crate::runtime::aliases::AliasReader::new(deserializer, &[#(#members),*]))
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
