//! The places in the spec from which the items of the client come.

use std::collections::BTreeMap;

use crate::document::SCHEMAS;

/// The places of types and methods by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(BTreeMap<String, String>);

impl Places {
    /// Adds the place of a type or a method.
    pub(crate) fn add(&mut self, name: &str, place: &str) {
        self.0.insert(name.to_owned(), place.to_owned());
    }

    /// The place of an item, such as `JobResponse.status`: that of its type or its method.
    pub(crate) fn of(&self, item: &str) -> String {
        let owner = item.split([':', '.']).next().unwrap_or_default();
        let section = match owner {
            "api-version" => ".info.version",
            name if name.starts_with(char::is_uppercase) => SCHEMAS,
            _ => ".paths",
        };
        self.0.get(owner).cloned().unwrap_or_else(|| section.to_owned())
    }

    /// Returns true if this is the name of a type or a method of the spec.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}
