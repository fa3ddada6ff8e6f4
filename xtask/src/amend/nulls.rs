//! Lists and maps that the service writes as null.

use syn::{Fields, Item, Type, parse_quote};

use crate::syntax::has_serde_flag;

/// Reads null as empty in every list and map of the `types`: it would cost the whole response.
pub(super) fn read_as_empty(types: &mut Vec<Item>) {
    let mut is_used = false;
    for item in types.iter_mut() {
        let Item::Struct(item) = item else { continue };
        let Fields::Named(fields) = &mut item.fields else { continue };
        for field in fields.named.iter_mut().filter(|field| is_collection(&field.ty)) {
            if !has_serde_flag(field, "flatten") {
                field.attrs.push(parse_quote!(#[serde(deserialize_with = "null_as_empty")]));
                is_used = true;
            }
        }
    }
    if is_used {
        types.push(parse_quote! {
            fn null_as_empty<'de, D, T>(deserializer: D) -> ::std::result::Result<T, D::Error>
            where
                D: ::serde::Deserializer<'de>,
                T: ::serde::Deserialize<'de> + ::std::default::Default,
            {
                let value = <::std::option::Option<T> as ::serde::Deserialize>::deserialize(deserializer)?;
                ::std::result::Result::Ok(value.unwrap_or_default())
            }
        });
    }
}

fn is_collection(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let last = path.path.segments.last();
    last.is_some_and(|segment| ["Vec", "Map", "HashMap"].iter().any(|name| segment.ident == name))
}
