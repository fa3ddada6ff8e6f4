//! Enums that are open by their description: one of some texts, or any text.

use serde_json::Value;

use crate::document::{follow, locate_schemas};

/// Replaces each choice between the values of an enum and any text by the enum: every enum of the client is open.
pub(crate) fn simplify(json: &mut Value) {
    let mut located = locate_schemas(json);
    // Components come first: others may choose between one of them and any text.
    located.sort_by_key(|located| located.pointer.matches('/').count());
    for located in located {
        let Some(chosen) =
            json.pointer(&located.pointer).and_then(|schema| known_values(json, schema)).cloned()
        else {
            continue;
        };
        if let Some(schema) = json.pointer_mut(&located.pointer).and_then(Value::as_object_mut) {
            schema.remove("anyOf");
            for (key, member) in chosen.as_object().into_iter().flatten() {
                schema.entry(key).or_insert_with(|| member.clone());
            }
        }
    }
}

/// The enum of a choice between it and any text.
fn known_values<'a>(json: &Value, schema: &'a Value) -> Option<&'a Value> {
    let [one, other] = schema["anyOf"].as_array()?.as_slice() else { return None };
    let is_enum = |part: &Value| follow(json, part)["enum"].is_array();
    let is_text = |part: &Value| part["type"] == "string" && part.get("enum").is_none();
    let pairs = [(one, other), (other, one)].into_iter();
    pairs.filter(|(values, text)| is_enum(values) && is_text(text)).map(|(values, _)| values).next()
}
