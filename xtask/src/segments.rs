//! Path parameters: refused if they would leave their segment of the path.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::quote;
use syn::{Expr, ImplItem, Item, Stmt};

/// Passes every path parameter of the client through `crate::runtime::encode_segment`, which refuses `.`
/// and `..`, instead of the generator's `encode_path`, which leaves them to the URL parser.
pub(crate) fn guard(client: &mut [Item]) {
    let blocks = client.iter_mut().filter_map(|item| match item {
        Item::Impl(block) if block.trait_.is_none() => Some(&mut block.items),
        _ => None,
    });
    for item in blocks.flatten() {
        let ImplItem::Fn(method) = item else { continue };
        for statement in &mut method.block.stmts {
            if let Stmt::Local(local) = statement
                && let Some(init) = &mut local.init
                && let Expr::Macro(call) = &mut *init.expr
                && call.mac.path.is_ident("format")
            {
                call.mac.tokens = replace(std::mem::take(&mut call.mac.tokens));
            }
        }
    }
}

/// Replaces each `encode_path(…)`.
fn replace(tokens: TokenStream) -> TokenStream {
    let mut replaced = TokenStream::new();
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) if ident == "encode_path" => {
                let arguments = tokens.next();
                replaced.extend(quote!(crate::runtime::encode_segment #arguments ?));
            }
            TokenTree::Group(group) => {
                let inner = Group::new(group.delimiter(), replace(group.stream()));
                replaced.extend([TokenTree::Group(inner)]);
            }
            other => replaced.extend([other]),
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn path_parameters_are_guarded() {
        let mut file: syn::File = parse_quote! {
            impl Client {
                fn get(&self, id: &str) {
                    let url = format!("{}/jobs/{}/{}", self.baseurl, encode_path(&id.to_string()), encode_path(a),);
                    let other = encode_path(id);
                }
            }
        };
        guard(&mut file.items);
        let expected: syn::File = parse_quote! {
            impl Client {
                fn get(&self, id: &str) {
                    let url = format!(
                        "{}/jobs/{}/{}", self.baseurl, crate::runtime::encode_segment(&id.to_string())?,
                        crate::runtime::encode_segment(a)?,
                    );
                    let other = encode_path(id);
                }
            }
        };
        assert_eq!(prettyplease::unparse(&file), prettyplease::unparse(&expected));
    }
}
