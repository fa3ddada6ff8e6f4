//! Members that functions read: their types would make a whole response unreadable, or hide a mistake.

use quote::{ToTokens as _, format_ident};
use syn::{Field, Fields, Item, ItemStruct, parse_quote};

use crate::syntax::{has_serde_flag, optional, type_name, wire_name};

/// The request that people write by hand: a member that it does not know is misspelt.
pub(super) const REQUEST: &str = "JobRequest";
/// Texts that the service writes as numbers too: in a row of devices.jobs, the code of an error.
const TEXTS_OR_NUMBERS: [(&str, &str); 1] = [("DeviceJobError", "code")];
/// The function that is written beside the types if one of them has a list or a map.
const NULL_AS_EMPTY: &str = "null_as_empty";

/// Reads null as an empty list or map, `1.0` as 1, a number as text where the service writes either; and refuses unknown
/// members within those of the request, with their paths, of types that it shares with responses.
pub(super) fn set(types: &mut Vec<Item>) {
    let structs: Vec<String> = types.iter().filter_map(type_name).collect();
    let (mut functions, mut has_collections) = (Vec::new(), false);
    for item in types.iter_mut() {
        let Item::Struct(ItemStruct { ident: owner, fields: Fields::Named(fields), .. }) = item else {
            continue;
        };
        let is_request = owner == REQUEST;
        for field in &mut fields.named {
            let is_object =
                optional(&field.ty).is_some_and(|ty| structs.contains(&ty.to_token_stream().to_string()));
            let reader = if is_request && is_object {
                let function = strict_reader(field);
                functions.extend(function.as_ref().map(|(_, function)| function.clone()));
                function.map(|(name, _)| name)
            } else {
                reader(&owner.to_string(), field).map(str::to_owned)
            };
            has_collections |= reader.as_deref() == Some(NULL_AS_EMPTY);
            if let Some(reader) = reader {
                // Absent members are left to serde's default, which optional ones have not with a reader.
                let default = optional(&field.ty).map(|_| quote::quote!(default,));
                field.attrs.push(parse_quote!(#[serde(#default deserialize_with = #reader)]));
            }
        }
    }
    types.extend(functions);
    let null_as_empty: Item = parse_quote! {
        fn null_as_empty<'de, D, T>(deserializer: D) -> ::std::result::Result<T, D::Error>
        where
            D: ::serde::Deserializer<'de>,
            T: ::serde::Deserialize<'de> + ::std::default::Default,
        {
            let value = <::std::option::Option<T> as ::serde::Deserialize>::deserialize(deserializer)?;
            ::std::result::Result::Ok(value.unwrap_or_default())
        }
    };
    types.extend(has_collections.then_some(null_as_empty));
}

/// Names the function that reads a member, if it needs one.
fn reader(owner: &str, field: &Field) -> Option<&'static str> {
    let ty = field.ty.to_token_stream().to_string().replace(' ', "");
    let name = wire_name(field)?;
    let is_collection = ["::Vec<", "::Map<", "::HashMap<"]
        .iter()
        .any(|start| ty.find(start).is_some_and(|at| !ty[..at].contains('<')));
    if is_collection && !has_serde_flag(field, "flatten") {
        Some(NULL_AS_EMPTY)
    } else if ty.ends_with("Option<i32>") || ty.ends_with("Option<i64>") {
        Some("crate::runtime::read_whole_number")
    } else if TEXTS_OR_NUMBERS.contains(&(owner, name.as_str())) {
        Some("crate::runtime::text_or_number")
    } else {
        None
    }
}

/// Writes a function that reads an object within the request, and names it.
fn strict_reader(field: &Field) -> Option<(String, Item)> {
    let (ty, name) = (&field.ty, wire_name(field)?);
    let function = format_ident!("read_{}", field.ident.as_ref()?);
    let item = parse_quote! {
        fn #function<'de, D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<#ty, D::Error> {
            crate::runtime::read_known(#name, deserializer)
        }
    };
    Some((function.to_string(), item))
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
        set(&mut file.items);
        let source = prettyplease::unparse(&file);
        assert_eq!(source.matches("deserialize_with = \"read_update_twin\"").count(), 1, "{source}");
        assert!(source.contains("crate::runtime::read_known(\"updateTwin\", deserializer)"), "{source}");
    }

    #[test]
    fn code_of_an_error_is_read_as_text() {
        let mut file: syn::File = parse_quote! {
            pub struct DeviceJobError { pub code: Option<String>, pub description: Option<String> }
        };
        set(&mut file.items);
        let source = prettyplease::unparse(&file);
        assert_eq!(source.matches("crate::runtime::text_or_number").count(), 1, "{source}");
    }
}
