//! Normalization: a document whose client reads every response, and sends what the document says.
//!
//! The generator turns constraints into types that refuse values, and forgets what it does not know.
//! The passes here work on the parsed document and run in order: each relies on those before it.

mod composition;
mod descriptions;
mod enums;
mod operations;
mod requests;
mod schemas;

use serde_json::Value;

use crate::document::{Defect, OTHER_NAMES, OTHER_ROWS};
use crate::grammar::{Kind, walk_mut};

pub(crate) use operations::Method;

/// Makes the checked document safe for the generator, and returns what the operations' bodies are.
pub(crate) fn normalize(json: &mut Value) -> Result<Vec<Method>, Defect> {
    remove_extensions(json)?;
    descriptions::escape(json)?;
    schemas::loosen(json)?;
    enums::name(json)?;
    schemas::wrap_references(json)?;
    composition::merge(json)?;
    let methods = operations::simplify(json)?;
    requests::open(json);
    Ok(methods)
}

/// Removes the extensions of others, some of which change what the generator writes.
fn remove_extensions(json: &mut Value) -> Result<(), Defect> {
    walk_mut(json, "", Kind::Document, &mut |_, _, members| {
        members.retain(|key, _| !key.starts_with("x-") || [OTHER_NAMES, OTHER_ROWS].contains(&key.as_str()));
        Ok(())
    })
}
