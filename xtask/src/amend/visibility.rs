//! Narrowing of what the generated client shows: its operations, and nothing of progenitor.

use syn::{ImplItem, Item, Visibility, parse_quote};

/// Hides the generator's re-exports and constructors from the crate's users.
///
/// The crate builds its clients through `new_with_client` alone; `new` and the module `prelude` go.
pub(super) fn narrow(file: &mut syn::File) {
    file.items.retain(|item| !matches!(item, Item::Mod(module) if module.ident == "prelude"));
    for item in &mut file.items {
        match item {
            Item::Use(import) => import.vis = Visibility::Inherited,
            Item::Impl(block) if block.trait_.is_none() => narrow_constructors(&mut block.items),
            _ => {}
        }
    }
}

fn narrow_constructors(items: &mut Vec<ImplItem>) {
    items.retain(|item| !matches!(item, ImplItem::Fn(function) if function.sig.ident == "new"));
    for item in items {
        if let ImplItem::Fn(function) = item
            && function.sig.ident == "new_with_client"
        {
            function.vis = parse_quote!(pub(crate));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_operations_stay_public() {
        let mut file: syn::File = parse_quote! {
            pub use progenitor_client::{ByteStream, Error};
            pub struct Client;
            impl Client {
                pub fn new() -> Self { Self }
                pub fn new_with_client() -> Self { Self }
                pub async fn get_job(&self) {}
            }
            pub mod prelude {
                pub use super::Client;
            }
        };
        narrow(&mut file);
        let expected: syn::File = parse_quote! {
            use progenitor_client::{ByteStream, Error};
            pub struct Client;
            impl Client {
                pub(crate) fn new_with_client() -> Self { Self }
                pub async fn get_job(&self) {}
            }
        };
        assert_eq!(prettyplease::unparse(&file), prettyplease::unparse(&expected));
    }
}
