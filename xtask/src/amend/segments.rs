//! Paths: parameters are refused if they would leave their segment, and what follows a `#` is cut off.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::LitStr;

use super::tokens::rewrite;

/// Passes every path parameter of the client through `crate::runtime::encode_segment`, which refuses `.`
/// and `..`, instead of the generator's `encode_path`, which leaves them to the URL parser.
pub(super) fn guard(client: TokenStream) -> TokenStream {
    rewrite(client, &|tokens| match tokens {
        [TokenTree::Ident(name), TokenTree::Group(argument), ..] if name == "encode_path" => {
            Some((2, quote!(crate::runtime::encode_segment #argument ?)))
        }
        // What follows a `#` tells operations of one path apart, and is not sent.
        [TokenTree::Literal(path), ..] => {
            let path = syn::parse_str::<LitStr>(&path.to_string()).ok()?.value();
            let (path, _) = path.split_once('#').filter(|(path, _)| path.starts_with("{}/"))?;
            Some((1, quote!(#path)))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_parameters_are_guarded() {
        let url = quote! {
            use progenitor_client::{encode_path, Error};
            let url = format!("{}/jobs/{}/{}#own", self.baseurl, encode_path(&id.to_string()), encode_path(a),);
        };
        let expected = quote! {
            use progenitor_client::{encode_path, Error};
            let url = format!(
                "{}/jobs/{}/{}", self.baseurl, crate::runtime::encode_segment(&id.to_string())?,
                crate::runtime::encode_segment(a)?,
            );
        };
        assert_eq!(guard(url).to_string(), expected.to_string());
    }
}
