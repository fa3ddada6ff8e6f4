//! Other names of a member: the service names one thing differently by operation.
//!
//! The extension `x-other-names` of a property lists them; the generated type then reads the member by
//! each of its names, and writes the property's own.

use std::collections::BTreeSet;

use serde_json::Value;
use syn::{Field, Fields, Item, LitStr, parse_quote};

use crate::spec::{OTHER_NAMES, Spec, SpecError, within};

/// Gives each member of the generated `types` the other names that the spec has for it.
pub(crate) fn add(spec: &Spec, types: &mut [Item]) -> Result<(), SpecError> {
    let mut used = 0;
    let schemas = spec.json["components"]["schemas"].as_object().into_iter().flatten();
    for (type_name, schema) in schemas {
        let mut taken = BTreeSet::new();
        let properties = schema["properties"].as_object().into_iter().flatten();
        for (property_name, property) in properties {
            let Some(names) = property.get(OTHER_NAMES) else { continue };
            let place = within(&within(".components.schemas", type_name), "properties");
            let place = within(&within(&place, property_name), OTHER_NAMES);
            let names = read(names, &schema["properties"], &mut taken)
                .map_err(|reason| SpecError::new(&spec.file, &place, reason))?;
            used += 1;
            let field = field(types, type_name, property_name).ok_or_else(|| {
                SpecError::new(&spec.file, &place, "belongs to a property that became no member of a struct")
            })?;
            field.attrs.extend(names.iter().map(|name| parse_quote!(#[serde(alias = #name)])));
        }
    }
    if used < count(&spec.json) {
        let reason =
            format!("{OTHER_NAMES} is for the properties of .components.schemas, and stands elsewhere too");
        return Err(SpecError::new(&spec.file, "", reason));
    }
    Ok(())
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

/// The field of the struct `type_name` that is written as `property_name`.
fn field<'a>(types: &'a mut [Item], type_name: &str, property_name: &str) -> Option<&'a mut Field> {
    let fields = types.iter_mut().find_map(|item| match item {
        Item::Struct(item) if item.ident == type_name => Some(&mut item.fields),
        _ => None,
    })?;
    let Fields::Named(fields) = fields else { return None };
    fields.named.iter_mut().find(|field| {
        field.ident.as_ref().is_some_and(|ident| ident == property_name)
            || is_renamed_to(field, property_name)
    })
}

fn is_renamed_to(field: &Field, name: &str) -> bool {
    let mut found = false;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // What stands behind the name does not matter, so neither does whether all of it is read.
        let _ = attribute.parse_nested_meta(|meta| {
            if let Ok(value) = meta.value() {
                let value: LitStr = value.parse()?;
                found |= meta.path.is_ident("rename") && value.value() == name;
            }
            Ok(())
        });
    }
    found
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
        assert_eq!(
            source.matches("#[serde(alias = \"startTimeUtc\")]\n    pub start_time").count(),
            1,
            "{source}"
        );
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
