//! Types that requests are made of: every member can be sent, and left out.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::{SCHEMA_REFERENCE, operations, references};

/// Makes lists and maps of request types optional, and read-only members not required.
///
/// An optional list is otherwise left out when it is empty: no request could clear one.
pub(super) fn open(json: &mut Value) {
    for name in components_sent(json) {
        open_schema(&mut json["components"]["schemas"][name.as_str()]);
    }
}

/// The components that request bodies refer to, directly or not.
pub(crate) fn components_sent(json: &Value) -> BTreeSet<String> {
    let mut sent = BTreeSet::new();
    let mut pending: Vec<&str> =
        operations(json).flat_map(|operation| references(&operation.json["requestBody"])).collect();
    while let Some(reference) = pending.pop() {
        if let Some(name) = reference.strip_prefix(SCHEMA_REFERENCE)
            && sent.insert(name.to_owned())
        {
            pending.extend(references(&json["components"]["schemas"][name]));
        }
    }
    sent
}

fn open_schema(schema: &mut Value) {
    let required: Vec<Value> = schema["required"].as_array().cloned().unwrap_or_default();
    let mut read_only = Vec::new();
    for (name, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
    {
        let name = Value::from(name.as_str());
        if !required.contains(&name) && is_collection(property) {
            property["nullable"] = true.into();
        }
        if property["readOnly"] == true {
            read_only.push(name);
        }
    }
    if required.iter().any(|name| read_only.contains(name)) {
        schema["required"] = required.into_iter().filter(|name| !read_only.contains(name)).collect();
    }
}

fn is_collection(schema: &Value) -> bool {
    schema["type"] == "array" || schema["type"] == "object" && schema.get("properties").is_none()
}
