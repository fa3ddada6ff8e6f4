//! Rewriting of tokens, wherever they are.

use proc_macro2::{Group, TokenStream, TokenTree};

/// Rewrites `tokens`. For a start of the rest, `change` returns how many tokens to replace, and by what.
pub(super) fn rewrite(
    tokens: TokenStream,
    change: &impl Fn(&[TokenTree]) -> Option<(usize, TokenStream)>,
) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut rewritten = TokenStream::new();
    let mut rest = tokens.as_slice();
    while let Some((first, others)) = rest.split_first() {
        if let Some((count, replacement)) = change(rest) {
            rewritten.extend(replacement);
            rest = &rest[count..];
            continue;
        }
        rewritten.extend([match first {
            TokenTree::Group(group) => Group::new(group.delimiter(), rewrite(group.stream(), change)).into(),
            token => token.clone(),
        }]);
        rest = others;
    }
    rewritten
}
