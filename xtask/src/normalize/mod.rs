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
use crate::names::value_name;
use crate::places::Places;

pub(crate) use operations::Method;
pub(crate) use requests::components_sent;

/// What the normalized document no longer says.
pub(crate) struct Lost {
    pub(crate) methods: Vec<Method>,
    pub(crate) places: Places,
}

/// Makes the checked document safe for the generator.
pub(crate) fn normalize(json: &mut Value) -> Result<Lost, Defect> {
    descriptions::escape(json);
    schemas::loosen(json)?;
    let methods = operations::simplify(json);
    let mut places = parts::name(json)?;
    schemas::wrap_references(json);
    requests::open(json);
    for method in &methods {
        let others = method.other_rows.iter().filter_map(|rows| rows["operationId"].as_str());
        for name in others.map(value_name).chain([method.name.clone()]) {
            places.add(&name, &method.place);
        }
    }
    Ok(Lost { methods, places })
}
