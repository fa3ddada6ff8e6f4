//! Lists of devices, and the conditions that select their parts.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::jobs::condition::{Condition, is_operand, names_collection, split_device_ids_within};
use crate::jobs::validate::check_condition;
use crate::limits::{CONDITION_LENGTH, DEVICE_ID_LENGTH, DEVICE_ID_PUNCTUATION, is_device_id};

/// Characters of an id that an error shows.
const SHOWN_ID: usize = 40;

/// A part of a list of devices, and the condition that selects it.
pub(super) struct Part {
    /// In the order of their ids.
    pub(super) devices: Vec<String>,
    pub(super) condition: String,
}

/// Splits a list for those of its devices that `condition` selects, in as few parts as fit into conditions: there is
/// at least one.
pub(super) fn split_list(condition: &str, devices: BTreeSet<String>) -> Result<Vec<Part>, Error> {
    check_condition(Some(condition))?;
    check_devices(&devices)?;
    let (before, after) = around_list(condition.trim())?;
    let room = CONDITION_LENGTH.saturating_sub(before.chars().count() + after.chars().count());
    let devices = Vec::from_iter(devices);
    let to_part = |ids: &[String]| {
        let condition = format!("{before}{}{after}", Condition::device_ids(ids));
        Part { devices: ids.to_vec(), condition }
    };
    let ranges = split_device_ids_within(&devices, room).into_iter();
    let parts: Vec<Part> = ranges.filter_map(|range| devices.get(range)).map(to_part).collect();
    // An id that does not fit is a part of its own.
    if parts.iter().any(|part| part.condition.chars().count() > CONDITION_LENGTH) {
        let rule = format!("has no room for one of the device ids in its {CONDITION_LENGTH} characters");
        return Err(Error::invalid_request("queryCondition", rule));
    }
    Ok(parts)
}

/// Returns the texts that come before and after the list of devices in a condition.
fn around_list(condition: &str) -> Result<(String, String), Error> {
    if condition == "*" {
        return Ok(Default::default());
    }
    let (before, condition) = if names_collection(condition) {
        let (source, condition) = split_source(condition)?;
        (format!("{source} WHERE "), condition)
    } else {
        (String::new(), Some(condition))
    };
    if !condition.is_none_or(is_operand) {
        let rule = "must be made of comparisons, lists of constants, strings without escaped quotes, and \
                    parentheses in pairs: any other could extend it beyond the list of devices";
        return Err(Error::invalid_request("queryCondition", rule));
    }
    let after = condition.map(|condition| format!(" AND ({condition})")).unwrap_or_default();
    Ok((before, after))
}

/// Splits `FROM devices.modules WHERE …` into the collection and the condition, if there is one.
fn split_source(condition: &str) -> Result<(&str, Option<&str>), Error> {
    let after_from = condition["FROM".len()..].trim_start();
    let is_end = |c: char| c.is_whitespace() || c == '(';
    let (collection, rest) = after_from.split_at(after_from.find(is_end).unwrap_or(after_from.len()));
    let rest = rest.trim_start();
    let (word, after_where) = rest.split_at(rest.find(is_end).unwrap_or(rest.len()));
    if !collection.eq_ignore_ascii_case("devices.modules")
        || !(word.is_empty() && after_where.is_empty() || word.eq_ignore_ascii_case("WHERE"))
    {
        let rule = "must select from `devices.modules` if it names a collection, with `WHERE` after it";
        return Err(Error::invalid_request("queryCondition", rule));
    }
    let source = condition[..condition.len() - rest.len()].trim_end();
    Ok((source, Some(after_where.trim()).filter(|_| !word.is_empty())))
}

fn check_devices(devices: &BTreeSet<String>) -> Result<(), Error> {
    if devices.is_empty() {
        let rule = "must not be for an empty list of devices; `*` without a list selects every device";
        return Err(Error::invalid_request("queryCondition", rule));
    }
    let Some(id) = devices.iter().find(|id| !is_device_id(id)) else { return Ok(()) };
    let (shown, most) = (id.chars().take(SHOWN_ID).collect::<String>(), DEVICE_ID_LENGTH.end());
    let ellipsis = if shown.len() < id.len() { "…" } else { "" };
    let rule = format!(
        "must not be for the device {shown:?}{ellipsis}: an id has 1 to {most} ASCII letters, digits and \
         {DEVICE_ID_PUNCTUATION}"
    );
    Err(Error::invalid_request("queryCondition", rule))
}
