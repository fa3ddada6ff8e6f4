//! Reading of responses: with the path of what is unreadable, and lists row by row, so that one unreadable row does not
//! cost the others.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::{GenericArgument, ImplItemFn, Item, PathArguments, ReturnType, Type, parse_quote};

use super::tokens::rewrite;
use crate::syntax::methods_mut;

/// Makes every operation of the client read its response by the crate. One whose response is a list of generated
/// structs returns `ResponseValue<Rows<…>>`, without tokens in rows that are unreadable.
pub(super) fn read_responses(client: &mut [Item]) {
    for method in methods_mut(client) {
        let mut reader = quote!(crate::runtime::read_value(response));
        if let ReturnType::Type(_, output) = &mut method.sig.output
            && let Some(value) = argument(output, "Result").and_then(|ty| argument(ty, "ResponseValue"))
            && let Some(row) = argument(value, "Vec").filter(|row| is_generated(row)).cloned()
        {
            *value = parse_quote!(crate::runtime::Rows<#row>);
            reader = quote!(crate::runtime::read_rows(self.inner(), response));
        }
        replace_reader(method, &reader);
    }
}

/// Reads the body of a success by this call.
fn replace_reader(method: &mut ImplItemFn, call: &TokenStream) {
    let block = rewrite(method.block.to_token_stream(), &|tokens| match tokens {
        [TokenTree::Ident(value), _, _, TokenTree::Ident(reader), TokenTree::Group(_), ..]
            if value == "ResponseValue" && reader == "from_response" =>
        {
            Some((5, call.clone()))
        }
        _ => None,
    });
    if let Ok(block) = syn::parse2(block) {
        method.block = block;
    }
}

/// The first type argument of a path that ends with `name`.
pub(super) fn argument<'a>(ty: &'a mut Type, name: &str) -> Option<&'a mut Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last_mut().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &mut last.arguments else { return None };
    arguments.args.iter_mut().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn is_generated(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.first().is_some_and(|first| first.ident == "types"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_read_by_the_crate_and_lists_of_generated_types_by_row() {
        let mut file: syn::File = parse_quote! {
            impl Client {
                async fn list(&self) -> Result<ResponseValue<::std::vec::Vec<types::Job>>, Error<ByteStream>> {
                    match status {
                        200u16 => { ResponseValue::from_response(response).await }
                        _ => Err(Error::UnexpectedResponse(response)),
                    }
                }
                async fn names(&self) -> Result<ResponseValue<::std::vec::Vec<String>>, Error<ByteStream>> {}
                async fn one(&self) -> Result<ResponseValue<types::Job>, Error<ByteStream>> {
                    ResponseValue::from_response(response).await
                }
            }
        };
        read_responses(&mut file.items);
        let expected: syn::File = parse_quote! {
            impl Client {
                async fn list(&self) -> Result<ResponseValue<crate::runtime::Rows<types::Job>>, Error<ByteStream>> {
                    match status {
                        200u16 => { crate::runtime::read_rows(self.inner(), response).await }
                        _ => Err(Error::UnexpectedResponse(response)),
                    }
                }
                async fn names(&self) -> Result<ResponseValue<::std::vec::Vec<String>>, Error<ByteStream>> {}
                async fn one(&self) -> Result<ResponseValue<types::Job>, Error<ByteStream>> {
                    crate::runtime::read_value(response).await
                }
            }
        };
        assert_eq!(prettyplease::unparse(&file), prettyplease::unparse(&expected));
    }
}
