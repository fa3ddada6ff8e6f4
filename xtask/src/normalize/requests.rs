//! Members that can be absent, and in requests be sent empty.

use std::collections::BTreeSet;

use serde_json::Value;

use super::descriptions;
use crate::document::{REQUIRED, SCHEMA_REFERENCE, operations, references};

/// What the docs say of a member that can be null: an absent one is left out.
const NOT_SENT: &str = "Null is read as absent, and cannot be sent.";

/// Makes every member optional, and lists and maps of request types nullable.
///
/// A client that insists on a member could not read a response without it, as of an older hub; of a request, the docs
/// say it. An optional list is otherwise left out when it is empty: no request could clear one.
pub(super) fn open(json: &mut Value) {
    let sent = components_sent(json);
    for (name, schema) in json["components"]["schemas"].as_object_mut().into_iter().flatten() {
        let Some(schema) = schema.as_object_mut() else { continue };
        let required = schema.remove("required").unwrap_or_default();
        let properties = schema.get_mut("properties").filter(|_| sent.contains(name));
        for (property, schema) in properties.and_then(Value::as_object_mut).into_iter().flatten() {
            let is_collection = is_collection(schema);
            let Some(schema) = schema.as_object_mut() else { continue };
            if schema.get("nullable").is_some_and(|nullable| *nullable == true) {
                descriptions::append(schema, NOT_SENT);
            }
            if is_collection {
                schema.insert("nullable".to_owned(), true.into());
            }
            if required.as_array().is_some_and(|names| names.iter().any(|name| name == property)) {
                descriptions::append(schema, REQUIRED);
            }
        }
    }
}

/// The components that request bodies refer to, directly or not, other than through what is only read.
pub(crate) fn components_sent(json: &Value) -> BTreeSet<String> {
    let mut sent = BTreeSet::new();
    let mut pending: Vec<&str> =
        operations(json).flat_map(|operation| references(&operation.json["requestBody"])).collect();
    while let Some(reference) = pending.pop() {
        if let Some(name) = reference.strip_prefix(SCHEMA_REFERENCE)
            && sent.insert(name.to_owned())
        {
            let schema = &json["components"]["schemas"][name];
            let parts = schema["properties"]
                .as_object()
                .map_or_else(|| vec![schema], |parts| parts.values().collect());
            let parts = parts.into_iter().filter(|part| part["readOnly"] != true);
            pending.extend(parts.flat_map(references));
        }
    }
    sent
}

fn is_collection(schema: &Value) -> bool {
    schema["type"] == "array" || schema["type"] == "object" && schema.get("properties").is_none()
}
