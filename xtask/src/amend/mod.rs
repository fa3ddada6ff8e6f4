//! Amendments to the generated syntax tree: what the document says and the generator cannot write.

mod aliases;
mod deprecation;
mod docs;
mod escapes;
mod media_types;
mod nulls;
mod numbers;
mod other_rows;
mod readers;
mod rows;
mod segments;
mod setters;
mod tokens;
mod visibility;

use crate::document::Defect;
use crate::enums::Enum;
use crate::spec::Spec;
use crate::syntax::types_module;

/// Amends the client that was generated of the spec, to which its `enums` belong.
pub(crate) fn amend(mut client: syn::File, spec: &Spec, enums: &[Enum]) -> Result<syn::File, Defect> {
    visibility::narrow(&mut client);
    rows::read_by_row(&mut client.items);
    media_types::set(&spec.methods, &mut client.items)?;
    if let Some(types) = types_module(&mut client) {
        types.extend(enums.iter().flat_map(Enum::to_items));
    }
    deprecation::apply(&spec.json, &spec.methods, &mut client);
    other_rows::add(&spec.json, &spec.methods, &mut client)?;
    if let Some(types) = types_module(&mut client) {
        nulls::read_as_empty(types);
        numbers::read_by_value(types);
        readers::read_numbers_as_text(types);
        setters::add(&spec.json, types);
        aliases::add(&spec.json, types)?;
        readers::refuse_unknown_members(types);
        escapes::escape_errors(types);
    }
    let rewritten = segments::guard(docs::lay_out(quote::ToTokens::into_token_stream(client)));
    syn::parse2(rewritten).map_err(|error| Defect::new("", format!("the client is no Rust: {error}")))
}

#[cfg(test)]
pub(crate) use setters::HAND_WRITTEN;
