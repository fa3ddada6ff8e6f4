//! Other names of a member: the service names one thing differently by operation.
//!
//! The extension `x-other-names` of a property lists them; the generated type then reads the member by
//! each of its names, and writes the property's own.

use std::collections::BTreeSet;

use quote::quote;
use serde_json::Value;
use syn::{Item, parse_quote};

use crate::spec::{OTHER_NAMES, Spec, SpecError, within};

/// Has each of the generated `types` read its members by the other names that the spec has for them.
pub(crate) fn add(spec: &Spec, types: &mut Vec<Item>) -> Result<(), SpecError> {
    let mut used = 0;
    let schemas = spec.json["components"]["schemas"].as_object().into_iter().flatten();
    for (type_name, schema) in schemas {
        let mut taken = BTreeSet::new();
        let mut members: Vec<(&str, Vec<&str>)> = Vec::new();
        for (property_name, property) in schema["properties"].as_object().into_iter().flatten() {
            let Some(names) = property.get(OTHER_NAMES) else { continue };
            let place = within(&within(".components.schemas", type_name), "properties");
            let place = within(&within(&place, property_name), OTHER_NAMES);
            let names = read(names, &schema["properties"], &mut taken)
                .map_err(|reason| SpecError::new(&spec.file, &place, reason))?;
            members.push((property_name, names));
        }
        used += members.len();
        if !members.is_empty() {
            read_through_names(types, type_name, &members).ok_or_else(|| {
                let place = within(".components.schemas", type_name);
                SpecError::new(&spec.file, place, format!("has {OTHER_NAMES}, but became no struct"))
            })?;
        }
    }
    if used < count(&spec.json) {
        let reason =
            format!("{OTHER_NAMES} is for the properties of .components.schemas, and stands elsewhere too");
        return Err(SpecError::new(&spec.file, "", reason));
    }
    Ok(())
}

/// Puts the reading by names between the struct and its derived code, which `remote` gives other names.
fn read_through_names(types: &mut Vec<Item>, type_name: &str, members: &[(&str, Vec<&str>)]) -> Option<()> {
    let item = types.iter_mut().find_map(|item| match item {
        Item::Struct(item) if item.ident == type_name => Some(item),
        _ => None,
    })?;
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
    Some(())
}

/// How often the extension stands in the document.
fn count(part: &Value) -> usize {
    match part {
        Value::Object(members) => {
            usize::from(members.contains_key(OTHER_NAMES)) + members.values().map(count).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(count).sum(),
        _ => 0,
    }
}

fn read<'a>(
    names: &'a Value,
    properties: &Value,
    taken: &mut BTreeSet<&'a str>,
) -> Result<Vec<&'a str>, String> {
    let names = names.as_array().ok_or("must be a list of names")?;
    names
        .iter()
        .map(|name| match name.as_str() {
            None => Err(format!("holds {name}, which is not a name")),
            Some(name) if properties.get(name).is_some() => {
                Err(format!("holds {name:?}, which is a property of its own"))
            }
            Some(name) if !taken.insert(name) => Err(format!("holds {name:?}, which is taken")),
            Some(name) => Ok(name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn add_to(property: Value) -> Result<String, String> {
        let spec = json!({
            "openapi": "3.0.3",
            "info": { "title": "hub", "version": "1" },
            "paths": {},
            "components": { "schemas": { "Job": { "properties": { "startTime": property, "end": {} } } } },
        });
        let spec = Spec::parse(&spec.to_string(), Path::new("spec.json")).unwrap();
        let mut file: syn::File = parse_quote! {
            pub struct Job {
                #[serde(rename = "startTime", skip_serializing_if = "Option::is_none")]
                pub start_time: Option<String>,
                pub end: Option<String>,
            }
        };
        add(&spec, &mut file.items).map_err(|error| error.to_string())?;
        Ok(prettyplease::unparse(&file))
    }

    #[test]
    fn a_member_is_read_by_its_other_names_too() {
        let source = add_to(json!({ "x-other-names": ["startTimeUtc"] })).unwrap();
        assert!(source.starts_with("#[serde(remote = \"Self\")]\npub struct Job {"), "{source}");
        assert!(source.contains("&[(\"startTime\", &[\"startTimeUtc\"])]"), "{source}");
    }

    #[test]
    fn names_in_places_that_are_not_looked_at_are_refused() {
        let inner = json!({ "type": "object", "properties": { "a": { "x-other-names": ["b"] } } });
        assert!(add_to(inner).unwrap_err().contains("stands elsewhere too"));
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        for (names, reason) in [
            (json!("startTimeUtc"), "must be a list of names"),
            (json!([1]), "holds 1, which is not a name"),
            (json!(["a", "a"]), "holds \"a\", which is taken"),
            (json!(["end"]), "holds \"end\", which is a property of its own"),
        ] {
            let place = "spec.json at .components.schemas.Job.properties.startTime[\"x-other-names\"]";
            let error = add_to(json!({ "x-other-names": names })).unwrap_err();
            assert_eq!(error, format!("{place}: {reason}"));
        }
    }
}
