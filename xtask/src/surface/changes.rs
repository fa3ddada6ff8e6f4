//! The changes between two clients, and what each means for users.

use serde::Serialize;

use super::items::{PublicItem, Surface};
use crate::places::Places;

/// The meaning of a change for users.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// Code that compiled no longer does.
    Breaking,
    /// The same code sends or reads something else.
    Behaviour,
    /// There is more to use.
    Additive,
    /// A value is no longer, or not yet, of a type of its own.
    Untyped,
    /// The same code, described in other words.
    Docs,
}

impl Class {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Behaviour => "behaviour",
            Self::Additive => "additive",
            Self::Untyped => "untyped",
            Self::Docs => "docs",
        }
    }
}

/// A change of one item.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Change {
    pub(crate) class: Class,
    /// The item, such as `JobResponse.status`.
    pub(crate) item: String,
    /// The change in words, after the item; empty for a new one.
    #[serde(rename = "change")]
    pub(crate) text: String,
    /// The place in the spec.
    pub(crate) place: String,
    #[serde(skip)]
    pub(crate) is_gone: bool,
}

impl Change {
    /// The change as a line tells it.
    pub(crate) fn sentence(&self) -> String {
        format!("{} {}", self.item, self.text).trim_end().to_owned()
    }
}

/// Compares two clients. The changes are sorted, and those that follow from others are left out.
pub(crate) fn compare(before: &Surface, after: &Surface, places: &Places) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |item: &str, class, text: String, is_gone| {
        changes.push(Change { class, item: item.to_owned(), text, place: places.of(item), is_gone });
    };
    for (name, old) in &before.items {
        match after.items.get(name) {
            Some(new) => {
                let found = differences(old, new).into_iter();
                found.for_each(|(class, text)| add(name, class, text, false));
            }
            None if owner_of(name).is_some_and(|owner| !after.items.contains_key(owner)) => {}
            None => add(name, Class::Breaking, "is gone".to_owned(), true),
        }
    }
    for (name, new) in after.items.iter().filter(|(name, _)| !before.items.contains_key(*name)) {
        if owner_of(name).is_none_or(|owner| before.items.contains_key(owner)) {
            add(name, Class::Additive, String::new(), false);
        }
        if let Some(reason) = untyped(new) {
            add(name, Class::Untyped, reason.to_owned(), false);
        }
    }
    let named = changes.clone();
    changes.retain(|change| !is_setter_of(change, &named));
    changes.sort();
    changes
}

/// The type that an item belongs to.
fn owner_of(name: &str) -> Option<&str> {
    name.split_once([':', '.']).map(|(owner, _)| owner)
}

/// Returns true for a setter whose field has changed likewise.
fn is_setter_of(change: &Change, changes: &[Change]) -> bool {
    let Some((owner, field)) = change.item.split_once("::with_") else { return false };
    changes.iter().any(|other| {
        let field_name = other.item.strip_prefix(owner).and_then(|rest| rest.strip_prefix('.'));
        other.class == change.class && field_name.is_some_and(|name| name.trim_end_matches('_') == field)
    })
}

/// The differences of an item that both clients have.
fn differences(old: &PublicItem, new: &PublicItem) -> Vec<(Class, String)> {
    let mut found = Vec::new();
    if old.code != new.code {
        found.push((Class::Breaking, format!("is {} instead of {}", new.code, old.code)));
    }
    if old.wire != new.wire {
        found.push((Class::Behaviour, format!("is {} on the wire instead of {}", new.wire, old.wire)));
    }
    match (old.is_deprecated, new.is_deprecated) {
        (false, true) => found.push((Class::Additive, "is deprecated".to_owned())),
        (true, false) => found.push((Class::Additive, "is no longer deprecated".to_owned())),
        _ => {}
    }
    if let Some(reason) = untyped(new).filter(|_| untyped(old).is_none()) {
        found.push((Class::Untyped, reason.to_owned()));
    }
    if old.docs != new.docs {
        found.push((Class::Docs, "is described differently".to_owned()));
    }
    found
}

/// Explains an item of no type of its own; none if it has one.
fn untyped(item: &PublicItem) -> Option<&'static str> {
    let mut words = item.code.split(|c: char| !c.is_alphanumeric());
    // A setter is as typed as its field.
    if item.code.starts_with("(impl ") || !words.any(|word| word == "Value") {
        None
    } else if item.code.contains("Map<String, Value>") {
        Some("is a map of any JSON: the schema declares no members")
    } else {
        Some("is any JSON: the schema names no type")
    }
}
