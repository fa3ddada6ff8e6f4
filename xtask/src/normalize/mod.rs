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

use crate::document::{self, Defects, SCHEMAS, child};
use crate::names::{type_name, value_name};
use crate::places::Places;

pub(crate) use requests::components_sent;

/// Makes the checked document safe for the generator, and returns the places of types and methods.
pub(crate) fn normalize(json: &mut Value) -> Result<Places, Defects> {
    descriptions::escape(json);
    schemas::loosen(json);
    operations::simplify(json);
    parts::check(json)?;
    requests::open(json);
    schemas::wrap_references(json);
    let mut places = Places::default();
    for operation in document::operations(json) {
        places.add(&value_name(operation.json["operationId"].as_str().unwrap_or_default()), &operation.place);
    }
    document::schemas(json).for_each(|(name, _)| places.add(&type_name(name), &child(SCHEMAS, name)));
    Ok(places)
}
