//! Types that requests are made of: every member can be sent, and left out.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::{SCHEMAS, operations, references};
use crate::grammar::{Kind, walk_mut};

/// Makes lists and maps of request types optional, and read-only members not required.
///
/// An optional list is otherwise left out when it is empty: no request could clear one.
pub(super) fn open(json: &mut Value) {
    let reached = reached(json);
    for name in reached {
        open_schema(&mut json["components"]["schemas"][name.as_str()]);
    }
    let items = json["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in items.filter_map(Value::as_object_mut).flat_map(|item| item.values_mut()) {
        let content = operation.get_mut("requestBody").and_then(|body| body["content"].as_object_mut());
        content
            .into_iter()
            .flat_map(|content| content.values_mut())
            .for_each(|content| open_schema(&mut content["schema"]));
    }
}

/// The components that request bodies refer to, directly or not.
fn reached(json: &Value) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut pending: Vec<&str> =
        operations(json).flat_map(|operation| references(&operation.json["requestBody"])).collect();
    while let Some(reference) = pending.pop() {
        if let Some(name) = reference.strip_prefix("#/components/schemas/")
            && reached.insert(name.to_owned())
        {
            pending.extend(references(&json["components"]["schemas"][name]));
        }
    }
    reached
}

fn open_schema(schema: &mut Value) {
    let _: Result<(), _> = walk_mut(schema, SCHEMAS, Kind::Schema, &mut |_, _, members| {
        let required: BTreeSet<String> = match members.get("required").and_then(Value::as_array) {
            Some(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            None => BTreeSet::new(),
        };
        let mut read_only = BTreeSet::new();
        for (name, property) in
            members.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            if property["readOnly"] == true {
                read_only.insert(name.clone());
            }
            if !required.contains(name) && is_collection(property) {
                property["nullable"] = true.into();
            }
        }
        if required.iter().any(|name| read_only.contains(name)) {
            members.insert("required".to_owned(), required.difference(&read_only).cloned().collect());
        }
        Ok(())
    });
}

fn is_collection(schema: &Value) -> bool {
    schema["type"] == "array" || schema["type"] == "object" && schema.get("properties").is_none()
}
