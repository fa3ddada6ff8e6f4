//! Whole numbers that the service writes with a fraction of zero.

use quote::ToTokens as _;
use syn::{Fields, Item, Type, parse_quote};

/// Reads `1.0` as 1 in every optional whole number of the `types`: it would cost the whole response.
pub(super) fn read_by_value(types: &mut [Item]) {
    for item in types {
        let Item::Struct(item) = item else { continue };
        let Fields::Named(fields) = &mut item.fields else { continue };
        for field in fields.named.iter_mut().filter(|field| is_whole_number(&field.ty)) {
            let read =
                parse_quote!(#[serde(default, deserialize_with = "crate::runtime::read_whole_number")]);
            field.attrs.push(read);
        }
    }
}

fn is_whole_number(ty: &Type) -> bool {
    let text = ty.to_token_stream().to_string().replace(' ', "");
    ["i32", "i64"].iter().any(|number| text.ends_with(&format!("Option<{number}>")))
}
