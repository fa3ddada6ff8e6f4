//! Enums and objects that are written inline, whose types would have no name.

use serde_json::Value;

use crate::document::{Defect, Defects, Located, SCHEMAS, locate_schemas};

/// Refuses every enum and object that is no component.
pub(super) fn check(json: &Value) -> Result<(), Defects> {
    let located = locate_schemas(json).into_iter();
    let inline = located.filter(|Located { pointer, .. }| {
        let schema = json.pointer(pointer).and_then(Value::as_object);
        let is_component = pointer.starts_with("/components/schemas/") && pointer.matches('/').count() == 3;
        !is_component
            && schema.is_some_and(|schema| schema.contains_key("enum") || schema.contains_key("properties"))
    });
    let reason = format!("is an enum or an object without a name; move it to {SCHEMAS}, and refer to it");
    Defects::check(inline.map(|located| Defect::new(located.place, reason.as_str())))
}
