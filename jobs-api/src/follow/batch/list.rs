//! Lists of devices, and the conditions that select their parts.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::error::Error;
use crate::jobs::condition::{Condition, names_collection, split_device_ids_within};
use crate::jobs::validate::check_condition;
use crate::limits::CONDITION_LENGTH;

/// A list of devices, in as few parts as fit into conditions: there is at least one.
#[derive(Debug)]
pub(super) struct List {
    devices: Vec<String>,
    parts: Vec<Range<usize>>,
    /// The texts that come before and after the ids in each condition.
    around: (String, String),
}

impl List {
    /// Splits the list for those of its devices that `condition` selects.
    pub(super) fn split(condition: &str, devices: BTreeSet<String>) -> Result<Self, Error> {
        check_condition(Some(condition))?;
        if devices.is_empty() {
            let rule = "must not be for an empty list of devices; `*` without a list selects every device";
            return Err(Error::invalid_request("queryCondition", rule));
        }
        if devices.first().is_some_and(String::is_empty) {
            let rule = "must not be for a device without an id: the list has an empty one";
            return Err(Error::invalid_request("queryCondition", rule));
        }
        if !is_balanced(condition) {
            let rule = "must have its parentheses, quotes and `[[ ]]` in pairs: others would extend it beyond \
                        the list";
            return Err(Error::invalid_request("queryCondition", rule));
        }
        let around = around_list(condition.trim());
        let overhead = around.0.chars().count() + around.1.chars().count();
        let devices = Vec::from_iter(devices);
        let parts = split_device_ids_within(&devices, CONDITION_LENGTH.saturating_sub(overhead));
        let list = Self { devices, parts, around };
        // An id that does not fit is a part of its own.
        let mut single = (0..list.len()).filter(|part| list.devices(*part).len() == 1);
        if single.any(|part| list.condition(part).chars().count() > CONDITION_LENGTH) {
            let rule = format!("has no room for one of the device ids in its {CONDITION_LENGTH} characters");
            return Err(Error::invalid_request("queryCondition", rule));
        }
        Ok(list)
    }

    /// Returns the number of parts.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Returns the devices of a part, in the order of their ids.
    pub(super) fn devices(&self, part: usize) -> &[String] {
        let range = self.parts.get(part).cloned();
        range.and_then(|range| self.devices.get(range)).unwrap_or_default()
    }

    /// Returns true if the condition of a part selects each of its devices.
    pub(super) fn selects_all(&self) -> bool {
        self.around == (String::new(), String::new())
    }

    /// Returns the condition that selects the devices of a part.
    pub(super) fn condition(&self, part: usize) -> String {
        let (before, after) = &self.around;
        format!("{before}{}{after}", Condition::device_ids(self.devices(part)))
    }
}

/// Returns the texts that come before and after the list of devices in a condition.
fn around_list(condition: &str) -> (String, String) {
    if condition == "*" {
        return Default::default();
    }
    if !names_collection(condition) {
        return (String::new(), format!(" AND ({condition})"));
    }
    // The collection of modules, and their condition.
    match split_at_where(condition) {
        Some((source, condition)) => (format!("{source} WHERE "), format!(" AND ({condition})")),
        None => (format!("{condition} WHERE "), String::new()),
    }
}

/// Returns the texts before and after the first `WHERE`, with any whitespace around it.
fn split_at_where(condition: &str) -> Option<(&str, &str)> {
    let is_end = |c: char| c.is_whitespace() || c == '(';
    let upper = condition.to_ascii_uppercase();
    let mut words = upper.match_indices("WHERE").map(|(start, word)| (start, start + word.len()));
    let (start, end) = words.find(|(start, end)| {
        condition[..*start].ends_with(char::is_whitespace) && condition[*end..].starts_with(is_end)
    })?;
    Some((condition[..start].trim_end(), condition[end..].trim()))
}

/// Returns true if parentheses, quotes and the brackets of names are in pairs, so that the condition in
/// parentheses is one operand.
fn is_balanced(condition: &str) -> bool {
    let (mut depth, mut quote) = (0_u32, None);
    let mut characters = condition.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(open), _) => quote = quote.filter(|_| c != open),
            (None, '\'' | '"') => quote = Some(c),
            // Within `[[a name]]` neither has a meaning.
            (None, '[') if characters.as_str().starts_with('[') => {
                let Some((_, rest)) = characters.as_str().split_once("]]") else { return false };
                characters = rest.chars();
            }
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return false,
            (None, ')') => depth -= 1,
            (None, _) => {}
        }
    }
    depth == 0 && quote.is_none()
}
