//! The changes between two clients, and what each means for users.

use super::items::{Owner, PublicItem, Surface};
use crate::places::Places;

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
    /// The change concerns literals outside of the crate alone.
    pub(crate) is_growth: bool,
}

impl Change {
    /// The change as a line tells it.
    pub(crate) fn sentence(&self) -> String {
        match self.text.as_str() {
            "" => self.item.clone(),
            text => format!("{} {text}", self.item),
        }
    }
}

/// Compares two clients. The changes are sorted, and those that follow from others are left out.
pub(crate) fn compare(before: &Surface, after: &Surface, places: &Places) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, old) in &before.items {
        match after.items.get(name) {
            Some(new) => compare_item(name, old, new, places, &mut changes),
            None if follows(name, |owner| !after.items.contains_key(owner)) => {}
            None => changes.push(Change {
                class: Class::Breaking,
                item: name.clone(),
                text: "is gone".to_owned(),
                place: place(&old.owner, places),
                is_gone: true,
                is_growth: false,
            }),
        }
    }
    for (name, new) in after.items.iter().filter(|(name, _)| !before.items.contains_key(*name)) {
        let mut add = |class, text: &str| {
            let place = place(&new.owner, places);
            changes.push(Change {
                class,
                item: name.clone(),
                text: text.to_owned(),
                place,
                is_gone: false,
                is_growth: false,
            });
        };
        if !follows(name, |owner| !before.items.contains_key(owner)) {
            add(Class::Additive, "");
        }
        if let Some(reason) = untyped(new) {
            add(Class::Untyped, reason);
        }
    }
    let named: Vec<Change> = changes.clone();
    changes.retain(|change| !is_setter_of(change, &named));
    changes.sort();
    changes
}

/// Returns true if the type that the item `name` belongs to has changed likewise.
fn follows(name: &str, owner_changed: impl Fn(&str) -> bool) -> bool {
    owner_of(name).is_some_and(owner_changed)
}

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

fn compare_item(name: &str, old: &PublicItem, new: &PublicItem, places: &Places, changes: &mut Vec<Change>) {
    let mut growth = Vec::new();
    let mut add = |class, text: String| {
        let place = place(&new.owner, places);
        changes.push(Change { class, item: name.to_owned(), text, place, is_gone: false, is_growth: false });
    };
    let mut add_growth = |class, text: &str| {
        let (item, place) = (name.to_owned(), place(&new.owner, places));
        growth.push(Change { class, item, text: text.to_owned(), place, is_gone: false, is_growth: true });
    };
    for (aspect, value) in &new.code {
        match old.code.get(aspect) {
            Some(before) if before != value => match (*aspect, value.as_str()) {
                ("growth", "open") => add_growth(Class::Breaking, "can no longer be built as a literal"),
                ("growth", _) => add_growth(Class::Additive, "can be built as a literal"),
                ("arguments", _) => add(Class::Breaking, format!("takes ({value}) instead of ({before})")),
                ("result", _) => add(Class::Breaking, format!("returns {value} instead of {before}")),
                _ => add(Class::Breaking, format!("is {value} instead of {before}")),
            },
            _ => {}
        }
    }
    for (aspect, value) in &new.wire {
        if let Some(before) = old.wire.get(aspect).filter(|before| *before != value) {
            add(Class::Behaviour, wire_change(aspect, before, value));
        }
    }
    match (old.is_deprecated, new.is_deprecated) {
        (false, true) => add(Class::Additive, "is deprecated".to_owned()),
        (true, false) => add(Class::Additive, "is no longer deprecated".to_owned()),
        _ => {}
    }
    if let Some(reason) = untyped(new).filter(|_| untyped(old).is_none()) {
        add(Class::Untyped, reason.to_owned());
    }
    if old.docs != new.docs {
        add(Class::Docs, "is described differently".to_owned());
    }
    changes.extend(growth);
}

fn wire_change(aspect: &str, before: &str, value: &str) -> String {
    let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    match aspect {
        "request" => format!("sends {value}"),
        "api-version" => format!("is {value} instead of {before}"),
        "name" => format!("is {value:?} on the wire instead of {before:?}"),
        "value" => format!("is {value} on the wire instead of {before}"),
        "presence" => format!("{} in a body", if value == "always" { "must be present" } else { value }),
        "success" => format!("succeeds with {value} instead of {before}"),
        _ => format!("sends the {aspect} {} instead of {}", or_none(value), or_none(before)),
    }
}

/// Explains an item of no type of its own; none if it has one.
fn untyped(item: &PublicItem) -> Option<&'static str> {
    let is_setter = item.code.get("arguments").is_some_and(|arguments| arguments.starts_with("impl "));
    let texts: Vec<&String> = item.code.values().filter(|_| !is_setter).collect();
    if texts.iter().any(|text| text.contains("Map<String, Value>")) {
        return Some("is a map of any JSON: the schema declares no members");
    }
    texts
        .iter()
        .any(|text| {
            text.contains("Value>") && !text.contains("ResponseValue<")
                || **text == "Value"
                || text.contains("<Value>")
        })
        .then_some("is any JSON: the schema names no type")
}

fn place(owner: &Owner, places: &Places) -> String {
    match owner {
        Owner::Client => ".info.version".to_owned(),
        Owner::Type(name) => places.of_type(name),
        Owner::Method(name) => places.of_method(name),
    }
}
