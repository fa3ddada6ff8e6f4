//! Limits of twins.

use serde_json::{Map, Value};

use crate::limits::{
    TWIN_DEPTH, TWIN_INTEGERS, TWIN_KEY_SIZE, TWIN_PROPERTIES_SIZE, TWIN_STRING_SIZE, TWIN_TAGS_SIZE,
};

/// Checks tags; the error is meant for the caller.
pub(crate) fn check_tags(tags: &Value) -> Result<(), String> {
    check_part("tags", members("tags", tags)?)
}

/// Checks desired or reported properties, which `what` names; the error is meant for the caller.
pub(crate) fn check_properties(what: &str, properties: &Value) -> Result<(), String> {
    check(what, members(what, properties)?, TWIN_PROPERTIES_SIZE)
}

/// Checks the members of the tags, the desired or the reported properties; the error is meant for the caller.
pub(super) fn check_part(part: &str, members: &Map<String, Value>) -> Result<(), String> {
    let size = if part == "tags" { TWIN_TAGS_SIZE } else { TWIN_PROPERTIES_SIZE };
    check(part, members, size)
}

fn members<'a>(what: &str, collection: &'a Value) -> Result<&'a Map<String, Value>, String> {
    collection.as_object().ok_or_else(|| format!("{what} must be an object"))
}

fn check(what: &str, members: &Map<String, Value>, size: usize) -> Result<(), String> {
    // The collection itself is not one of the levels.
    let found = check_members(what, members, TWIN_DEPTH)?;
    if found > size {
        return Err(format!("{what} must not be larger than {} KB: it has {found} bytes", size / 1024));
    }
    Ok(())
}

/// Checks the members of an object and returns their size.
fn check_members(what: &str, members: &Map<String, Value>, depth: usize) -> Result<usize, String> {
    let mut size = 0;
    for (key, value) in members {
        check_key(what, key)?;
        size += length(key) + check_value(what, key, value, depth)?;
    }
    Ok(size)
}

fn check_key(what: &str, key: &str) -> Result<(), String> {
    if key.len() > TWIN_KEY_SIZE {
        return Err(format!("{what} has a key longer than {TWIN_KEY_SIZE} bytes"));
    }
    let is_refused = |c: char| c.is_control() || matches!(c, '.' | '$' | '#' | ' ');
    if key.contains(is_refused) {
        return Err(format!(
            "{what} has the key {key:?}: a key must not hold '.', '$', '#', a space or a control character"
        ));
    }
    Ok(())
}

fn check_value(what: &str, key: &str, value: &Value, depth: usize) -> Result<usize, String> {
    match value {
        Value::Null => Ok(0),
        Value::Bool(_) => Ok(4),
        Value::Number(number) => match (number.is_f64(), number.as_i64()) {
            (true, _) => Ok(8),
            (false, Some(number)) if TWIN_INTEGERS.contains(&number) => Ok(8),
            _ => Err(format!(
                "{what}: the integer of {key:?} must be within [{}; {}]",
                TWIN_INTEGERS.start(),
                TWIN_INTEGERS.end()
            )),
        },
        Value::String(text) if text.len() > TWIN_STRING_SIZE => {
            Err(format!("{what}: the string of {key:?} is longer than {} KB", TWIN_STRING_SIZE / 1024))
        }
        Value::String(text) => Ok(length(text)),
        Value::Array(items) if items.iter().any(has_null) => {
            Err(format!("{what}: the array of {key:?} must not hold null"))
        }
        Value::Array(items) => {
            let sizes = items.iter().map(|item| check_value(what, key, item, depth));
            sizes.sum()
        }
        Value::Object(members) => match depth.checked_sub(1) {
            Some(depth) => check_members(what, members, depth),
            None => Err(format!("{what} must have at most {TWIN_DEPTH} levels")),
        },
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        value => value.is_null(),
    }
}

/// Returns the counted length of a text: control characters are free.
fn length(text: &str) -> usize {
    text.chars().filter(|c| !c.is_control()).map(char::len_utf8).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(levels: usize) -> Value {
        (0..levels).fold(json!(1), |value, _| json!({ "a": value }))
    }

    #[test]
    fn twins_within_the_limits_pass() {
        for tags in [
            json!({}),
            json!({ "a": [1, "b", { "c": 2 }], "ä": true, "": { "d": null }, "f": 1e300 }),
            json!({ "n": 4_503_599_627_370_495_i64, "m": -4_503_599_627_370_495_i64 }),
            json!({ "a": "x".repeat(4096) }),
            nested(11),
        ] {
            assert_eq!(check_tags(&tags), Ok(()), "{tags}");
        }
        assert_eq!(check_properties("desired", &json!({ "a": vec!["x".repeat(4000); 8] })), Ok(()));
    }

    #[test]
    fn twins_beyond_a_limit_are_refused() {
        for (tags, reason) in [
            (json!([1]), "must be an object"),
            (json!({ "a.b": 1 }), "\"a.b\""),
            (json!({ "$a": 1 }), "\"$a\""),
            (json!({ "a b": 1 }), "\"a b\""),
            (json!({ "a\u{7}": 1 }), "control character"),
            (json!({ "a#b": 1 }), "\"a#b\""),
            (json!({ "a": [1, null] }), "must not hold null"),
            (json!({ "a": [[{ "b": null }]] }), "must not hold null"),
            (json!({ "k".repeat(1025): 1 }), "longer than 1024"),
            (json!({ "a": "x".repeat(4097) }), "longer than 4 KB"),
            (json!({ "n": 4_503_599_627_370_496_i64 }), "must be within"),
            (json!({ "n": -4_503_599_627_370_496_i64 }), "must be within"),
            (json!({ "n": u64::MAX }), "must be within"),
            (json!({ "a": vec!["x".repeat(4000); 3] }), "not be larger than 8 KB"),
            (nested(12), "at most 10 levels"),
        ] {
            let error = check_tags(&tags).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
