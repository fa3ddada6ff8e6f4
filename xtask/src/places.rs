//! The places in the spec from which the items of the client come.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::document::{SCHEMAS, child, operations, schemas};
use crate::names::{type_name, value_name};
use crate::normalize::Method;

/// The places of types and methods.
pub(crate) struct Places {
    types: BTreeMap<String, String>,
    methods: BTreeMap<String, String>,
}

impl Places {
    pub(crate) fn new(json: &Value, others: &[Method]) -> Self {
        let mut types: BTreeMap<String, String> =
            schemas(json).map(|(name, _)| (type_name(name), child(SCHEMAS, name))).collect();
        let mut methods = BTreeMap::new();
        for operation in operations(json) {
            let id = operation.json["operationId"].as_str().unwrap_or_default();
            // Types without a name in the spec are named after the operation.
            types.entry(type_name(id)).or_insert_with(|| operation.place.clone());
            methods.insert(value_name(id), operation.place);
        }
        for method in others {
            let ids = method.other_rows.iter().filter_map(|rows| rows["operationId"].as_str());
            for id in ids {
                methods.entry(value_name(id)).or_insert_with(|| method.place.clone());
            }
        }
        Self { types, methods }
    }

    /// The place of a type: of the component, or of the one that its name begins with.
    pub(crate) fn of_type(&self, name: &str) -> String {
        if let Some(place) = self.types.get(name) {
            return place.clone();
        }
        let owner = self.types.iter().filter(|(owner, _)| name.starts_with(owner.as_str()));
        let owner = owner.max_by_key(|(owner, _)| owner.len());
        owner.map_or_else(|| SCHEMAS.to_owned(), |(_, place)| place.clone())
    }

    /// The place of an operation's method.
    pub(crate) fn of_method(&self, name: &str) -> String {
        self.methods.get(name).cloned().unwrap_or_else(|| ".paths".to_owned())
    }
}
