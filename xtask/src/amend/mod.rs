//! Amendments to the generated syntax tree: what the document says and the generator cannot write.

mod aliases;
mod calls;
mod docs;
mod readers;
mod rows;
mod segments;
mod setters;
mod tokens;

use crate::document::Defect;
use crate::enums::Enum;
use crate::spec::Spec;
use crate::syntax::types_module;

/// Amends the client that was generated of the spec, to which its `enums` belong.
pub(crate) fn amend(mut client: syn::File, spec: &Spec, enums: &[Enum]) -> Result<syn::File, Defect> {
    rows::read_responses(&mut client.items);
    if let Some(types) = types_module(&mut client) {
        types.extend(enums.iter().flat_map(Enum::to_items));
        readers::set(types);
        setters::add(&spec.json, types);
        aliases::add(&spec.json, types)?;
    }
    let made = calls::make(&mut client);
    let rewritten = segments::guard(docs::lay_out(quote::ToTokens::into_token_stream(client)));
    made.and_then(|()| syn::parse2(rewritten))
        .map_err(|error| Defect::new("", format!("the client is no Rust: {error}")))
}

#[cfg(test)]
pub(crate) use setters::HAND_WRITTEN;
