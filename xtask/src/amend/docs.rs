//! Layout of doc comments: a line of text for each line of source.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::Meta;

use super::tokens::rewrite;
use crate::syntax::doc_text;

/// Splits every doc comment into lines, each after a space.
pub(super) fn lay_out(client: TokenStream) -> TokenStream {
    rewrite(client, &|tokens| match tokens {
        [TokenTree::Punct(hash), TokenTree::Group(attribute), ..] if hash.as_char() == '#' => {
            let meta: Meta = syn::parse2(attribute.stream()).ok()?;
            Some((2, lines(&doc_text(&meta)?)))
        }
        _ => None,
    })
}

fn lines(text: &str) -> TokenStream {
    let text = text.trim_end().replace('\r', " ");
    let lines = text.split('\n').map(|line| match line.trim_end() {
        line if line.is_empty() || line.starts_with(' ') => line.to_owned(),
        line => format!(" {line}"),
    });
    quote!(#(#[doc = #lines])*)
}
