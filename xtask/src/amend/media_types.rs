//! Kinds of JSON other than `application/json`.

use syn::{ImplItemFn, Item, Pat, Stmt, parse_quote};

use crate::document::Defect;
use crate::normalize::Method;
use crate::syntax::methods_mut;

/// Makes the methods send the media types of their operations.
///
/// The headers of the generated `header_map` replace those that the request has by then.
pub(super) fn set(methods: &[Method], client: &mut [Item]) -> Result<(), Defect> {
    for function in methods_mut(client) {
        let method = methods.iter().find(|method| function.sig.ident == method.name);
        if let Some(Method { place, content_type: Some(media_type), .. }) = method {
            insert_header(function, media_type)
                .ok_or_else(|| Defect::new(place, "the generator wrote no map of headers"))?;
        }
    }
    Ok(())
}

fn insert_header(function: &mut ImplItemFn, media_type: &str) -> Option<()> {
    let is_map = |statement: &Stmt| match statement {
        Stmt::Local(local) => matches!(&local.pat, Pat::Ident(pattern) if pattern.ident == "header_map"),
        _ => false,
    };
    let position = function.block.stmts.iter().position(is_map)?;
    let insert = parse_quote! {
        header_map.insert(
            ::reqwest::header::CONTENT_TYPE,
            ::reqwest::header::HeaderValue::from_static(#media_type),
        );
    };
    function.block.stmts.insert(position + 1, insert);
    Some(())
}
