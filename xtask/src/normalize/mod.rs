//! Normalization: a document whose client reads every response, and sends what the document says.
//!
//! The generator turns constraints into types that refuse values, and forgets what it does not know.
//! The passes here work on the parsed document and run in order: each relies on those before it.

mod descriptions;
mod operations;
mod parts;
mod requests;
mod schemas;

use serde_json::Value;

use crate::document::Defect;
use crate::places::Places;

pub(crate) use requests::components_sent;

/// Makes the checked document safe for the generator, and returns the places of types and methods.
pub(crate) fn normalize(json: &mut Value) -> Result<Places, Defect> {
    descriptions::escape(json);
    schemas::loosen(json);
    let methods = operations::simplify(json);
    let mut places = parts::name(json)?;
    requests::open(json);
    schemas::wrap_references(json);
    for (name, place) in &methods {
        places.add(name, place);
    }
    Ok(places)
}
