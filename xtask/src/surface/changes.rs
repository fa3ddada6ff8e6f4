//! The changes between two clients, and what each means for users.

use super::items::{PublicItem, Surface};
use crate::document::{DEPRECATED, REQUIRED};
use crate::places::Places;

/// What the docs say of an item, and what it means that they begin to.
const NOTES: [(&str, Class, &str); 2] = [
    (REQUIRED, Class::Behaviour, "is required: requests without it are refused"),
    (DEPRECATED, Class::Additive, "is deprecated"),
];

/// The meaning of a change for users.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Class {
    /// Code that compiled no longer does.
    Breaking,
    /// The same code sends or reads something else.
    Behaviour,
    /// There is more to use.
    Additive,
    /// A value is no longer, or not yet, of a type of its own.
    Untyped,
    /// A type that no operation sends or returns.
    Unused,
    /// The same code, described in other words.
    Docs,
}

impl Class {
    pub(crate) fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// A change of one item.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Change {
    pub(crate) class: Class,
    /// The item, such as `JobResponse.status`.
    pub(crate) item: String,
    /// The change in words, after the item; empty for a new one.
    pub(crate) text: String,
    /// The place in the spec.
    pub(crate) place: String,
    pub(crate) is_gone: bool,
}

impl Change {
    /// What changed, for the steps by hand: an operation, with its arguments, and a new type are called so. None if there
    /// is nothing to do.
    pub(crate) fn subject(&self) -> Option<String> {
        let item = &self.item;
        let kind = match item.find(['.', ':', '-']) {
            _ if item.starts_with(char::is_lowercase) && item != "api-version" => "operation ",
            None => "type ",
            Some(_) => "",
        };
        (self.class <= Class::Additive).then(|| format!("{kind}{item}"))
    }

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
            notes("", &new.docs).for_each(|(class, text)| add(name, class, text.to_owned(), false));
        }
        if let Some(reason) = untyped(new) {
            add(name, Class::Untyped, reason.to_owned(), false);
        }
        if new.is_type() && !after.names_type(name) {
            add(name, Class::Unused, "is neither sent nor returned".to_owned(), false);
        }
    }
    for (name, old) in &before.variants {
        let new = after.variants.get(name).map(Vec::as_slice).unwrap_or_default();
        let kept = old.iter().filter(|variant| new.contains(variant));
        if !kept.eq(new.iter().filter(|variant| old.contains(variant))) {
            let text = "has its values in another order, which `Ord` and `KNOWN` follow";
            add(name, Class::Behaviour, text.to_owned(), false);
        }
    }
    let named = changes.clone();
    changes.retain(|change| !is_setter_of(change, &named));
    changes.sort();
    changes
}

/// Returns true if the new words are those before and others in between, such as an optional header; but no path and
/// no media type.
fn is_extension(old: &str, new: &str) -> bool {
    let mut old = old.split(' ').filter(|word| !word.is_empty()).peekable();
    let is_allowed = |word: &str| old.next_if_eq(&word).is_some() || !word.contains('/');
    new.split(' ').all(is_allowed) && old.next().is_none()
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
        let class = if is_extension(&old.wire, &new.wire) { Class::Additive } else { Class::Behaviour };
        let before = if old.wire.is_empty() { "" } else { " instead of " };
        found.push((class, format!("is {} on the wire{before}{}", new.wire, old.wire)));
    }
    found.extend(notes(&old.docs, &new.docs).map(|(class, text)| (class, text.to_owned())));
    if let Some(reason) = untyped(new).filter(|_| untyped(old).is_none()) {
        found.push((Class::Untyped, reason.to_owned()));
    }
    if old.docs != new.docs {
        found.push((Class::Docs, "is described differently".to_owned()));
    }
    found
}

/// The notes that the new docs have and the old ones lack.
fn notes<'a>(old: &'a str, new: &'a str) -> impl Iterator<Item = (Class, &'static str)> + 'a {
    let added = NOTES.into_iter().filter(move |(note, ..)| new.contains(note) && !old.contains(note));
    added.map(|(_, class, text)| (class, text))
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
