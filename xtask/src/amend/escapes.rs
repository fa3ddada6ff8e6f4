//! The errors of reading a request that people write by hand.

use quote::ToTokens as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Fields, Item, ItemStruct, Path, Token, parse_quote};

use crate::syntax::type_name;

/// The request that people write by hand.
const REQUEST: &str = "JobRequest";

/// Escapes what the error of reading a request quotes of it. The members are read by a copy of the type that exists
/// for this alone.
pub(super) fn escape_errors(types: &mut Vec<Item>) {
    let mut requests = types.iter_mut().filter(|item| type_name(item).as_deref() == Some(REQUEST));
    let Some(Item::Struct(ItemStruct { attrs, fields: Fields::Named(fields), .. })) = requests.next() else {
        return;
    };
    let is_strict = |attr: &Attribute| attr.to_token_stream().to_string().contains("deny_unknown_fields");
    attrs.retain(|attr| !is_strict(attr));
    for attr in attrs.iter_mut().filter(|attr| attr.path().is_ident("derive")) {
        let derives = attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
        let is_other = |path: &Path| path.segments.last().is_none_or(|last| last.ident != "Deserialize");
        let others = derives.into_iter().flatten().filter(is_other);
        *attr = parse_quote!(#[derive(#(#others),*)]);
    }
    let mut members = fields.clone();
    members.named.iter_mut().for_each(|field| field.attrs.retain(|attr| !attr.path().is_ident("doc")));
    types.push(parse_quote! {
        impl<'de> ::serde::Deserialize<'de> for JobRequest {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> ::std::result::Result<Self, D::Error> {
                #[derive(::serde::Deserialize)]
                #[serde(remote = "JobRequest", deny_unknown_fields)]
                struct Members #members
                Members::deserialize(deserializer).map_err(crate::runtime::escape)
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_read_by_a_copy_whose_errors_are_escaped() {
        let mut file: syn::File = parse_quote! {
            #[derive(::serde::Deserialize, Clone)]
            #[serde(deny_unknown_fields)]
            pub struct JobRequest {
                /// The type.
                #[serde(rename = "type")]
                pub type_: Option<String>,
            }
        };
        escape_errors(&mut file.items);
        let source = prettyplease::unparse(&file);
        assert!(source.starts_with("#[derive(Clone)]\npub struct JobRequest {"), "{source}");
        assert_eq!(source.matches("#[serde(rename = \"type\")]").count(), 2, "{source}");
        assert!(
            source.contains("Members::deserialize(deserializer).map_err(crate::runtime::escape)"),
            "{source}"
        );
    }
}
